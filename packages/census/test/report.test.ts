import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import type { Census } from "../src/count.ts"
import * as Report from "../src/report.ts"
import { CannotParse, CannotRead } from "../src/row.ts"
import * as Text from "../src/text.ts"
import { imports, row, rowsOf } from "./support.ts"

const style: Report.Style = { top: 2, width: 100, heading: (text) => text }

const rows = rowsOf([
  row("src/a.ts", {
    bytes: 1234567,
    sha256: "abcdef0123456789".repeat(4),
    lines: { code: 1000, comment: 20, blank: 3 },
    imports: imports(["./b.ts", "effect"]),
    functions: 2,
    longest: { name: "make", line: 7, lines: 42 }
  }),
  row("src/b.ts", { functions: 1, longest: { name: "run", line: 1, lines: 5 } }),
  row("src/c.ts", { bytes: 7 }),
  new CannotParse({ file: "src/d.ts", line: 3, reason: "Unexpected token" }),
  new CannotRead({ file: "src/e.ts", reason: "EACCES" })
])

const census = (given: Partial<Census> = {}): Census => ({
  rows,
  actors: 2,
  starting: Duration.millis(500),
  counting: Duration.millis(1000),
  killed: 0,
  replaced: 0,
  repeated: 0,
  ...given
})

describe("The report of a census shows the counts of files and functions, the dependencies and the failed files", () => {
  it("the report of a census lists the largest files, the longest functions, the failed files, the dependencies and the totals", () => {
    assert.deepStrictEqual(Report.findings(rows, style), [
      "",
      "Largest files",
      "  file        size   code  comment  blank  imports  sha256",
      "  src/a.ts  1.2 MB  1,000       20      3        2  abcdef012345",
      "  src/b.ts   100 B      1        0      0        0  000000000000",
      "",
      "Longest functions",
      "  in          lines  function",
      "  src/a.ts:7     42  make",
      "  src/b.ts:1      5  run",
      "",
      "Not measured",
      "  src/d.ts cannot be parsed: line 3: Unexpected token",
      "  src/e.ts cannot be read: EACCES",
      "",
      "Dependencies",
      "  1 between files, 1 of packages, 0 that lead to no counted file",
      "  imported by most:  src/b.ts 1",
      "  importing most:    src/a.ts 1",
      "  packages:          effect 1",
      "  no import cycles",
      "",
      "Totals",
      "  5 files, 2 of them not measured",
      "  1.2 MB in 1,025 lines: 1,002 code, 20 comment, 3 blank",
      "  3 functions, 2 imports",
      `  ${Report.sums(rows).at(-1)}`
    ])
  })

  it("the report of a census is equal for every order of the rows", () => {
    const reversed = new Map(Array.from(rows).reverse())
    assert.deepStrictEqual(Report.findings(reversed, style), Report.findings(rows, style))
  })

  it("the fingerprint of a census changes when the result for any file changes", () => {
    const other = new Map(rows).set("src/c.ts", row("src/c.ts", { bytes: 7, functions: 1 }))
    assert.notStrictEqual(Report.sums(other).at(-1), Report.sums(rows).at(-1))
  })

  it("the report of a census fits the width of the terminal by shortening paths", () => {
    const long = rowsOf([row(`${"deep/".repeat(30)}a.ts`)])
    for (const line of Report.findings(long, { ...style, width: 80 })) assert.isAtMost(line.length, 80)
  })
})

describe("The report of a census shows how much faster many actors count than one actor", () => {
  const idle = { cores: 2, load: 0.3 }

  it("the speed of a census is the time of one actor divided by the time of many actors, and the report shows both times", () => {
    const one = census({ actors: 1, counting: Duration.millis(1500), starting: Duration.millis(300) })
    assert.deepStrictEqual(Report.speed(census(), one, idle, style), [
      "",
      "Speed",
      "  5 files by 2 actors in 1.00 s",
      "  5 files by 1 actor in 1.50 s",
      "  speed-up 1.50 with 2 actors on 2 cores",
      "  both counts found the same",
      "",
      "  Time runs from ready actors to the last row in this process:",
      "  reading, parsing, measuring, sending.",
      "  Starting the actors is not in it: 0.50 s for 2, 0.30 s for 1."
    ])
  })

  it("the report of a census says how many actors were killed, in which files two counts differ, and how busy the host was", () => {
    assert.include(
      Report.speed(census({ killed: 1 }), census({ actors: 1 }), idle, style).join("\n"),
      "both counts found the same: the first with 1 actor killed, the second with none"
    )
    const text = Report.speed(
      census({ killed: 1, replaced: 1, repeated: 3 }),
      census({ actors: 1, rows: new Map(rows).set("src/c.ts", row("src/c.ts")) }),
      { cores: 2, load: 7.25 },
      style
    ).join("\n")
    assert.include(text, "1.00 s; 1 actor killed, 1 actor replaced, 3 files sent again")
    assert.include(text, "the counts differ in 1 file, first in src/c.ts")
    assert.include(text, "what the kills cost")
    assert.include(text, "shared with other work: load 7.3 when this began")
  })

  it("the report of a census leaves out the speed when one actor counted all files", () => {
    assert.notInclude(Report.speed(census({ actors: 1 }), undefined, idle, style).join("\n"), "speed-up")
  })
})

describe("The report of a census formats numbers and paths", () => {
  it("the report of a census shows numbers in a suitable unit", () => {
    assert.deepStrictEqual([999, 1000, 1_500_000, 2_000_000_000].map(Text.bytes), [
      "999 B",
      "1.0 kB",
      "1.5 MB",
      "2.0 GB"
    ])
    assert.deepStrictEqual([Text.many(1, "file"), Text.many(2000, "file")], ["1 file", "2,000 files"])
  })

  it("the report of a census keeps the end of a path that it shortens", () => {
    assert.strictEqual(Text.shorten("a/long/path.ts", 8), "…path.ts")
    assert.strictEqual(Text.shorten("path.ts", 8), "path.ts")
  })
})
