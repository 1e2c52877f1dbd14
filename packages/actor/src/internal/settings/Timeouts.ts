/**
 * Every bound of the runtime, in one place (docs/reference.md lists them). All are measured by
 * the Clock of the program, so TestClock drives them.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/**
 * Every bound, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timeouts {
  /** The time from the start of the process to ready. */
  readonly spawn: number
  /** Rung 1: from a dialog's Cancel to its last word. */
  readonly cancel: number
  /** Rung 2: from CancelActor to its acknowledgement: is its event loop alive? */
  readonly cancelAck: number
  /**
   * Rung 3: from the acknowledgement to the actor's Bye. Its finalizers are cut off a quarter of a second earlier, or half
   * way where the bound is shorter than half a second: that is left for its last words.
   */
  readonly finalizers: number
  /** Rung 4: from SIGTERM to SIGKILL. */
  readonly terminate: number
  /** The time after the end of the connection for the exit status and the last lines on stderr. */
  readonly explain: number
  /** The time for the last logs of an actor to leave. */
  readonly logs: number
  /** The time from the wish for a portal to an open connection: to be told where the actor listens, to dial, to greet. */
  readonly connect: number
  /** The time from a stranger's connection to its proof that it belongs to the tree. */
  readonly handshake: number
  /**
   * From the last sign of life of a peer to its loss, over connections that can die without an end (TLS, and tcp beyond the
   * loopback). The peer is asked after half of it. An actor that blocks its event loop for so long is lost to its peers
   * there.
   */
  readonly silence: number
}

/**
 * The bounds where a program sets none, in milliseconds.
 *
 * @example
 * ```ts
 * Timeouts.defaults.finalizers // 5_000
 * ```
 * @category defaults
 * @since 0.1.0
 */
export const defaults: Timeouts = {
  spawn: 30_000,
  cancel: 5_000,
  cancelAck: 500,
  finalizers: 5_000,
  terminate: 500,
  explain: 100,
  logs: 1_000,
  connect: 5_000,
  handshake: 2_000,
  silence: 10_000
}

/**
 * The bounds in force, as a reference of the context; actors inherit them from their starters.
 *
 * @example
 * ```ts
 * const { spawn } = yield* Timeouts.Timeouts
 * spawn // 30_000
 * ```
 * @category references
 * @since 0.1.0
 */
export const Timeouts: Context.Reference<Timeouts> = Context.Reference("@furrow/actor/Timeouts", {
  defaultValue: () => defaults
})

/**
 * Some of the bounds, in any form that Effect takes for a duration. A number is milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Bounds = { readonly [K in keyof Timeouts]?: Duration.Input | undefined }

/**
 * All bounds, from some of them. The others are taken from `over`, by default from `defaults`.
 *
 * @example
 * ```ts
 * Timeouts.make({ finalizers: "20 seconds" }).finalizers // 20_000
 * Timeouts.make({ finalizers: "20 seconds" }).cancel // 5_000
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = (bounds: Bounds, over: Timeouts = defaults): Timeouts => {
  const made: { -readonly [K in keyof Timeouts]: number } = { ...over }
  for (const name of Object.keys(bounds) as Array<keyof Timeouts>) {
    const bound = bounds[name]
    if (bound !== undefined) made[name] = Duration.toMillis(bound)
  }
  return made
}

/**
 * Sets some of the bounds for an effect and for every actor that it starts. The others stay as they are around it.
 *
 * @example
 * ```ts
 * yield* program.pipe(Timeouts.provide({ finalizers: "20 seconds", cancel: 250 })) // true
 * ```
 * @category combinators
 * @since 0.1.0
 */
export const provide: {
  (bounds: Bounds): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, bounds: Bounds): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, bounds: Bounds) =>
    Effect.withFiber<A, E, R>((fiber) => Effect.provideService(self, Timeouts, make(bounds, fiber.getRef(Timeouts))))
)

/** Milliseconds on the program's Clock that no change of the wall clock moves: what bounds are counted in. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
