/**
 * Gross regressions: cases whose ratio is over their limit each time that they are measured.
 *
 * One look at a busy machine says little. So the ratio of the medians and of the best figures both have to be over the
 * limit, and such a case is measured again: its best ratio counts.
 */
import * as Effect from "effect/Effect"
import type { Measure } from "./measures.ts"
import { isRate, type Row } from "./report.ts"

/** How often a case is measured at most. */
export const mostLooks = 3

/** The worst ratio that a quick look accepts, which is twice as bad as the expected one. */
export const limit = (measure: Measure): number | undefined =>
  measure.seen === undefined ? undefined : isRate(measure) ? measure.seen / 2 : measure.seen * 2

/** The better ratio of those of a row: that of its twins, or that of the best figures. */
const telling = ({ measure, quiet, ratio }: Row): number =>
  isRate(measure) ? Math.max(ratio, quiet) : Math.min(ratio, quiet)

/** True when no ratio of the row is within the limit. */
export const isOver = (row: Row): boolean => {
  const most = limit(row.measure)
  return most !== undefined && (isRate(row.measure) ? telling(row) < most : telling(row) > most)
}

const better = (a: Row, b: Row): Row => (isRate(a.measure) ? telling(b) > telling(a) : telling(b) < telling(a)) ? b : a

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
  const line = (row: Row) => {
    const { measure } = row
    const bound = `${isRate(measure) ? "at least" : "at most"} ${limit(measure)!.toFixed(2)}`
    return `- ${measure.name} (${measure.place}), ${measure.title}: ${
      telling(row).toFixed(2)
    } to ${measure.base}, limit ${bound}`
  }
  return [`Over the limit in each of ${mostLooks} looks:`, ...over.map(line)]
}
