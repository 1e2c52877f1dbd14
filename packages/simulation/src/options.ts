/**
 * The command line of `npm run simulate`.
 */
import * as Util from "node:util"
import * as Program from "./Program.ts"

export const usage = `npm run simulate -- [options]

  --seeds N        this many programs (default: 3000)
  --minutes M      programs until this time is over
  --seed N         one program, and its history
  --program JSON   the program that a report shows
  --from N | now   the first seed (default: 1); now is one of the time, which is printed
  --kinds A,B      these kinds of steps alone
  --twice          each program twice here and once in another process: every choice is compared
  --processes      real processes, where nothing replays
  --keep-going     prints each finding, and goes on
  --no-shrink      does not make a failing program small
  --help           prints this`

export interface Options {
  readonly seed: number | undefined
  readonly seeds: number | undefined
  readonly minutes: number | undefined
  readonly from: number | "now"
  readonly kinds: ReadonlyArray<Program.Kind> | undefined
  readonly program: Program.Program | undefined
  readonly twice: boolean
  readonly processes: boolean
  /** True when the command prints only one line for each seed, as the second process of the option `--twice` does. */
  readonly digests: boolean
  readonly isKeptGoing: boolean
  readonly shrinks: boolean
}

const flags = {
  seed: { type: "string" },
  seeds: { type: "string" },
  minutes: { type: "string" },
  from: { type: "string" },
  kinds: { type: "string" },
  processes: { type: "boolean" },
  twice: { type: "boolean" },
  digests: { type: "boolean" },
  program: { type: "string" },
  "no-shrink": { type: "boolean" },
  "keep-going": { type: "boolean" },
  help: { type: "boolean" }
} as const

const whole = (name: string, text: string | undefined, least: number): number | undefined => {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} wants a whole number from ${least} on, not "${text}"`)
}

const minutesOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (Number(text) > 0 && Number.isFinite(Number(text))) return Number(text)
  throw new Error(`--minutes wants a number above 0, not "${text}"`)
}

const kindsOf = (text: string | undefined): ReadonlyArray<Program.Kind> | undefined =>
  text?.split(",").map((name) => {
    const kind = Program.kinds.find((known) => known === name)
    if (kind === undefined) throw new Error(`--kinds: no kind "${name}"; there are ${Program.kinds.join(", ")}`)
    return kind
  })

const programOf = (text: string | undefined): Program.Program | undefined => {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Program.Program
  } catch (error) {
    throw new Error(`--program wants the JSON that a report shows: ${(error as Error).message}`)
  }
}

/**
 * Parses the command line of `npm run simulate`: returns options, the request for the usage, or the problem in words.
 */
export const parse = (args: ReadonlyArray<string>): Options | "help" | { readonly problem: string } => {
  try {
    const { values } = Util.parseArgs({ args: [...args], options: flags })
    if (values.help === true) return "help"
    return {
      seed: whole("seed", values.seed, 0),
      seeds: whole("seeds", values.seeds, 1),
      minutes: minutesOf(values.minutes),
      from: values.from === "now" ? "now" : whole("from", values.from, 0) ?? 1,
      kinds: kindsOf(values.kinds),
      program: programOf(values.program),
      twice: values.twice === true,
      processes: values.processes === true,
      digests: values.digests === true,
      isKeptGoing: values["keep-going"] === true,
      shrinks: values["no-shrink"] !== true
    }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
