/**
 * Words of main.ts to a run, and the answers of the run.
 */
import type { Amounts, Run, Sample } from "./measures.ts"

export interface Job {
  readonly run: Run
  readonly rounds: number
  readonly amounts: Amounts
  /** Flags for the far processes: profiling. */
  readonly flags: ReadonlyArray<string>
  /** The smallest process. */
  readonly bare: string
}

/** The job of this process, in its first argument. */
export const givenJob = (): Job => JSON.parse(process.argv[2]!) as Job

export const report = (sample: Sample): void => void process.send!(sample)
