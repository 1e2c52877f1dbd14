/**
 * Reports of the processes of a test case to the process that runs the test case, as lines of JSON in one file. A file
 * of reports works even when the actors between a process and the runner of the test case cannot pass on a message.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

export type Report =
  /** A report that a process of a test case is ready, with the subprocesses that it has started. */
  | { readonly _tag: "Up"; readonly name: string; readonly pid: number; readonly subprocesses: ReadonlyArray<number> }
  /** A report that an actor of a test case is about to block its thread. */
  | { readonly _tag: "In"; readonly pid: number }
  /**
   * A report of the result of the call to the inner actor that died, and of the exit that the owner of this actor got.
   */
  | { readonly _tag: "Heard"; readonly call: string; readonly end: string }
  /** A report that tells whether the second actor of the root in a test case still answers. */
  | { readonly _tag: "Sibling"; readonly answers: boolean }

const file = (folder: string): string => Path.join(folder, "reports")

export const report = (folder: string, report: Report): void => {
  Fs.appendFileSync(file(folder), `${JSON.stringify(report)}\n`)
}

export const reports = (folder: string): ReadonlyArray<Report> => {
  try {
    return Fs.readFileSync(file(folder), "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line) as Report)
  } catch {
    return []
  }
}

const go = (folder: string): string => Path.join(folder, "go")

/** Tells all actors of a test case that every actor is ready, so that they enter the state of the test case. */
export const giveGo = (folder: string): void => Fs.writeFileSync(go(folder), "")

export const isGo = (folder: string): boolean => Fs.existsSync(go(folder))
