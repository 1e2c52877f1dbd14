/** The orders of main.ts to the process of a run, and the results of the run. */
import type { Amounts, Run, Sample } from "./measures.ts"

export interface Job {
  readonly run: Run
  readonly rounds: number
  readonly amounts: Amounts
  /** Flags of Node for the processes at the other end, for profiling. */
  readonly flags: ReadonlyArray<string>
  /** The path of the program of the smallest Node process. */
  readonly bare: string
}

/** Returns the job of this process, which is its first argument. */
export const givenJob = (): Job => JSON.parse(process.argv[2]!) as Job

export const report = (sample: Sample): void => void process.send!(sample)
