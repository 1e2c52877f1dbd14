/**
 * Samples of two sides that are already there, each taken right after the other; rounds alternate who goes first.
 */
import * as Effect from "effect/Effect"
import { type Job, report } from "./job.ts"
import type { Name } from "./measures.ts"

/** One sample of each side. */
export interface Twins {
  readonly raw: Effect.Effect<number, unknown>
  readonly furrow: Effect.Effect<number, unknown>
}

export type AllTwins = { readonly [N in Name]?: Twins }

/** Thousands a second. */
export const thousands = <E>(count: number, work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(work, () => count / (performance.now() - start))
  })

/** Takes both sides by turns, for so long each. */
export const warmUp = Effect.fnUntraced(function*(both: Twins, millis: number) {
  const end = performance.now() + 2 * millis
  while (performance.now() < end) {
    yield* both.raw
    yield* both.furrow
  }
})

/** Warms up each measure of the job, and reports its samples. */
export const sample = Effect.fnUntraced(function*(all: AllTwins, { amounts, rounds, run }: Job) {
  for (const name of run.names) yield* warmUp(all[name]!, amounts.warmUp)
  for (let round = 0; round < rounds; round++) {
    for (const name of run.names) {
      const both = all[name]!
      const first = round % 2 === 0 ? yield* both.raw : yield* both.furrow
      const second = round % 2 === 0 ? yield* both.furrow : yield* both.raw
      const [raw, furrow] = round % 2 === 0 ? [first, second] : [second, first]
      report({ name, raw, furrow })
    }
  }
})
