import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { read } from "../lib/tests.ts"
import { document, problems } from "../parity.ts"

const root = Path.resolve(import.meta.dirname, "..", "..")
const text = Fs.readFileSync(Path.join(root, document), "utf8")

/** Returns the problems of the page when one of its lines is replaced. */
const instead = (id: string, line: string) =>
  problems(text.split("\n").map((old) => old.startsWith(`| ${id} |`) ? line : old).join("\n"), read(root))

describe("The check of docs/parity.md", () => {
  it("each row of docs/parity.md says whether its behaviour is kept, changed, replaced, dropped or postponed, and a kept or changed row names existing tests", () =>
    assert.deepStrictEqual(problems(text, read(root)), []))

  it("the check of docs/parity.md reports a missing or repeated row, an unknown status, a sentence without a clear subject, and a missing test", () => {
    assert.deepStrictEqual(instead("OVR-7", "gone"), [`${document}: OVR-7 is missing`])
    assert.deepStrictEqual(instead("OVR-7", "| OVR-7 | kept | Errors. | - |"), [
      `${document}: OVR-7: is kept and names no test`
    ])
    assert.deepStrictEqual(instead("OVR-7", "| OVR-7 | lost | Errors. | - |"), [
      `${document}: OVR-7: "lost" is no fate: kept, changed, replaced, dropped, later`
    ])
    assert.deepStrictEqual(instead("OVR-7", "| OVR-7 | kept | Errors. | overruns: there is no such title |"), [
      `${document}: OVR-7: packages/actor/test/semantics/overruns.test.ts has no test "there is no such title"`
    ])
    assert.deepStrictEqual(instead("W-S5", "| W-S5 | dropped | What is late. It is so; where it is not. | - |"), [
      `${document}: W-S5: a sentence begins with "What": name the thing`
    ])
    assert.deepStrictEqual(instead("W-S5", "| W-S5 | dropped | It is late. Nobody knows. | - |"), [
      `${document}: W-S5: a sentence begins with "Nobody": name the thing`
    ])
    assert.deepStrictEqual(instead("P-21", "| P-21 | later | It comes some day. | - |"), [
      `${document}: P-21: is later and names no part that will bring it: ` +
      "developer tools, distribution, patterns, drivers"
    ])
    assert.deepStrictEqual(instead("W-M5", "gone"), [`${document}: W-M5 is missing`])
    assert.deepStrictEqual(instead("W-M5", "| W-M6 | dropped | There is none. | - |"), [
      `${document}: W-M5 is missing`,
      `${document}: W-M6 is no row of the specification`
    ])
    assert.deepStrictEqual(instead("OVR-7", "| OVR-8 | dropped | Errors. | - |"), [
      `${document}: OVR-7 is missing`,
      `${document}: OVR-8 is there twice`
    ])
  })
})
