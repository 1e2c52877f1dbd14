/**
 * The command line of `npm run attack`.
 */
import { parseArgs } from "node:util"

export const usage = `npm run attack -- [options]
  (none)       every attack, over Unix sockets and over tcp
  --quick      smaller numbers, and a few over tcp only
  --only TEXT  attacks whose name holds TEXT, or "unix: ..." or "tcp: ..."`

export interface Options {
  readonly quick: boolean
  readonly only: string
}

/** Throws with a sentence where the arguments make no sense. */
export const parse = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: "boolean", default: false }, only: { type: "string", default: "" } }
  })
  return { quick: values.quick, only: values.only }
}
