import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { afterEach } from "vitest"
import { page } from "../api.ts"

const made: Array<string> = []
afterEach(() => {
  for (const folder of made.splice(0)) Fs.rmSync(folder, { recursive: true })
})

/** Returns the API report for `index.d.ts` among these files. */
const report = (files: Readonly<Record<string, string>>): string => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-api-"))
  made.push(folder)
  for (const [name, text] of Object.entries(files)) {
    Fs.mkdirSync(Path.dirname(Path.join(folder, name)), { recursive: true })
    Fs.writeFileSync(Path.join(folder, name), text)
  }
  return page("the module", Path.join(folder, "index.d.ts"))
}

describe("The API report", () => {
  it("the API report finds the declaration of a name through other files and other names, and shows the declaration without comments", () => {
    assert.strictEqual(
      report({
        "index.d.ts": `export { one as uno } from "./a.js";\nexport type { Two } from "./a.js";\n`,
        "a.d.ts": `/** A number. */\nexport declare const one: 1;\nexport { Two } from "./internal/b.js";\n`,
        "internal/b.d.ts": `export interface Two {\n  /** A field. */\n  readonly two: 2;\n}\n`
      }),
      "## the module\n\n# Two\ninterface Two {\n  readonly two: 2;\n}\n\n# uno\ndeclare const one: 1;"
    )
  })

  it("the API report shows a value and a type that have one name, and the fields of an error", () => {
    const text = report({
      "index.d.ts": "declare const Lost_base: Fields<{ code: number }>;\n" +
        "export declare class Lost extends Lost_base {\n}\n" +
        "export declare const Id: string;\nexport type Id = string;\n"
    })
    assert.include(text, "# Id\ndeclare const Id: string;\ntype Id = string;")
    assert.include(text, "# Lost\ndeclare const Lost_base: Fields<{ code: number }>;\ndeclare class Lost")
  })

  it("the API report refuses a name that has no declaration", () => {
    assert.throws(
      () => report({ "index.d.ts": `export { gone } from "./a.js";\n`, "a.d.ts": "export {};\n" }),
      /exports gone, and nothing declares it/
    )
  })
})
