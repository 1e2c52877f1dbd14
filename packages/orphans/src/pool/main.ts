/**
 * The command `npm run pool` puts load on a pool of real processes, whose workers are killed at random.
 *
 * The command `npm run pool` fails if a task hangs, ends without a result or a typed error, or is wrongly repeated.
 * Wrong statistics of the pool and leftover processes also make the command `npm run pool` fail.
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
import * as Judge from "./judge.ts"
import * as Options from "./options.ts"
import { type Result, run } from "./run.ts"

/** Ends the process of `npm run pool` with the given exit code, after all output has been printed. */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

const report = (result: Result): string => {
  const { answered, failed, hung, kills, left, repeated, seconds, statistics, tried } = result
  const tags = Array.from(failed, ([tag, count]) => `${count} ${tag}`).join(", ")
  const { replaced, retried, run, started, wait } = statistics
  const mean = ({ count, sum }: { readonly count: number; readonly sum: number }) =>
    `${(sum / Math.max(1, count)).toFixed(1)} ms`
  return [
    `${kills} workers killed in ${
      seconds.toFixed(1)
    } s; ${started} started, ${replaced.lost} lost, ${replaced.stuck} stuck, ${replaced.tasks} recycled`,
    `tried ${tried} = answered ${answered.size} + failed typed ${Judge.sum(failed)}${tags === "" ? "" : ` (${tags})`}`,
    `lost ${Judge.lost(result)}, hung ${hung}`,
    `given to another worker: ${retried}; idempotent and begun twice: ${repeated}`,
    `on average a task waited ${mean(wait)} and ran ${mean(run)}; the longest wait took ${Math.round(wait.max)} ms`,
    `processes left: ${left.length}`
  ].join("\n")
}

const pool = Effect.fnUntraced(function*({ seed = Date.now() % 1_000_000, ...options }: Options.Options) {
  yield* Console.log(`pool with seed ${seed}: ${options.size} workers, ${options.rate} killed in a second`)
  const result = yield* run({ ...options, seed })
  yield* Console.log(report(result))
  for (const problem of result.problems.slice(0, 20)) yield* Console.error(problem)
  if (result.problems.length > 0) {
    yield* Console.log(`${result.problems.length} FAILED (seed ${seed})`)
    return yield* new Failed({ code: 1 })
  }
  yield* Console.log("every task is accounted for, and nothing is left")
})

const command = Command.make("npm run pool --", Options.config, pool).pipe(
  Command.withDescription("Kills workers of a pool under load, and accounts for every task.")
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
