import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Doc from "../src/doc.ts"

const document = Fs.readFileSync(Doc.file, "utf8")

describe("The page docs/lifetimes.md", () => {
  it("docs/lifetimes.md shows the shutdown ladder of the code (npm run orphans -- --costs --write)", () => {
    assert.strictEqual(Doc.read(document, "ladder"), Doc.ladder())
  })

  it("docs/lifetimes.md has all tables of npm run orphans, and no table has a failed cell", () => {
    for (const section of ["warden", "thread", "peers", "costs"] as const) {
      const text = Doc.read(document, section)
      assert.match(text, /^\| /, section)
      assert.notInclude(text, "FAILED")
    }
  })

  it("a new run of npm run orphans changes docs/lifetimes.md only between the comments around its tables", () => {
    const changed = Doc.replace(document, "costs", "| new |")
    assert.strictEqual(Doc.read(changed, "costs"), "| new |")
    assert.strictEqual(Doc.replace(changed, "costs", Doc.read(document, "costs")), document)
    assert.throws(() => Doc.replace("nothing", "costs", ""), "must hold")
  })
})
