/**
 * The command `npm run orphans` checks which processes a tree leaves behind when one of its processes dies.
 *
 * Every test case of orphans has a tree of real processes. A run of the test cases fails if a process outlives its
 * bound, a root does not survive an actor's death, or an exit is wrong. A test case that the host cannot play is
 * skipped with a reason. Runtimes other than Furrow are measured and shown, and their results cannot fail a run of `npm
 * run orphans`.
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
import { play, type Verdict } from "./cell.ts"
import * as Chaos from "./chaos/run.ts"
import * as Costs from "./costs.ts"
import * as Doc from "./doc.ts"
import { cells, describe, guards } from "./matrix.ts"
import * as Options from "./options.ts"
import { pairwise } from "./pairwise.ts"
import * as Peers from "./peers/run.ts"
import * as Supervised from "./supervised/run.ts"
import * as Tables from "./tables.ts"

const line = ({ cell, detached, millis, problems, skipped }: Verdict): string => {
  const time = skipped !== undefined ? "" : millis === undefined ? "left" : `${Math.ceil(millis)} ms`
  const notes = [
    ...skipped === undefined ? [] : [`skipped: ${skipped}`],
    ...detached === 0 ? [] : [`${detached} detached subprocesses live on`],
    ...problems
  ]
  const word = problems.length > 0 ? "FAILED" : skipped === undefined ? "ok" : "--"
  return [`${word.padEnd(6)} ${time.padStart(8)}  ${describe(cell)}`, ...notes.map((note) => `       ${note}`)].join(
    "\n"
  )
}

/** Ends the process of `npm run orphans` with the given exit code, after all output has been printed. */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

/**
 * Prints a table of results, and writes the table into docs/lifetimes.md if the options of `npm run orphans` request
 * this.
 */
const show = ({ write }: Options.Options, section: Doc.Section, title: string, text: string) =>
  Effect.andThen(Console.log(`\n${title}\n\n${text}`), write ? Doc.write(section, text) : Effect.void)

const runMatrix = Effect.fnUntraced(function*(options: Options.Options) {
  const wanted = (options.quick
    ? pairwise(cells, (cell) => ({ ...cell, guard: `${cell.who} under ${cell.guard}` }))
    : cells).filter((cell) => describe(cell).includes(options.only))
  const start = performance.now()
  const verdicts = yield* Effect.forEach(
    wanted,
    (cell) => Effect.tap(play(cell), (verdict) => Console.log(line(verdict))),
    { concurrency: options.jobs }
  )
  for (const guard of guards) {
    const own = verdicts.filter(({ cell }) => cell.guard === guard)
    if (own.length > 0) yield* show(options, guard, `the guard ${guard}`, Tables.matrix(own))
  }
  const failed = verdicts.filter(({ problems }) => problems.length > 0)
  const seconds = Math.round((performance.now() - start) / 1_000)
  const skipped = verdicts.filter(({ skipped }) => skipped !== undefined).length
  yield* Console.log(
    `\n${verdicts.length} cells in ${seconds} s${skipped === 0 ? "" : `, ${skipped} skipped`}: ${
      failed.length === 0 ? "nothing is left" : `${failed.length} FAILED`
    }`
  )
  for (const verdict of failed) yield* Console.log(line(verdict))
  return failed.length === 0
})

const runChaos = Effect.fnUntraced(function*(seed: number, minutes: number) {
  yield* Console.log(`chaos with seed ${seed}, for ${minutes} minutes`)
  const { actors, faults, outcomes, problems, rounds } = yield* Chaos.run(seed, minutes)
  yield* Console.log(
    `${rounds} rounds, ${actors} actors, ${faults} kills and stops: ` +
      `${outcomes.value} values, ${outcomes.error} typed errors, ${outcomes.interrupt} interrupts`
  )
  for (const problem of problems) yield* Console.error(problem)
  yield* Console.log(problems.length === 0 ? "every call ended, and nothing is left" : `FAILED (seed ${seed})`)
  return problems.length === 0
})

const runSupervised = Effect.fnUntraced(
  function*(actors: number, { minutes, seed = Date.now() % 1_000_000 }: Options.Options) {
    yield* Console.log(`supervised trees of about ${actors} actors with seed ${seed}, for ${minutes} minutes`)
    const results = yield* Supervised.run({
      actors,
      minutes,
      seed,
      told: (result) => Console.log(Supervised.line(result))
    })
    yield* Console.log(Supervised.report(results))
    const problems = results.flatMap(({ plan, verdict }) =>
      verdict.problems.slice(0, 20).map((problem) => `round ${plan.round}: ${problem}`)
    )
    for (const problem of problems) yield* Console.error(problem)
    yield* Console.log(
      problems.length === 0 ? "every call is accounted for, and nothing is left" : `FAILED (seed ${seed})`
    )
    return problems.length === 0
  }
)

const runPeers = (options: Options.Options) =>
  Effect.flatMap(
    Peers.run,
    (text) => show(options, "peers", "how long a child outlives its parent, here and elsewhere", text)
  )

const costRounds = 15

const runCosts = (options: Options.Options) =>
  Effect.flatMap(
    Effect.promise(() => Costs.run(costRounds)),
    (text) => show(options, "costs", "costs of a guard", text)
  )

const orphans = Effect.fnUntraced(function*(options: Options.Options) {
  if (options.write) yield* Doc.write("ladder", Doc.ladder())
  const mode = Options.mode(options)
  if (mode === "peers") return yield* runPeers(options)
  if (mode === "costs") return yield* runCosts(options)
  const held = options.supervised !== undefined
    ? yield* runSupervised(options.supervised, options)
    : options.chaos === undefined
    ? yield* runMatrix(options)
    : yield* runChaos(options.chaos, options.minutes)
  if (mode === "full" && options.only === "") yield* runPeers(options)
  if (!held) return yield* new Failed({ code: 1 })
})

const command = Command.make("npm run orphans --", Options.config, orphans).pipe(
  Command.withDescription("Plays every cell of the matrix, then the peers: what is left of a tree when one dies."),
  Command.validate(Options.validate)
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
