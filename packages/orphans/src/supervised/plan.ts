/** The plan of one round for a supervised tree, which depends only on the seed and the number of the round. */
import type { Strategy } from "@furrow/actor/Supervisor"
import { random } from "../chaos/plan.ts"
import { actorsAtRoot, actorsOfBranch } from "./actors.ts"

/**
 * A signal to one process of a supervised tree, given by an index among the processes that live when the signal is
 * sent.
 */
export interface Strike {
  readonly kind: "SIGKILL" | "stop and continue"
  /** Milliseconds between a signal to the supervised tree and the signal before it. */
  readonly after: number
  readonly target: number
  /** Milliseconds for which SIGSTOP stops a process of the supervised tree. */
  readonly millis: number
}

/** The end of the root of a supervised tree: by itself, or by SIGKILL, under load or after all restarts. */
export type End = "ends" | "is killed at rest" | "is killed under load"

export interface Plan {
  readonly round: number
  readonly seed: number
  readonly strategy: Strategy
  readonly branches: number
  readonly actors: number
  readonly strikes: ReadonlyArray<Strike>
  /** The cancels of actors that the root of a supervised tree makes in a round of chaos. */
  readonly cancels: ReadonlyArray<{ readonly after: number; readonly target: number }>
  readonly end: End
}

const strategies: ReadonlyArray<Strategy> = ["dependants", "one-for-one", "rest-for-one", "one-for-all"]
const ends: ReadonlyArray<End> = ["ends", "is killed at rest", "ends", "is killed under load"]

/** Milliseconds between two signals to a supervised tree, and between two cancels, on average. */
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
