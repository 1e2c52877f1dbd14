/**
 * Finds gross regressions in a benchmark, which are cases whose ratio exceeds the limit in every measurement.
 *
 * A busy host disturbs a single measurement of a benchmark's case, so one measurement alone shows no regression. The
 * benchmark reports a regression only where the ratio of the medians and the ratio of the best figures both exceed the
 * limit. A case of the benchmark whose ratio exceeds the limit is measured again, and its best ratio counts.
 */
import * as Effect from "effect/Effect"
import type { Measure } from "./measures.ts"
import { isRate, type Row } from "./report.ts"

/** The largest number of measurements of one case of the benchmark. */
export const mostLooks = 3

/** The worst ratio that a quick run of the benchmark accepts for a case, which is twice the expected ratio. */
export const limit = (measure: Measure): number | undefined =>
  measure.seen === undefined ? undefined : isRate(measure) ? measure.seen / 2 : measure.seen * 2

const telling = ({ measure, quiet, ratio }: Row): number =>
  isRate(measure) ? Math.max(ratio, quiet) : Math.min(ratio, quiet)

/** True when no ratio of a benchmark's row is within the limit of the row's case. */
export const isOver = (row: Row): boolean => {
  const most = limit(row.measure)
  return most !== undefined && (isRate(row.measure) ? telling(row) < most : telling(row) > most)
}

const better = (a: Row, b: Row): Row => (isRate(a.measure) ? telling(b) > telling(a) : telling(b) < telling(a)) ? b : a

/**
 * Repeats cases of the benchmark whose ratios exceed their limits, a limited number of times. The returned rows of the
 * benchmark hold the best ratio of each case over all its measurements.
 */
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

/** Returns the last lines of a quick run's output, with one line for each case whose ratio exceeds the limit. */
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
