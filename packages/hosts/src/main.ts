/**
 * The command `npm run hosts` runs trees on several hosts, which are network namespaces of this computer.
 *
 *     npm run hosts                plays all cases, two at a time
 *     npm run hosts -- --only TEXT those whose title holds TEXT
 *     npm run hosts -- --required  fails where this machine cannot play them
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import { type Case, cases } from "./cases.ts"
import * as Place from "./place.ts"

/**
 * An error that makes the process of `npm run hosts` end with the given exit code, after the reason has been printed.
 */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

const flags = {
  only: Flag.String("only").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("cases whose title holds TEXT"),
    Flag.withDefault("")
  ),
  jobs: Flag.Int("jobs").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("cases that are played at the same time, each on hosts of its own"),
    Flag.withDefault(4)
  ),
  required: Flag.Boolean("required").pipe(
    Flag.withDescription("fails where this machine cannot play the cases"),
    Flag.withDefault(false)
  )
}

const play = (one: Case) =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(Effect.scoped(Effect.flatMap(Place.make, one.play)))
    yield* Console.log(
      Exit.isSuccess(exit)
        ? `passed  ${one.title}\n        ${exit.value}`
        : `FAILED  ${one.title}\n${Cause.pretty(exit.cause)}`
    )
    return Exit.isSuccess(exit)
  })

const hosts = Effect.fnUntraced(function*({ jobs, only, required }: Command.Command.Config.Infer<typeof flags>) {
  const problem = Place.cannot()
  if (problem !== undefined) {
    yield* Console.log(`hosts: skipped, since ${problem}`)
    return yield* required ? new Failed({ code: 1 }) : Effect.void
  }
  const chosen = cases.filter(({ title }) => title.includes(only))
  const passed = yield* Effect.forEach(chosen, play, { concurrency: jobs })
  const failed = passed.filter((one) => !one).length
  yield* Console.log(`\nhosts: ${passed.length - failed} of ${passed.length} cases passed`)
  if (failed > 0 || passed.length === 0) return yield* new Failed({ code: 1 })
})

const command = Command.make("npm run hosts --", flags, hosts).pipe(
  Command.withDescription("Plays trees on several hosts: calls, cuts in one direction and in both, losses, takeovers.")
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
