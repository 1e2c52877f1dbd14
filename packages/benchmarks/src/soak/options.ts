/**
 * Defines the command line of `npm run soak`.
 */
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

const number = (name: string, metavar: string, accepts: (value: number) => boolean, expected: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.filterMap((text) => Option.liftPredicate(accepts)(Number(text)), () => expected)
  )

const texts = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TEXTS"),
    Flag.withDescription(description),
    Flag.map((given): ReadonlyArray<string> => given.split(",").filter((text) => text !== "")),
    Flag.withDefault<ReadonlyArray<string>>([])
  )

export const config = {
  minutes: number("minutes", "M", (value) => Number.isFinite(value) && value > 0, "a number above 0").pipe(
    Flag.withDescription("how long all acts go on at once, after each was done alone (default: 10)"),
    Flag.withDefault(10)
  ),
  only: texts("only", "acts whose name holds one of TEXTS, which commas separate"),
  skip: texts("skip", "no acts whose name holds one of TEXTS"),
  largest: number("largest", "MIB", (value) => value > 0 && value <= 32, "a number above 0, 32 at most").pipe(
    Flag.withDescription("the largest item in MiB (default: 16)"),
    Flag.withDefault(16)
  ),
  seed: number("seed", "N", (value) => Number.isSafeInteger(value) && value >= 0, "a whole number from 0 on").pipe(
    Flag.withDescription("the order and the sizes (default: another one each time)"),
    Flag.withDefault<number | undefined>(undefined)
  )
}

export type Options = Command.Config.Infer<typeof config>

/** True when the options of the soak select the act with the given name. */
export const isWanted = ({ only, skip }: Pick<Options, "only" | "skip">, name: string): boolean =>
  (only.length === 0 || only.some((text) => name.includes(text))) && !skip.some((text) => name.includes(text))
