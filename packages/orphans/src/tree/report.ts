/**
 * Reports of the processes of a cell to the matrix: lines of JSON in one file, because the actors between may be unable to
 * pass anything on.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

export type Report =
  /** A process is there, with what it started itself. */
  | { readonly _tag: "Up"; readonly name: string; readonly pid: number; readonly subprocesses: ReadonlyArray<number> }
  /** The actor is about to block. */
  | { readonly _tag: "In"; readonly pid: number }
  /** How the call on the inner actor that died ended, and what its owner was told of its end. */
  | { readonly _tag: "Heard"; readonly call: string; readonly end: string }
  /** The other actor of the root still answers. */
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

/** Everybody is up: they may take the state of the cell now. */
export const giveGo = (folder: string): void => Fs.writeFileSync(go(folder), "")

export const isGo = (folder: string): boolean => Fs.existsSync(go(folder))
