/**
 * The census counts a folder of source files with one actor per core, and kills an actor in the middle of its work. The
 * census counts a second time with one actor and no kill, because the totals of both counts must be equal.
 *
 *     main ── options, sources ── count ══ census-1 … census-N (actor.ts, measure.ts)
 *       └──── Screen              └─ Work: the files still to do
 *             report: findings, speed
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { NodeActor } from "@furrow/node"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Os from "node:os"
import { count } from "./count.ts"
import * as Options from "./options.ts"
import * as Report from "./report.ts"
import { Screen } from "./Screen.ts"
import * as Sources from "./sources.ts"
import * as Text from "./text.ts"

const census = Effect.fnUntraced(function*({ actors, crash: crashes, folder, top }: Options.Options) {
  const screen = yield* Screen
  const sources = yield* Sources.find(folder)
  const { files } = sources
  const machine = { cores: Os.availableParallelism(), load: Os.loadavg()[0]! }
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  yield* screen.say(
    screen.heading(`Census of ${folder}`),
    `${Text.many(files.length, "file")}, ${Text.bytes(bytes)}, ${Text.many(actors, "actor")}`
  )
  // Reads all files before the counts of a census, so that both counts find the files in the system's file cache.
  yield* Sources.readOnce(sources)

  const shared = yield* count(sources, { actors, crashes })
  const style: Report.Style = { ...screen, top }
  yield* screen.say(...Report.findings(shared.rows, style))

  let alone: typeof shared | undefined
  if (actors > 1 || crashes > 0) {
    yield* screen.say("", screen.heading("Once more with one actor, to compare"))
    alone = yield* count(sources, { actors: 1, crashes: 0 })
  }
  yield* screen.say(...Report.speed(shared, alone, machine, style))
})

/** An error that ends the census with exit code 1, after its message has been printed. */
class Failed extends Data.TaggedError("Failed") {
  override readonly [Runtime.errorReported] = false
}

const complain = (text: string) => Console.error(`census: ${text}`)

const command = Command.make("npm start --", Options.config, (options) =>
  census(options).pipe(
    Effect.catch((error) => Effect.andThen(complain(error.message), Effect.fail(new Failed())))
  )).pipe(Command.withDescription("Counts the source files of a folder with one actor per core."))

const program = Command.run(command, { version: "0.0.0" }).pipe(
  // The program of the census prints its message about an interruption after all finalizers have run, so every actor
  // has ended by then.
  Effect.onInterrupt(() => complain("interrupted, and every actor has ended")),
  Effect.provide([Screen.layer, NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })])
)

NodeActor.runMain(program)
