import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import { type Case, describe as titleOf, matches, programs } from "../src/case.ts"
import * as Render from "../src/render.ts"
import { isWanted, plain, run, type Verdict } from "../src/run.ts"

const leaves: Case = {
  guarantees: ["G1"],
  title: "a program that leaves a process",
  program: Path.join(import.meta.dirname, "fixtures", "leaves.ts"),
  wanted: ["root@<pid> has started one", "exit code 0"]
}

const seen = (lines: ReadonlyArray<string>): Verdict => ({
  case: leaves,
  seen: lines,
  millis: 1_240,
  skipped: undefined
})

describe("npm run faults runs the program of a case and collects its output, its end and its leftover processes", () => {
  it.live(
    "a case of npm run faults collects its program's output, the program's end, and each process that the program leaves",
    () =>
      Effect.gen(function*() {
        const verdict = yield* run({ ...leaves, residueMillis: 300 })
        assert.deepStrictEqual(verdict.seen.slice(0, 2), leaves.wanted)
        assert.strictEqual(verdict.seen.length, 3)
        assert.match(verdict.seen[2]!, /^left: process <pid> .*sleep 1000$/)
        assert.isFalse(isWanted(verdict))
      }),
    60_000
  )

  it.live("a case of npm run faults that this host cannot run is skipped, and does not fail the run", () =>
    Effect.gen(function*() {
      const verdict = yield* run({ ...leaves, cannot: () => "it needs root" })
      assert.deepStrictEqual(verdict.seen, [])
      assert.isTrue(isWanted(verdict))
      assert.include(Render.verdict(verdict), "skipped: it needs root")
    }))

  it("a case of npm run faults can be selected by its guarantee, its title and its program", () => {
    assert.strictEqual(titleOf(leaves), "G1: a program that leaves a process")
    assert.strictEqual(titleOf({ ...leaves, guarantees: [] }), leaves.title)
    for (const text of ["", "G1:", "leaves a", "leaves.ts"]) assert.isTrue(matches(text)(leaves), text)
    assert.isFalse(matches("G2")(leaves))
  })
})

describe("npm run faults gives a verdict on each case", () => {
  it("the verdict on a case of npm run faults passes if every line of output is as expected, and otherwise shows expected and actual lines", () => {
    assert.isTrue(isWanted(seen(leaves.wanted)))
    for (const other of [[], leaves.wanted.slice(1), [...leaves.wanted, ""], leaves.wanted.toReversed()]) {
      assert.isFalse(isWanted(seen(other)), other.join("|"))
    }
    assert.deepStrictEqual(Render.verdict(seen(["exit code 1"])).split("\n"), [
      "FAILED G1: a program that leaves a process (1.2 s)",
      "       wanted | root@<pid> has started one",
      "              | exit code 0",
      "       seen   | exit code 1"
    ])
  })

  it("passed, failed and skipped cases of npm run faults are counted at the end of a run", () => {
    const good = seen(leaves.wanted)
    assert.strictEqual(Render.summary([good, good], 3_000), "2 cases: all as wanted (3.0 s)")
    const skipped = { ...good, skipped: "it needs root" }
    assert.strictEqual(Render.summary([skipped, good], 3_000), "2 cases: all as wanted (3.0 s, 1 skipped)")
    assert.strictEqual(Render.summary([good, seen([])], 3_000), "2 cases: 1 FAILED (3.0 s)")
  })
})

describe("npm run faults puts placeholders into the output of a case for text that differs from run to run", () => {
  it("the output of a case of npm run faults has placeholders for text that differs from run to run", () => {
    const text = `[12:00:01.234] ERROR (#12): a@77 is lost: process 8 in /tmp/x and ${programs}/a.ts:3:4`
    assert.strictEqual(
      plain(text, "/tmp/x"),
      "[<time>] ERROR (#<fiber>): a@<pid> is lost: process <pid> in <folder> and <programs>/a.ts"
    )
  })

  it("the output of a case of npm run faults keeps the program's own frames of a stack trace, and the lines after the last frame", () => {
    const text = [
      "Error: it broke",
      `    at here (file://${programs}/a.ts:3:4)`,
      "    at there (/x/node_modules/effect/b.ts:1:2) { actor: 'a@7' }"
    ].join("\n")
    assert.strictEqual(
      plain(text, "/tmp/x"),
      "Error: it broke\n    at here (file://<programs>/a.ts) { actor: 'a@<pid>' }"
    )
  })

  it("normalising the output of a case of npm run faults takes a time in proportion to the output's length", () => {
    const begin = performance.now()
    plain("x".repeat(1_000_000), "/tmp/x")
    assert.isBelow(performance.now() - begin, 5_000)
  })
})
