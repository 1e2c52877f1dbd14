/**
 * All timeouts of the runtime, in one place (docs/reference.md lists them). The program's Clock measures all of them,
 * so TestClock drives them in tests.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/**
 * Every timeout of the runtime, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timeouts {
  /** From the start of an actor's process until the actor is ready. */
  readonly spawn: number
  /** Rung 1 of the shutdown ladder: from a dialog's Cancel to its last word. */
  readonly cancel: number
  /**
   * Rung 2 of the shutdown ladder: from CancelActor to its acknowledgement, which shows that the actor's event loop is
   * alive.
   */
  readonly cancelAck: number
  /**
   * Rung 3 of the shutdown ladder: from the acknowledgement of CancelActor to the actor's Bye. The actor cuts its
   * finalizers off a quarter of a second earlier, or half way where this timeout is below half a second. The rest is
   * left for its last words.
   */
  readonly finalizers: number
  /** Rung 4 of the shutdown ladder: from SIGTERM to SIGKILL. */
  readonly terminate: number
  /** From the end of an actor's connection until its exit status and last lines on stderr are known. */
  readonly explain: number
  /** The time that the last logs of an actor have to be sent. */
  readonly logs: number
  /**
   * From the wish for a portal to an open connection: to learn where the actor listens, to dial it, and to exchange
   * greetings.
   */
  readonly connect: number
  /** From a stranger's connection to its proof that it belongs to the tree. */
  readonly handshake: number
  /**
   * From a peer's last sign of life to its loss. It holds for connections that can die without an end: TLS, and TCP
   * beyond the loopback. After half of this time the peer is asked for a sign of life. An actor that blocks its event
   * loop for this long counts as lost for such peers.
   */
  readonly silence: number
}

/**
 * The timeouts where a program sets none, in milliseconds.
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
 * The timeouts in force, as a reference of the context; actors inherit them from their starters.
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
 * Some of the timeouts, in any form that Effect takes for a duration. A number is milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Bounds = { readonly [K in keyof Timeouts]?: Duration.Input | undefined }

/**
 * Completes some timeouts to all of them. The missing ones are taken from `over`, which is `defaults` unless given.
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
 * Sets some of the timeouts for an effect and for every actor that it starts. Timeouts that are not named keep their
 * values.
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

/** Reads milliseconds from the program's Clock that no change of the wall clock moves. Timeouts are counted in them. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
