/**
 * The command line of `npm run orphans`.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"

export const usage = `npm run orphans -- [options]
  (none)          every cell of the matrix, then the peers
  --quick         every pair of values once
  --only TEXT     cells whose description holds TEXT (as it is printed: "thread: root SIGKILL, leaf stopped, depth 2")
  --peers         only the peers
  --costs         only what each guard costs
  --write         write the tables of this run into docs/lifetimes.md
  --jobs N        cells at once (default: the number of cores)
  --chaos SEED    random kills and cancels over random trees instead
  --minutes M     how long (default 1)`

export interface Options {
  readonly mode: "full" | "quick" | "peers" | "costs" | "chaos"
  readonly only: string
  readonly write: boolean
  readonly jobs: number
  readonly seed: number
  readonly minutes: number
}

const number = (name: string, text: string, least: number): number => {
  const value = Number(text)
  if (Number.isFinite(value) && value >= least) return value
  throw new Error(`--${name} ${text}: not a number of at least ${least}`)
}

/** Throws with a sentence where the arguments make no sense. */
export const parse = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      peers: { type: "boolean", default: false },
      costs: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      jobs: { type: "string", default: String(availableParallelism()) },
      chaos: { type: "string" },
      minutes: { type: "string", default: "1" }
    }
  })
  const modes = [
    ...values.quick ? ["quick" as const] : [],
    ...values.peers ? ["peers" as const] : [],
    ...values.costs ? ["costs" as const] : [],
    ...values.chaos === undefined ? [] : ["chaos" as const]
  ]
  if (modes.length > 1) throw new Error(`--${modes.join(" and --")} do not go together`)
  const seed = number("chaos", values.chaos ?? "0", 0)
  if (!Number.isSafeInteger(seed)) throw new Error(`--chaos ${values.chaos}: a seed is a whole number`)
  return {
    mode: modes[0] ?? "full",
    only: values.only,
    write: values.write,
    jobs: Math.floor(number("jobs", values.jobs, 1)),
    seed,
    minutes: number("minutes", values.minutes, 0.01)
  }
}
