import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Options from "../src/options.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

const parsed = (...args: ReadonlyArray<string>) => {
  const given: Array<Options.Options> = []
  const command = Command.make("orphans", Options.config, (options) => Effect.sync(() => given.push(options))).pipe(
    Command.validate(Options.validate)
  )
  return Command.runWith(command, { version: "0.0.0" })(args).pipe(
    Effect.map(() => given[0]!),
    Effect.provide([NodeServices.layer, CliOutput.layerPresenter({ present: () => Effect.void })])
  )
}

const refused = (...args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.flip(parsed(...args)),
    (error) => error._tag === "ShowHelp" ? error.errors.map(({ message }) => message).join("; ") : error.message
  )

describe("The options of npm run orphans choose one kind of run", () => {
  it.effect("the options of npm run orphans are those of a full run by default", () =>
    Effect.gen(function*() {
      const options = yield* parsed()
      assert.strictEqual(Options.mode(options), "full")
      assert.deepInclude(options, { only: "", write: false, minutes: 1, chaos: undefined })
    }))

  it.effect("options of npm run orphans allow one mode at a time, and the error about a second mode says so", () =>
    Effect.gen(function*() {
      for (const mode of ["quick", "peers", "costs"] as const) {
        assert.strictEqual(Options.mode(yield* parsed(`--${mode}`)), mode)
      }
      assert.strictEqual(yield* refused("--quick", "--peers"), "--quick and --peers do not go together")
      assert.strictEqual(yield* refused("--chaos", "1", "--costs"), "--costs and --chaos do not go together")
    }))

  it.effect("options of npm run orphans take a number of actors and a seed for supervised trees", () =>
    Effect.gen(function*() {
      const options = yield* parsed("--supervised", "30", "--seed", "7", "--minutes", "3")
      assert.strictEqual(Options.mode(options), "supervised")
      assert.deepInclude(options, { supervised: 30, seed: 7, minutes: 3 })
      assert.include(yield* refused("--supervised", "0"), "Expected: a number of actors, from 1 on")
      assert.strictEqual(yield* refused("--supervised", "30", "--quick"), "--quick and --supervised do not go together")
    }))

  it.effect("options of npm run orphans take a seed and minutes for chaos", () =>
    Effect.gen(function*() {
      const options = yield* parsed("--chaos", "42", "--minutes", "0.5")
      assert.strictEqual(Options.mode(options), "chaos")
      assert.deepInclude(options, { chaos: 42, minutes: 0.5 })
      assert.include(yield* refused("--chaos", "x"), "--chaos: \"x\". Expected: a seed, which is a whole number")
      assert.include(yield* refused("--chaos", "1.5"), "--chaos: \"1.5\". Expected: a seed, which is a whole number")
      assert.include(yield* refused("--minutes", "0"), "--minutes: \"0\". Expected: a number from 0.01 on")
      assert.include(yield* refused("--jobs", "0"), "--jobs: \"0\". Expected: a whole number from 1 on")
    }))
})

describe("The command npm run orphans refuses unknown options, and cleans up when it is interrupted", () => {
  const run = (...args: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const program = yield* Program.start(main, { args })
      const { code } = yield* program.ended()
      return { code, stdout: program.stdout(), stderr: program.stderr() }
    })

  it.live("npm run orphans refuses an unknown option by its name, and plays nothing", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run("--fast")
      assert.strictEqual(code, 2)
      assert.include(stderr, "Unrecognized flag: --fast")
      assert.notInclude(stdout, "cells in")
    }))

  it.live("npm run orphans prints its options on --help, and runs no cell of the matrix", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* run("--help")
      assert.strictEqual(code, 0)
      const options = ["quick", "only TEXT", "peers", "costs", "write", "jobs N", "chaos SEED", "minutes M"]
      for (const option of options) assert.include(stdout, `\n  --${option} `)
      assert.notInclude(stdout, "cells in")
    }))

  it.live(
    "npm run orphans ends the trees of its cells when it is interrupted, and removes their folders",
    () =>
      Effect.gen(function*() {
        const temporary = yield* Folder.make({})
        const program = yield* Program.start(main, {
          args: ["--only", "warden: root SIGKILL, idle", "--jobs", "1"],
          env: { TMPDIR: temporary }
        })
        yield* program.says(/^ok /m, { within: "60 seconds" })
        const started = program.left()
        yield* program.signal("SIGINT")
        assert.strictEqual((yield* program.ended({ within: "30 seconds" })).code, 130)
        yield* Processes.gone([...started, ...program.left()].map(({ pid }) => pid))
        assert.deepStrictEqual(Array.from(Leaks.files({ folder: temporary })), [])
      }),
    120_000
  )
})
