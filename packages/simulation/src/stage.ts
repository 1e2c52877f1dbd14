/**
 * The context of one step of a random program: the actor of the step, and the numbers and functions that all steps
 * share.
 */
import type { Portal } from "@furrow/actor/Portal"
import type * as Simulation from "@furrow/testing/Simulation"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { type exposed, never, type Work } from "./actors.ts"
import type * as Births from "./births.ts"
import type * as Dialogs from "./dialogs.ts"
import { record } from "./History.ts"
import type * as Partings from "./partings.ts"
import type * as Peers from "./peers.ts"
import type { Step } from "./Program.ts"
import type * as Wide from "./wide.ts"

export type Served = Portal<
  | typeof exposed[number]
  | typeof Peers.endpoints[number]
  | typeof Births.endpoints[number]
  | typeof Dialogs.endpoints[number]
  | typeof Wide.endpoints[number]
  | typeof Partings.endpoints[number]
>

export interface Call {
  readonly key: number
  readonly actor: string
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/** One step of a random program with all values and functions that the step may use. */
export interface Stage {
  readonly key: number
  readonly step: Step
  /**
   * The name and the portal of the actor that the step uses. The fields `other` and `otherName` are a second actor, or
   * the same actor if the program has only one.
   */
  readonly name: string
  readonly portal: Served
  readonly other: Served
  readonly otherName: string
  /** The calls that the random program has made before the current step. */
  readonly calls: ReadonlyArray<Call>
  readonly world: Simulation.World["Service"]
  /** Makes the connection of an actor throw in the actor's parent from now on. */
  readonly breakConnection: (actor: string) => void
  /** Makes the transport of the tree fail for a while, in one of several ways. */
  readonly unplug: (how: number, millis: number) => Effect.Effect<void>
  /** Makes a log sink of the root throw for a while, in one of several ways. */
  readonly spoilLogs: (how: number, millis: number) => Effect.Effect<void>
}

/** Returns keys for the calls that a step makes in addition to its first call, whose key is the number of the step. */
export const keyBelow = (key: number, i: number): number => (key + 1) * 10_000 + i

export type Does = (stage: Stage) => Effect.Effect<unknown, unknown, any>

export const waits = [0, 0, 5, 40, 200, 1] as const
export const cleanups = [0, 3, 20, 60, 300, never] as const
export const ends = ["return", "return", "fail", "die", "hang", "hang"] as const
export const counts = [3, 10, 70, 150, 500, 1] as const
export const batches = [1, 2, 5, 20, 64, 3] as const
export const windows = [64, 1, 4, 16, 2, 8] as const
export const stops = [3, 30, 400, 9_000, 100, 1_500] as const

export const workOf = ({ key, step: { a, b, c } }: Stage): Work => ({
  key,
  wait: waits[a]!,
  end: ends[b]!,
  cleanup: cleanups[c]!
})

export const read = (key: number, reader: string) => (item: number) => record({ _tag: "Read", key, reader, item })

export const completed = (key: number, reader: string, count: number) =>
  record({ _tag: "Completed", key, reader, count })

/**
 * Kills, stops or cuts off an actor, and records this event before, so that the checks allow the loss of the actor's
 * calls.
 */
export const hurt = (actor: string, what: string, does: Effect.Effect<void>) =>
  Effect.andThen(record({ _tag: "Hurt", actor, what }), does)
