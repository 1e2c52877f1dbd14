/**
 * Defines the command line of `npm run bench`.
 */
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { measures } from "./measures.ts"

const names = [...new Set(measures.map(({ name }) => name))].join(", ")

export const config = {
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription(
      "fewer and smaller rounds, without peers; exits with 1 where a ratio is twice as bad as expected, in three looks"
    ),
    Flag.withDefault(false)
  ),
  only: Flag.String("only").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(`measures whose name begins with NAME (${names})`),
    Flag.filter((only) => measures.some(({ name }) => name.startsWith(only)), () => `the beginning of one of ${names}`),
    Flag.withDefault("")
  ),
  rounds: Flag.String("rounds").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("interleaved rounds (default: 15; quick: 5)"),
    Flag.filterMap(
      (text) => Option.liftPredicate((rounds: number) => Number.isSafeInteger(rounds) && rounds > 0)(Number(text)),
      () => "a number of rounds from 1 on"
    ),
    Flag.withDefault<number | undefined>(undefined)
  ),
  runs: Flag.String("runs").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("runs whose rounds are pooled (default: 1; with --gate: 3)"),
    Flag.filterMap(
      (text) => Option.liftPredicate((runs: number) => Number.isSafeInteger(runs) && runs > 0)(Number(text)),
      () => "a number of runs from 1 on"
    ),
    Flag.withDefault<number | undefined>(undefined)
  ),
  json: Flag.File("json").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("write the numbers there too"),
    Flag.withDefault<string | undefined>(undefined)
  ),
  gate: Flag.Boolean("gate").pipe(
    Flag.withDescription("exit with 1 if a gate is missed"),
    Flag.withDefault(false)
  ),
  profile: Flag.Directory("profile").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("write CPU profiles of both ends there"),
    Flag.withDefault<string | undefined>(undefined)
  )
}

/**
 * Returns the benchmark's options. A number of rounds or runs that is missing on the command line is the default of a
 * quick or a full run.
 */
export const resolve = (given: Command.Config.Infer<typeof config>) => ({
  ...given,
  rounds: given.rounds ?? (given.quick ? 5 : 15),
  runs: given.runs ?? (given.gate ? 3 : 1)
})

export type Options = ReturnType<typeof resolve>
