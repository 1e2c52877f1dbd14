import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { read } from "../lib/tests.ts"
import { document, problems } from "../semantics.ts"

const root = Path.resolve(import.meta.dirname, "..", "..")
const table = Array.from({ length: 17 }, (_, i) => `| ${i + 1} | cause |`).join("\n")
const rows = Array.from({ length: 15 }, (_, i) => `26.1 row ${i + 1}: a`)
const file = "packages/actor/test/a.test.ts"

describe("The guarantees of docs/semantics.md", () => {
  it("each guarantee of docs/semantics.md has a test, and each guarantee that a title names exists", () =>
    assert.deepStrictEqual(problems(Fs.readFileSync(Path.join(root, document), "utf8"), read(root)), []))

  it("the check of docs/semantics.md reports a guarantee without a test, a missing guarantee, and a guarantee out of order", () => {
    const text = `- **G1** one\n- **G3** three\n\n${table}`
    const titles = [...rows, "26.1 rows 16 and 17: a", "G1, D2: shown", `${"G"}9: not there`, "not before a colon G3"]
    assert.deepStrictEqual(problems(text, [{ file, titles }]), [
      `${document}: G3 is not in order: guarantees count up from 1`,
      `${document}: no test's title names G3`,
      `${file}: "G9: not there" names G9, which ${document} does not have`
    ])
  })

  it("the check of docs/semantics.md reports a row of the table of cancellation without a test, and a test of a row that does not exist", () => {
    assert.deepStrictEqual(problems(table.replace("| 4 |", "| x |"), [{ file, titles: rows.slice(1) }]), [
      `no test's title says "26.1 row 1"`,
      `no test's title says "26.1 row 16"`,
      `no test's title says "26.1 row 17"`,
      `${document}: row 4 of the table is missing`
    ])
  })
})
