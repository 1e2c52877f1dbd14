/** The orders of main.ts to the process of a run, and the results that the process returns. */
import type { Amounts, Run, Sample } from "./measures.ts"

export interface Job {
  readonly run: Run
  readonly rounds: number
  readonly amounts: Amounts
  /** Flags of Node for the processes that a run starts, for profiling. */
  readonly flags: ReadonlyArray<string>
  /** The path of the program that is the smallest Node process. */
  readonly bare: string
}

/** Returns the job of this process of a benchmark, which is its first argument. */
export const givenJob = (): Job => JSON.parse(process.argv[2]!) as Job

export const report = (sample: Sample): void => void process.send!(sample)
