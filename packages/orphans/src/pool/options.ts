/** Defines the options on the command line of `npm run pool`. */
import type { Command } from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

const number = (name: string, metavar: string, accepts: (value: number) => boolean, expected: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.filterMap((text) => Option.liftPredicate(accepts)(Number(text)), () => expected)
  )

const isWhole = (least: number) => (value: number) => Number.isSafeInteger(value) && value >= least

/** Parses the number of kills in a second from a text such as `5/s`. */
export const rateOf = (text: string): number | undefined => {
  const [, rate] = /^(\d+(?:\.\d+)?)\/s$/.exec(text) ?? []
  return rate === undefined || Number(rate) <= 0 || Number(rate) > 100 ? undefined : Number(rate)
}

export const config = {
  rate: Flag.String("kill").pipe(
    Flag.withMetavar("N/s"),
    Flag.withDescription("workers killed in a second (default: 5/s)"),
    Flag.filterMap((text) => Option.fromUndefinedOr(rateOf(text)), () => "a number up to 100 with \"/s\", as in 5/s"),
    Flag.withDefault(5)
  ),
  seconds: number("seconds", "S", (value) => value > 0 && value <= 86_400, "a number above 0").pipe(
    Flag.withDescription("how long tasks are asked for (default: 60)"),
    Flag.withDefault(60)
  ),
  size: number("size", "N", isWhole(1), "a whole number from 1 on").pipe(
    Flag.withDescription("workers of the pool (default: 4)"),
    Flag.withDefault(4)
  ),
  concurrency: number("concurrency", "N", isWhole(1), "a whole number from 1 on").pipe(
    Flag.withDescription("tasks at once on one worker (default: 1)"),
    Flag.withDefault(1)
  ),
  recycle: number("recycle", "N", isWhole(1), "a whole number from 1 on").pipe(
    Flag.withDescription("tasks after which a worker is replaced (default: any number)"),
    Flag.withDefault(Infinity)
  ),
  mixed: Flag.Boolean("mixed").pipe(
    Flag.withDescription(
      "tasks with short deadlines, with other retries, and tasks that are interrupted (default: no)"
    ),
    Flag.withDefault(false)
  ),
  seed: number("seed", "N", isWhole(0), "a whole number from 0 on").pipe(
    Flag.withDescription("the tasks and the victims (default: another one each time)"),
    Flag.withDefault<number | undefined>(undefined)
  )
}

export type Options = Command.Config.Infer<typeof config>
