/**
 * The command line of the benchmark.
 */
import { parseArgs } from "node:util"
import { measures } from "./measures.ts"

export const usage = `npm run bench -- [options]
  --quick        fewer and smaller rounds, compiled schemas only
  --only NAME    measures whose name begins with NAME (${[...new Set(measures.map(({ name }) => name))].join(", ")})
  --rounds N     interleaved rounds (15; quick: 5)
  --json FILE    write the numbers there too
  --gate         exit with 1 if a gate is missed
  --profile DIR  write CPU profiles of both ends there`

export interface Options {
  readonly quick: boolean
  readonly only: string
  readonly rounds: number
  readonly json: string | undefined
  readonly gate: boolean
  readonly profile: string | undefined
}

/** Throws with a sentence where the arguments make no sense. */
export const parse = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      rounds: { type: "string" },
      json: { type: "string" },
      gate: { type: "boolean", default: false },
      profile: { type: "string" }
    }
  })
  const rounds = values.rounds === undefined ? values.quick ? 5 : 15 : Number(values.rounds)
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds ${values.rounds} is not a number of rounds`)
  }
  if (!measures.some(({ name }) => name.startsWith(values.only))) {
    throw new Error(`--only ${values.only} matches no measure`)
  }
  return {
    quick: values.quick,
    only: values.only,
    rounds,
    json: values.json,
    gate: values.gate,
    profile: values.profile
  }
}
