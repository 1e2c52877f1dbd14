/**
 * Gross regressions: cases whose ratio is over their limit each time that they are measured.
 *
 * One look at a busy machine says little, so a case over its limit is measured again, and its best ratio counts.
 */
import * as Effect from "effect/Effect"
import type { Measure } from "./measures.ts"
import { isRate, type Row } from "./report.ts"

/** How often a case is measured at most. */
export const mostLooks = 3

/** The worst ratio that a quick look accepts, which is twice as bad as the expected one. */
export const limit = (measure: Measure): number | undefined =>
  measure.seen === undefined ? undefined : isRate(measure) ? measure.seen / 2 : measure.seen * 2

/** True when the ratio is over the limit. */
export const isOver = ({ measure, ratio }: Row): boolean => {
  const most = limit(measure)
  return most !== undefined && (isRate(measure) ? ratio < most : ratio > most)
}

const better = (a: Row, b: Row): Row => (isRate(a.measure) ? b.ratio > a.ratio : b.ratio < a.ratio) ? b : a

/** Measures cases over their limits again, at most so often. The rows returned have their best ratios. */
export const settle = Effect.fnUntraced(function*<E, R>(
  rows: ReadonlyArray<Row>,
  again: (measures: ReadonlyArray<Measure>) => Effect.Effect<ReadonlyArray<Row>, E, R>
) {
  let best = rows
  for (let look = 1; look < mostLooks && best.some(isOver); look++) {
    const more = yield* again(best.filter(isOver).map(({ measure }) => measure))
    best = best.map((row) => more.filter(({ measure }) => measure === row.measure).reduce(better, row))
  }
  return best
})

/** The last lines of a quick look: each case over its limit, with its place, ratio and limit. */
export const summary = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const over = rows.filter(isOver)
  if (over.length === 0) return ["No case is over its limit."]
  const line = ({ measure, ratio }: Row) => {
    const bound = `${isRate(measure) ? "at least" : "at most"} ${limit(measure)!.toFixed(2)}`
    return `- ${measure.name} (${measure.place}), ${measure.title}: ${
      ratio.toFixed(2)
    } to ${measure.base}, limit ${bound}`
  }
  return [`Over the limit in each of ${mostLooks} looks:`, ...over.map(line)]
}
