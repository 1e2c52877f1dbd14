/** The orders that `main.ts` gives to the process of a benchmark's run, and the results that the process returns. */
import type { Amounts, Run, Sample } from "./measures.ts"

export interface Job {
  readonly run: Run
  readonly rounds: number
  readonly amounts: Amounts
  /** Flags of Node for the processes that a run of the benchmark starts, by which these processes can be profiled. */
  readonly flags: ReadonlyArray<string>
  /** The path of the program of the smallest Node process, with which a start of an actor is compared. */
  readonly bare: string
}

/** Returns the job of a benchmark's process, which the process reads from its first argument. */
export const givenJob = (): Job => JSON.parse(process.argv[2]!) as Job

export const report = (sample: Sample): void => void process.send!(sample)
