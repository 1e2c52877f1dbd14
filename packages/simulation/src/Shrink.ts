/**
 * Makes a failing random program smaller as long as the same check still fails: removes steps, then actors, and then
 * lowers numbers.
 *
 * A smaller random program runs under another schedule, so each smaller program is tried with several seeds. At the
 * end, shrinking turns off the random choices of the scheduler in parts of the run, as long as the failure remains.
 */
import * as Effect from "effect/Effect"
import type { Program, Step } from "./Program.ts"

/** The number of schedules under which each smaller random program is tried. */
const schedules = 20

const numbers = ["wait", "actor", "a", "b", "c"] as const

/** Returns smaller variants of a random program, with the smallest variant first. */
const smaller = (program: Program): ReadonlyArray<Program> => {
  const { actors, steps } = program
  const without = (from: number, count: number): Program => ({
    ...program,
    steps: steps.filter((_, i) => i < from || i >= from + count)
  })
  const found: Array<Program> = []
  for (let count = steps.length >> 1; count > 0; count >>= 1) {
    for (let from = 0; from + count <= steps.length; from += count) found.push(without(from, count))
  }
  if (actors > 1) found.push({ ...program, actors: actors - 1 })
  if (program.owner === "nursery") found.push({ ...program, owner: "scope" })
  for (const [i, step] of steps.entries()) {
    for (const field of numbers) {
      if (step[field] === 0) continue
      const simpler: Step = { ...step, [field]: 0 }
      found.push({ ...program, steps: steps.map((other, j) => j === i ? simpler : other) })
    }
  }
  return found
}

/**
 * The largest number of equal parts of a run for which shrinking tries to turn off the random choices of the scheduler.
 */
const leastPart = 64

/** Joins ranges of random choices that touch each other. */
const merged = (ranges: Program["calm"] & {}): Program["calm"] & {} => {
  const found: Array<[number, number]> = []
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = found.at(-1)
    if (last !== undefined && last[1] >= from) last[1] = Math.max(last[1], to)
    else found.push([from, to])
  }
  return found
}

/**
 * Finds ranges of random choices that a failure does not need, where `choices` is the number of choices in the run. A
 * range of random choices counts as unneeded if the random program still fails without these choices.
 */
export const calmed = (
  program: Program,
  choices: number,
  fails: (program: Program) => Effect.Effect<boolean>
): Effect.Effect<Program> =>
  Effect.gen(function*() {
    let best = program
    for (let part = 2; part <= leastPart && choices / part >= 1; part *= 2) {
      for (let i = 0; i < part; i++) {
        const range = [Math.floor(choices * i / part), Math.ceil(choices * (i + 1) / part)] as const
        const calm = best.calm ?? []
        if (calm.some(([from, to]) => from <= range[0] && range[1] <= to)) continue
        const candidate = { ...best, calm: merged([...calm, range]) }
        if (yield* fails(candidate)) best = candidate
      }
    }
    return best
  })

export interface Shrunk {
  readonly program: Program
  /** The number of runs that shrinking a random program took. */
  readonly runs: number
}

/** Shrinks a random program; the function `fails` says whether a smaller program still fails in the same check. */
export const shrink = (
  program: Program,
  fails: (program: Program) => Effect.Effect<boolean>,
  maxRuns = 3_000
): Effect.Effect<Shrunk> =>
  Effect.gen(function*() {
    let best = program
    let runs = 0
    const tried = function*(candidate: Program) {
      for (let i = 0; i < schedules && runs < maxRuns; i++) {
        runs++
        const schedule = i === 0 ? best.schedule : i
        if (yield* fails({ ...candidate, schedule })) return { ...candidate, schedule }
      }
      return undefined
    }
    for (let again = true; again && runs < maxRuns;) {
      again = false
      for (const candidate of smaller(best)) {
        const found = yield* tried(candidate)
        if (found === undefined) continue
        best = found
        again = true
        break
      }
    }
    return { program: best, runs }
  })
