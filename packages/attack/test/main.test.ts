import { assert, describe, it } from "@effect/vitest"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Options from "../src/options.ts"
import { render } from "../src/table.ts"
import type { Verdict } from "../src/verdict.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

const verdict: Verdict = {
  name: "an attack",
  transport: "unix",
  figures: "refused",
  millis: 1_234,
  calls: 10,
  p99: 1.26,
  worst: NaN,
  peak: 3.4,
  kept: 1,
  refused: 2,
  problems: []
}

describe("npm run attack", () => {
  it("reads its options, and says what it does not know", () => {
    assert.deepStrictEqual(Options.parse([]), { quick: false, only: "" })
    assert.deepStrictEqual(Options.parse(["--quick", "--only", "tcp"]), { quick: true, only: "tcp" })
    assert.throws(() => Options.parse(["--fast"]), /fast/)
  })

  it("prints one line for each verdict, in columns", () => {
    const lines = render([verdict, { ...verdict, problems: ["it let me in"], name: "another" }]).split("\n")
    assert.strictEqual(lines.length, 3)
    assert.match(lines[1]!, /^ok +an attack +unix +1\.2 +10 +1\.3 +- +3 +1 +2 +refused$/)
    assert.match(lines[2]!, /^FAILED +another/)
  })

  it.live("attacks a live tree, says that it holds, and leaves nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(main, { args: ["--quick", "--only", "unix: wrong secret"] })
      const { code } = yield* program.ended({ within: "100 seconds" })
      const output = program.stdout() + program.stderr()
      assert.match(output, /ok +unix: wrong secret/, output)
      assert.match(output, /2 verdicts in \d+ s: the tree holds/, output)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(program.left().map(Processes.describe), [])
    })), 120_000)

  it.live("fails where nothing is tried", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(main, { args: ["--only", "no attack is called so"] })
      assert.strictEqual((yield* program.ended()).code, 1)
    })))
})
