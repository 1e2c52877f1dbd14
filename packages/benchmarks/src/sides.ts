/**
 * Samples of sides that are already there, each taken right after the other; every round begins with another side.
 */
import * as Effect from "effect/Effect"
import { type Job, report } from "./job.ts"
import type { Name, Side } from "./measures.ts"

/** One sample of a side: microseconds, milliseconds or thousands a second, as its measure has it. */
export type Take = Effect.Effect<number, unknown>

/** All sides of a run by measure. */
export type Sides = { readonly [N in Name]?: { readonly [S in Side]?: Take } }

const timed = (of: (millis: number) => number) => <E>(work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(work, () => of(performance.now() - start))
  })

/** Thousands a second. */
export const thousands = <E>(count: number, work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  timed((millis) => count / millis)(work)

/** Microseconds for one item, given the time of a number of items. */
export const micros = <E>(count: number, work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  timed((millis) => millis * 1000 / count)(work)

/**
 * Repeats all sides by turns, for a number of milliseconds each, until the engine has compiled what it will compile: the more
 * code a side has, the longer that takes, on one core above all.
 */
export const warmUp = Effect.fnUntraced(function*(takes: ReadonlyArray<Take>, millis: number) {
  const end = performance.now() + takes.length * millis
  while (performance.now() < end) {
    for (const take of takes) yield* take
  }
})

/** Warms up each measure of the job, and reports its samples. */
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
