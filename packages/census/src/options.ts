/**
 * The command line.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

export interface Options {
  readonly folder: string
  readonly actors: number
  readonly top: number
  readonly crashes: number
}

export const usage = `Usage: npm start -- [folder] [--actors N] [--top N] [--crash N]

Counts the source files of a folder (default: the installed effect) with one actor per core.

  --actors N  how many actors share the work (default: the number of cores)
  --top N     how long the lists are (default: 10)
  --crash N   kill N actors in the middle of the work`

/** The command line cannot be understood. */
export class Usage extends Schema.TaggedError<Usage>()("Usage", { message: Schema.String }) {}

const installedEffect = (): string =>
  Path.join(Path.dirname(fileURLToPath(import.meta.resolve("effect/package.json"))), "src")

const read = (args: ReadonlyArray<string>) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      actors: { type: "string" },
      top: { type: "string", default: "10" },
      crash: { type: "string", default: "0" },
      help: { type: "boolean", short: "h", default: false }
    }
  })

const number = (name: string, text: string, least: number): Effect.Effect<number, Usage> =>
  /^\d{1,4}$/.test(text) && Number(text) >= least
    ? Effect.succeed(Number(text))
    : Effect.fail(new Usage({ message: `--${name} takes a number from ${least} to 9999, not "${text}"` }))

/** None where help was asked for. */
export const parse = (args: ReadonlyArray<string>): Effect.Effect<Options | undefined, Usage> =>
  Effect.gen(function*() {
    const { positionals, values } = yield* Effect.try({
      try: () => read(args),
      catch: (error) => new Usage({ message: (error as Error).message })
    })
    if (values.help) return undefined
    if (positionals.length > 1) return yield* new Usage({ message: `one folder, not ${positionals.length}` })
    return {
      folder: Path.resolve(positionals[0] ?? installedEffect()),
      actors: yield* number("actors", values.actors ?? String(Os.availableParallelism()), 1),
      top: yield* number("top", values.top, 1),
      crashes: yield* number("crash", values.crash, 0)
    }
  })
