/**
 * The command `npm run faults` runs programs that have failed in the past, each as its user would run it.
 *
 * A case of `npm run faults` is a small program of real processes with its exact output and exit, after which no
 * process is left. The tests of the packages check a guarantee inside the runtime, while a case of `npm run faults`
 * checks it in a user's program.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { describe, matches } from "./case.ts"
import { cases } from "./cases/all.ts"
import * as Options from "./options.ts"
import * as Render from "./render.ts"
import { isWanted, run } from "./run.ts"

/**
 * An error that makes the process of `npm run faults` end with the given exit code, after all messages have been
 * printed.
 */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

const faults = Effect.fnUntraced(function*({ jobs, list, only }: Options.Options) {
  const chosen = cases.filter(matches(only))
  if (list) {
    for (const one of chosen) yield* Console.log(`${describe(one)} (${one.program})`)
    return
  }
  const begin = performance.now()
  const verdicts = yield* Effect.forEach(
    chosen,
    (one) => Effect.tap(run(one), (verdict) => Console.log(Render.verdict(verdict))),
    { concurrency: jobs }
  )
  const failed = verdicts.filter((one) => !isWanted(one))
  if (failed.length > 0 && chosen.length > 1) {
    for (const one of failed) yield* Console.log(`\n${Render.verdict(one)}`)
  }
  yield* Console.log(`\n${Render.summary(verdicts, performance.now() - begin)}`)
  if (failed.length > 0 || verdicts.length === 0) return yield* new Failed({ code: 1 })
})

const command = Command.make("npm run faults --", Options.config, faults).pipe(
  Command.withDescription("Runs programs that broke once, and says what was wanted and what was seen.")
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
