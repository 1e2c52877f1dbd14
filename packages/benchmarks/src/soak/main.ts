/**
 * The command `npm run soak` uses actors in every way for minutes, and checks that all resources return to their first
 * values.
 *
 * A root and three actors call, stream, talk, subscribe, cancel, fail, kill, restart and find each other, with items of
 * 1 byte to 16 MiB. A run of the soak fails for a wrong answer, for a resource that is not freed, and for a process
 * with too much memory.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { NodeActor } from "@furrow/node"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as References from "effect/References"
import * as Runtime from "effect/Runtime"
import { setTimeout } from "node:timers/promises"
import { acts } from "./acts.ts"
import * as Options from "./options.ts"
import * as Processes from "./processes.ts"
import * as Report from "./report.ts"
import { run } from "./run.ts"

/** An error that ends the process of the soak test with the given exit code, after all output has been printed. */
class Failed extends Data.TaggedError("Failed")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

/**
 * Searches for processes, socket files and descriptors that the soak test has left behind, for at most five seconds.
 */
const left = async (
  folder: string,
  before: ReadonlyMap<string, string>
): Promise<ReadonlyArray<Report.Verdict>> => {
  // The first stream of a process makes libuv keep /dev/null open, as a reserve for a process without free file
  // descriptors.
  const descriptors = () =>
    Array.from(Processes.targets()).filter(([fd, target]) => target !== "/dev/null" && before.get(fd) !== target)
  const look = () => [
    { what: "processes", count: Processes.descendants(process.pid), names: [] },
    { what: "socket files", count: Processes.files(folder), names: [] },
    { what: "descriptors", count: descriptors().length, names: descriptors().map(([, target]) => target) }
  ]
  for (let i = 0; i < 50 && look().some(({ count }) => count > 0); i++) await setTimeout(100)
  return look().map(({ count, names, what }) => ({
    what: `after the end: ${what}`,
    figures: `${count}`,
    problem: count === 0 ? undefined : ["left", ...names].join(" ")
  }))
}

const soak = Effect.fnUntraced(function*(options: Options.Options) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "furrow-soak-" })
  // Without XDG_RUNTIME_DIR the tree of the soak uses a runtime folder of its own.
  delete process.env.XDG_RUNTIME_DIR
  process.env.TMPDIR = folder
  // Node opens a pipe with the first signal listener and keeps the pipe open, so the soak adds a listener before the
  // first count.
  process.on("SIGWINCH", () => {})
  const seed = options.seed ?? Date.now() % 1_000_000
  yield* Console.log(`soak with seed ${seed}: each act alone, then ${options.minutes} minutes`)
  const wanted = acts.filter(({ name }) => Options.isWanted(options, name))
  if (wanted.length === 0) {
    yield* Console.error(`no act has such a name: ${acts.map(({ name }) => name).join(", ")}`)
    return yield* new Failed({ code: 2 })
  }
  const before = Processes.targets()
  const result = yield* run({ ...options, acts: wanted, seed, folder }).pipe(
    // The soak turns the option `spares` off, because a spare starts and ends by time alone and would change the
    // counts.
    Effect.provide(NodeActor.layer({ spares: "off" })),
    // The soak turns logs off, because it causes deaths and defects on purpose.
    Effect.provideService(References.MinimumLogLevel, "None")
  )
  const verdicts = [
    ...Report.verdicts(result, options.largest),
    ...yield* Effect.promise(() => left(folder, before))
  ]
  const failed = verdicts.filter(({ problem }) => problem !== undefined)
  yield* Console.log(`\n${Report.peaks(result)}\n\n${Report.list(verdicts)}`)
  yield* Console.log(
    `\n${result.done} acts: ${
      failed.length === 0 ? "everything is back where it was" : `${failed.length} FAILED (seed ${seed})`
    }`
  )
  if (failed.length > 0) return yield* new Failed({ code: 1 })
}, Effect.scoped)

const command = Command.make("npm run soak --", Options.config, soak).pipe(
  Command.withDescription("Does everything with actors for a while, and says whether everything is back where it was.")
)

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.catchTag("ShowHelp", () => Effect.fail(new Failed({ code: 2 }))),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain
)
