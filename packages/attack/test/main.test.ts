import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
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

describe("The command npm run attack attacks a live tree", () => {
  it("npm run attack prints one line for each verdict, in columns", () => {
    const lines = render([verdict, { ...verdict, problems: ["it let me in"], name: "another" }]).split("\n")
    assert.strictEqual(lines.length, 3)
    assert.match(lines[1]!, /^ok +an attack +unix +1\.2 +10 +1\.3 +- +3 +1 +2 +refused$/)
    assert.match(lines[2]!, /^FAILED +another/)
  })

  it.live.each([["unix: wrong secret"], ["tls: a proof on another channel"]])(
    "npm run attack attacks a live tree (%s), reports that the tree withstands the attack, and leaves no process behind",
    ([attack]) =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(main, { args: ["--quick", "--only", attack!] })
        const { code } = yield* program.ended({ within: "100 seconds" })
        const output = program.stdout() + program.stderr()
        assert.match(output, new RegExp(`ok +${attack}`), output)
        assert.match(output, /2 verdicts in \d+ s: the tree holds/, output)
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(program.left().map(Processes.describe), [])
      })),
    120_000
  )

  it.live("npm run attack fails where no attack is selected", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(main, { args: ["--only", "no attack is called so"] })
      assert.strictEqual((yield* program.ended()).code, 1)
      assert.include(program.stdout(), "0 verdicts")
    })))

  it.live("npm run attack refuses an unknown option by its name, and attacks nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(main, { args: ["--fast"] })
      assert.strictEqual((yield* program.ended()).code, 2)
      assert.include(program.stderr(), "Unrecognized flag: --fast")
      assert.notInclude(program.stdout(), "verdicts")
    })))

  it.live("npm run attack explains its options on --help, and attacks nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const program = yield* Program.start(main, { args: ["--help"] })
      assert.strictEqual((yield* program.ended()).code, 0)
      assert.match(program.stdout(), /^ {2}--quick\b.*smaller numbers/m)
      assert.match(program.stdout(), /^ {2}--only TEXT .*whose name holds TEXT/m)
      assert.notInclude(program.stdout(), "verdicts")
    })))

  it.live(
    "npm run attack ends the attacked tree and removes the tree's folder when it is interrupted",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const temporary = yield* Folder.make({})
        const program = yield* Program.start(main, {
          args: ["--quick", "--only", "unix: "],
          env: { TMPDIR: temporary }
        })
        yield* program.says(/ok +unix: nothing/, { within: "60 seconds" })
        const started = program.left()
        assert.isAbove(started.length, 3)
        yield* program.signal("SIGINT")
        assert.strictEqual((yield* program.ended({ within: "30 seconds" })).code, 130)
        yield* Processes.gone([...started, ...program.left()].map(({ pid }) => pid))
        assert.deepStrictEqual(Array.from(Leaks.files({ folder: temporary })), [])
      })),
    120_000
  )
})
