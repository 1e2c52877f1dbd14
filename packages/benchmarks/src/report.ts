/**
 * Samples -> one table: medians of both sides, the median of the ratios of twins, and what the gate says of it.
 */
import { isStart, type Measure, type Run, type Sample } from "./measures.ts"

export interface Row {
  readonly measure: Measure
  readonly jit: boolean
  readonly rounds: number
  readonly raw: number
  readonly furrow: number
  readonly ratio: number
  /** `undefined` where the measure has no gate. */
  readonly met: boolean | undefined
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const row = (measure: Measure, run: Run, samples: ReadonlyArray<Sample>): Row => {
  const ratio = median(samples.map(({ furrow, raw }) => furrow / raw))
  const gate = run.jit || isStart(measure.place) ? measure.gate : undefined
  return {
    measure,
    jit: run.jit,
    rounds: samples.length,
    raw: median(samples.map(({ raw }) => raw)),
    furrow: median(samples.map(({ furrow }) => furrow)),
    ratio,
    met: gate === undefined ? undefined : gate._tag === "AtMost" ? ratio <= gate.ratio : ratio >= gate.ratio
  }
}

const number = (value: number): string => value.toFixed(value < 100 ? 1 : 0)

const cells = (row: Row): ReadonlyArray<string> => {
  const { gate, title, unit } = row.measure
  const sign = gate === undefined || row.met === undefined
    ? "-"
    : `${gate._tag === "AtMost" ? "<=" : ">="} ${gate.ratio.toFixed(2)}`
  return [
    isStart(row.measure.place) || row.jit ? title : `${title}, schemas not compiled`,
    `${number(row.raw)} ${unit}`,
    `${number(row.furrow)} ${unit}`,
    row.ratio.toFixed(2),
    sign,
    row.met === undefined ? "-" : row.met ? "met" : "not met"
  ]
}

const headings = ["measure", "raw", "Furrow", "ratio", "gate", "verdict"]

/** A table that is also Markdown. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [headings, ...rows.map(cells)]
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const show = (line: ReadonlyArray<string>) =>
    `| ${line.map((cell, i) => i === 0 || i === 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(" | ")} |`
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  return [show(headings), rule, ...lines.slice(1).map(show)].join("\n")
}
