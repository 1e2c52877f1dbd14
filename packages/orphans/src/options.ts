/** Defines the options on the command line of `npm run orphans`. */
import * as CliError from "effect/cli/CliError"
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { availableParallelism } from "node:os"

const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

const number = (name: string, metavar: string, accepts: (value: number) => boolean, expected: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.filterMap((text) => Option.liftPredicate(accepts)(Number(text)), () => expected)
  )

const isWhole = (least: number) => (value: number) => Number.isSafeInteger(value) && value >= least

export const config = {
  quick: flag("quick", "every pair of values once"),
  only: Flag.String("only").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription(
      `cells whose description holds TEXT (as it is printed: "thread: root SIGKILL, leaf stopped, depth 2")`
    ),
    Flag.withDefault("")
  ),
  peers: flag("peers", "only the peers"),
  costs: flag("costs", "only what each guard costs"),
  write: flag("write", "write the tables of this run into docs/lifetimes.md"),
  jobs: number("jobs", "N", isWhole(1), "a whole number from 1 on").pipe(
    Flag.withDescription("cells at once (default: the number of cores)"),
    Flag.withDefault(availableParallelism())
  ),
  chaos: number("chaos", "SEED", isWhole(0), "a seed, which is a whole number from 0 on").pipe(
    Flag.withDescription("random kills and cancels over random trees instead"),
    Flag.withDefault<number | undefined>(undefined)
  ),
  supervised: number("supervised", "N", isWhole(1), "a number of actors, from 1 on").pipe(
    Flag.withDescription("kills, stops and cancels over supervised trees of about N actors instead"),
    Flag.withDefault<number | undefined>(undefined)
  ),
  seed: number("seed", "SEED", isWhole(0), "a seed, which is a whole number from 0 on").pipe(
    Flag.withDescription("the seed of --supervised (default: another one each time)"),
    Flag.withDefault<number | undefined>(undefined)
  ),
  minutes: number("minutes", "M", (value) => Number.isFinite(value) && value >= 0.01, "a number from 0.01 on").pipe(
    Flag.withDescription("how long the chaos goes on (default: 1)"),
    Flag.withDefault(1)
  )
}

export type Options = Command.Config.Infer<typeof config>

/** Returns the flags that select another kind of run than a run of the full matrix of orphans. */
const modes = ({ chaos, costs, peers, quick, supervised }: Options) => [
  ...quick ? ["quick" as const] : [],
  ...peers ? ["peers" as const] : [],
  ...costs ? ["costs" as const] : [],
  ...chaos === undefined ? [] : ["chaos" as const],
  ...supervised === undefined ? [] : ["supervised" as const]
]

export const mode = (options: Options) => modes(options)[0] ?? "full"

/** Refuses two flags for different kinds of runs in one command line of `npm run orphans`. */
export const validate = (options: Options): Effect.Effect<void, CliError.ValidationError> => {
  const given = modes(options)
  return given.length > 1
    ? Effect.fail(new CliError.ValidationError({ message: `--${given.join(" and --")} do not go together` }))
    : Effect.void
}
