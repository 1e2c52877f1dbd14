/** Formats the verdicts on all attacks as one text table. */
import type { Verdict } from "./verdict.ts"

const number = (value: number, digits = 0): string => Number.isFinite(value) ? value.toFixed(digits) : "-"

const heads = [
  "",
  "attack",
  "over",
  "s",
  "calls",
  "p99 ms",
  "worst ms",
  "MB peak",
  "MB kept",
  "refused",
  "what happened"
]

const cells = (verdict: Verdict): ReadonlyArray<string> => [
  verdict.problems.length === 0 ? "ok" : "FAILED",
  verdict.name,
  verdict.transport,
  number(verdict.millis / 1_000, 1),
  number(verdict.calls),
  number(verdict.p99, 1),
  number(verdict.worst, 1),
  number(verdict.peak),
  number(verdict.kept),
  number(verdict.refused),
  verdict.figures
]

/**
 * The columns with text in the table of verdicts, which are aligned to the left; columns with numbers are aligned to
 * the right.
 */
const isText = new Set([0, 1, 2, heads.length - 1])

export const render = (verdicts: ReadonlyArray<Verdict>): string => {
  const rows = [heads, ...verdicts.map(cells)]
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => isText.has(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))
      .join("  ").trimEnd()
  return rows.map(line).join("\n")
}
