/**
 * Measures Furrow and the programs with which the benchmark compares Furrow, one after the other. The first program of
 * a round changes from round to round.
 */
import * as Effect from "effect/Effect"
import { type Job, report } from "./job.ts"
import type { Name, Side } from "./measures.ts"

/**
 * An Effect that takes one sample, of Furrow or of a program with which the benchmark compares Furrow. A sample of the
 * benchmark is in microseconds, in milliseconds, or in thousands of operations a second.
 */
export type Take = Effect.Effect<number, unknown>

/** All functions that take samples in a run of the benchmark, each under the name of its measure. */
export type Sides = { readonly [N in Name]?: { readonly [S in Side]?: Take } }

const timed = (of: (millis: number) => number) => <E>(work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(work, () => of(performance.now() - start))
  })

/** Returns a rate of a benchmark in thousands of operations a second. */
export const thousands = <E>(count: number, work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  timed((millis) => count / millis)(work)

/** Returns the average microseconds that each item of a benchmark's work took. */
export const micros = <E>(count: number, work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  timed((millis) => millis * 1000 / count)(work)

/**
 * Runs Furrow and the programs that it is compared with in turn before a measurement, until V8 has compiled their code.
 * V8 needs longer to compile a program that runs more code, above all on one core.
 */
export const warmUp = Effect.fnUntraced(function*(takes: ReadonlyArray<Take>, millis: number) {
  const end = performance.now() + takes.length * millis
  while (performance.now() < end) {
    for (const take of takes) yield* take
  }
})

/** Warms up each measure of a benchmark's run, and reports the samples of the measure. */
export const sample = Effect.fnUntraced(function*(all: Sides, { amounts, rounds, run }: Job) {
  const measures = run.measures.map(({ name, sides }) => ({
    name,
    takes: sides.map((side) => {
      const take = all[name]?.[side]
      if (take === undefined) throw new Error(`there is no ${side} to measure ${name} with`)
      return [side, take] as const
    })
  }))
  for (const { takes } of measures) yield* warmUp(takes.map(([, take]) => take), amounts.warmUp)
  for (let round = 0; round < rounds; round++) {
    for (const { name, takes } of measures) {
      const values: { [S in Side]?: number } = {}
      const first = round % takes.length
      for (const [side, take] of [...takes.slice(first), ...takes.slice(0, first)]) values[side] = yield* take
      report({ name, values })
    }
  }
})
