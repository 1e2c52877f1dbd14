/**
 * Makes a benchmark's table from samples: the medians of both sides, the median ratio of paired samples, and the
 * verdict on the gate.
 */
import type { Gate, Measure, Sample, Side } from "./measures.ts"

export interface Peer {
  readonly side: Side
  readonly value: number
  readonly ratio: number
}

export interface Row {
  readonly measure: Measure
  readonly rounds: number
  readonly base: number
  readonly furrow: number
  readonly ratio: number
  /**
   * The best figure of Furrow divided by the best figure of the base. A busy host disturbs the best figures of a
   * measure least.
   */
  readonly quiet: number
  /** True when a measure of the benchmark passes its gate; `undefined` for a measure without a gate. */
  readonly met: boolean | undefined
  readonly peers: ReadonlyArray<Peer>
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const meets = (gate: Gate, { base, furrow, ratio }: Pick<Row, "base" | "furrow" | "ratio">): boolean => {
  switch (gate._tag) {
    case "AtMost":
      return ratio <= gate.ratio
    case "AtLeast":
      return ratio >= gate.ratio
    case "Above":
      return furrow - base <= gate.most
    case "Below":
      return furrow <= gate.most
  }
}

/**
 * Returns the figures in a row of the benchmark's table: the medians of Furrow and of another side, and the median of
 * the rounds' ratios.
 */
const beside = (samples: ReadonlyArray<Sample>, side: Side): Peer => ({
  side,
  value: median(samples.map(({ values }) => values[side]!)),
  ratio: median(samples.map(({ values }) => values.furrow! / values[side]!))
})

/** True for a benchmark's measure that is a rate, where a larger figure is better. */
export const isRate = ({ unit }: Measure): boolean => unit === "k/s"

/** Returns the ratio of Furrow's best figure to the best figure of another side. */
const bestBeside = (measure: Measure, samples: ReadonlyArray<Sample>): number => {
  const best = isRate(measure) ? Math.max : Math.min
  const of = (side: Side) => best(...samples.map(({ values }) => values[side]!))
  return of("furrow") / of(measure.base)
}

export const row = (measure: Measure, samples: ReadonlyArray<Sample>): Row => {
  const { ratio, value: base } = beside(samples, measure.base)
  const figures = { base, furrow: median(samples.map(({ values }) => values.furrow!)), ratio }
  const others = (measure.peers ?? []).filter((side) => side !== measure.base && samples[0]!.values[side] !== undefined)
  return {
    measure,
    rounds: samples.length,
    ...figures,
    quiet: bestBeside(measure, samples),
    met: measure.gate === undefined ? undefined : meets(measure.gate, figures),
    peers: others.map((side) => beside(samples, side))
  }
}

const number = (value: number): string => value.toFixed(value < 100 ? 1 : 0)

const gateText = (gate: Gate | undefined, unit: string): string => {
  switch (gate?._tag) {
    case undefined:
      return "-"
    case "AtMost":
      return `<= ${gate.ratio.toFixed(2)}`
    case "AtLeast":
      return `>= ${gate.ratio.toFixed(2)}`
    case "Above":
      return `<= ${gate.most} ${unit} more`
    case "Below":
      return `<= ${gate.most} ${unit}`
  }
}

const floorText = (floor: Measure["floor"]): string =>
  floor === undefined ? "-" : typeof floor === "string" ? floor : floor.toFixed(2)

/**
 * Formats the ratio of Furrow's figure to the figure of another library, with a star where the other library is better.
 */
const peerText = (measure: Measure) => ({ ratio, side }: Peer): string =>
  `${side} ${ratio.toFixed(2)}${(isRate(measure) ? ratio < 1 : ratio > 1) ? "*" : ""}`

const cells = ({ base, furrow, measure, met, peers, ratio }: Row): ReadonlyArray<string> => [
  measure.title,
  `${number(furrow)} ${measure.unit}`,
  measure.base,
  `${number(base)} ${measure.unit}`,
  ratio.toFixed(2),
  gateText(measure.gate, measure.unit),
  floorText(measure.floor),
  met === undefined ? "-" : met ? "met" : "not met",
  peers.map(peerText(measure)).join(", ")
]

const headings = ["case", "Furrow", "beside", "there", "ratio", "gate", "floor", "verdict", "Furrow to peers"]
const texts = new Set([0, 2, 7, 8])

/** Formats the rows of a benchmark as a table that is also Markdown. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [headings, ...rows.map(cells)]
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const show = (line: ReadonlyArray<string>) =>
    `| ${line.map((cell, i) => texts.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(" | ")} |`
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  return [show(headings), rule, ...lines.slice(1).map(show)].join("\n")
}
