import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Architecture from "../architecture.ts"
import { layers } from "../lib/picture.ts"

describe("The pictures of docs/architecture.md", () => {
  it("docs/architecture.md shows the pictures that are drawn from the code", () => {
    const document = Fs.readFileSync(Architecture.file, "utf8")
    assert.strictEqual(Architecture.complete(document), document)
  })

  it("docs/architecture.md shows every layer of the runtime, and every file that exports the step of a machine", () => {
    const document = Fs.readFileSync(Architecture.file, "utf8")
    for (const name of Object.keys(layers)) assert.include(document, `| \`${name}\` |`)
    const machines = Architecture.machines()
    assert.includeMembers([...machines], [
      "packages/protocol/src/Dialog.ts",
      "packages/actor/src/internal/supervision/ShutdownLadder.ts"
    ])
    for (const name of machines) assert.include(document, `(../${name})`)
  })

  it("a picture of docs/architecture.md that was changed by hand is drawn again", () => {
    const document = Fs.readFileSync(Architecture.file, "utf8")
    const changed = document.replace("dialog --> stream", "dialog --> transport")
    assert.notStrictEqual(changed, document)
    assert.strictEqual(Architecture.complete(changed), document)
  })

  it("a page without the comments that mark its pictures is refused, and the error names the missing comment", () => {
    assert.throws(() => Architecture.complete("# Architecture"), /must hold "<!-- layers/)
  })

  it("a picture that is drawn from a doc comment keeps the comment's indented lines and table, and drops its sentences", () => {
    const source = `/**
 * A door, as a machine.
 *
 *   Open --push--> Closed
 *     ^--pull------+
 *
 * | state | word |
 * | Open  | come |
 *
 * Nothing else moves it.
 */
export const step = 1
`
    assert.strictEqual(
      Architecture.pictureOf(source),
      "Open --push--> Closed\n  ^--pull------+\n\n| state | word |\n| Open  | come |"
    )
    assert.isUndefined(Architecture.pictureOf("/**\n * Words alone.\n */\n"))
    assert.isUndefined(Architecture.pictureOf("export const step = 1"))
  })
})
