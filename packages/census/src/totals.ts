/** The sums over all rows of a census, which are equal for every order of the rows. */
import * as Crypto from "node:crypto"
import { isMeasured, type Measured, type Row } from "./row.ts"

export interface Totals {
  readonly files: number
  readonly measured: number
  readonly bytes: number
  readonly lines: Measured["lines"]
  readonly functions: number
  readonly imports: number
  /** A hash of the names and counts of all files, which is equal for two censuses with the same results. */
  readonly fingerprint: string
}

/** Returns the results of a census for one file as text. */
const said = (row: Row | undefined): string => {
  if (row === undefined) return "nothing"
  return JSON.stringify(isMeasured(row) ? row : row.message)
}

/** Returns the files for which two counts of a census have different results. */
export const differing = (a: ReadonlyMap<string, Row>, b: ReadonlyMap<string, Row>): ReadonlyArray<string> =>
  Array.from(new Set([...a.keys(), ...b.keys()])).filter((file) => said(a.get(file)) !== said(b.get(file))).sort()

export const totals = (rows: ReadonlyMap<string, Row>): Totals => {
  const sum = { files: rows.size, measured: 0, bytes: 0, functions: 0, imports: 0 }
  const lines = { code: 0, comment: 0, blank: 0 }
  const hash = Crypto.createHash("sha256")
  for (const [file, row] of Array.from(rows).sort(([a], [b]) => a < b ? -1 : 1)) {
    hash.update(JSON.stringify([file, said(row)]))
    if (!isMeasured(row)) continue
    sum.measured++
    sum.bytes += row.bytes
    sum.functions += row.functions
    sum.imports += row.imports.length
    for (const kind of ["code", "comment", "blank"] as const) lines[kind] += row.lines[kind]
  }
  return { ...sum, lines, fingerprint: hash.digest("hex") }
}
