/**
 * Makes the plan of one round of chaos from a seed and the round's number: a tree of actors, its owner and end, and
 * faults such as kills. The faults of a round of chaos and their order repeat exactly; the moment at which a process is
 * hit depends on the host.
 */

export type Work = "waits" | "answers" | "fails" | "dies" | "spins" | "blocks" | "ignores" | "litters"

export interface Shape {
  readonly work: Work
  /**
   * Milliseconds until the handler of an actor in chaos answers or fails. The finalizer of the handler of an actor in
   * chaos takes the same time as the handler.
   */
  readonly millis: number
  readonly below: ReadonlyArray<Shape>
}

/** The way in which the tree of a round of chaos is owned: by one call, by a Scope, or by a nursery. */
export type Owner = "call" | "portal" | "nursery"

/** The way in which the owner ends a tree of chaos that has not ended by itself. */
export type Enough = "timeout" | "interrupt" | "cancel"

export interface Fault {
  readonly kind: "SIGKILL" | "SIGTERM" | "SIGINT" | "stop" | "stop and continue"
  /** Milliseconds between a fault of a round of chaos and the fault before it. */
  readonly after: number
  /** The index of a fault's target among the processes that live when the fault happens, modulo their number. */
  readonly target: number
}

export interface Plan {
  readonly round: number
  readonly tree: Shape
  readonly owner: Owner
  readonly enough: Enough
  /** Milliseconds after which the owner of a chaos tree ends the tree. */
  readonly after: number
  readonly faults: ReadonlyArray<Fault>
}

/** Returns a generator of numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export const random = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const works: ReadonlyArray<Work> = [
  "waits",
  "waits",
  "waits",
  "answers",
  "fails",
  "dies",
  "spins",
  "blocks",
  "ignores",
  "litters"
]
const kinds: ReadonlyArray<Fault["kind"]> = ["SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "stop", "stop and continue"]
const owners: ReadonlyArray<Owner> = ["call", "portal", "nursery"]
const enoughs: ReadonlyArray<Enough> = ["timeout", "interrupt", "cancel"]

export const plan = (seed: number, round: number): Plan => {
  const next = random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b))
  const below = (limit: number): number => Math.floor(next() * limit)
  const one = <A>(of: ReadonlyArray<A>): A => of[below(of.length)]!
  // A fifth of the random trees get no fault, and all actors of these trees return a result.
  const calm = next() < 0.2
  const shape = (levels: number): Shape => {
    const count = levels === 0 ? 0 : one([0, 1, 1, 2, 3].slice(0, levels + 2))
    const kids = Array.from({ length: count }, () => shape(levels - 1))
    return { work: calm ? "answers" : one(works), millis: below(300), below: kids }
  }
  return {
    round,
    tree: shape(one([0, 1, 2, 2, 3])),
    owner: one(owners),
    enough: one(enoughs),
    // Returns a random number of milliseconds, from the middle of the tree's first start until well after the tree's
    // last start.
    after: 50 + below(next() < 0.4 ? 500 : 3_000),
    faults: Array.from({ length: calm ? 0 : one([0, 1, 1, 2, 4]) }, () => ({
      kind: one(kinds),
      after: below(next() < 0.5 ? 300 : 1_500),
      target: below(1_000)
    }))
  }
}
