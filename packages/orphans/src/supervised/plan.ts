/**
 * Events that befall a supervised tree in one round, decided by the seed and the number of the round alone.
 */
import type { Strategy } from "@furrow/actor/Supervisor"
import { random } from "../chaos/plan.ts"
import { actorsAtRoot, actorsOfBranch } from "./actors.ts"

/** A signal to a process of the tree: the n-th of those there are then, counted around. */
export interface Strike {
  readonly kind: "SIGKILL" | "stop and continue"
  /** Milliseconds between the previous strike and this one. */
  readonly after: number
  readonly target: number
  /** Milliseconds for which a process is stopped. */
  readonly millis: number
}

/** How the root ends: by itself, or by SIGKILL, when all is settled or under load. */
export type End = "ends" | "is killed at rest" | "is killed under load"

export interface Plan {
  readonly round: number
  readonly seed: number
  readonly strategy: Strategy
  readonly branches: number
  readonly actors: number
  readonly strikes: ReadonlyArray<Strike>
  /** Polite requests to end, which the root makes. */
  readonly cancels: ReadonlyArray<{ readonly after: number; readonly target: number }>
  readonly end: End
}

const strategies: ReadonlyArray<Strategy> = ["dependants", "one-for-one", "rest-for-one", "one-for-all"]
const ends: ReadonlyArray<End> = ["ends", "is killed at rest", "ends", "is killed under load"]

/** Milliseconds between two strikes, and between two cancels, on average. */
const strikeMillis = 1000
const cancelMillis = 5000

export const plan = (seed: number, round: number, actors: number, seconds: number): Plan => {
  const next = random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b))
  const below = (limit: number): number => Math.floor(next() * limit)
  const branches = Math.max(1, Math.round((actors - actorsAtRoot) / actorsOfBranch))
  const timesOf = (millis: number): ReadonlyArray<number> => {
    const times: Array<number> = []
    let sum = 0
    for (;;) {
      const after = below(2 * millis)
      sum += after
      if (sum > seconds * 1000) return times
      times.push(after)
    }
  }
  return {
    round,
    seed,
    strategy: strategies[round % strategies.length]!,
    branches,
    actors: actorsAtRoot + branches * actorsOfBranch,
    end: ends[(seed + round) % ends.length]!,
    strikes: timesOf(strikeMillis).map((after) => ({
      kind: next() < 0.7 ? "SIGKILL" : "stop and continue",
      after,
      target: below(10_000),
      millis: 50 + below(1500)
    })),
    cancels: timesOf(cancelMillis).map((after) => ({ after, target: below(10_000) }))
  }
}
