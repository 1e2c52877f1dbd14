/**
 * All timeouts of the runtime (docs/reference.md lists them). All timeouts are measured with Effect's Clock, so a test
 * can drive them with TestClock.
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
  /** The time from the start of an actor's process until the actor is ready. */
  readonly spawn: number
  /** Rung 1 of the shutdown ladder: the time from a dialog's Cancel to its last word. */
  readonly cancel: number
  /**
   * Rung 2 of the shutdown ladder: the time from CancelActor to its acknowledgement, which shows that the actor's event
   * loop is alive.
   */
  readonly cancelAck: number
  /**
   * Rung 3 of the shutdown ladder: the time from the acknowledgement of CancelActor to the actor's Bye. An actor cuts
   * its finalizers off a quarter of a second before the timeout `finalizers` ends, so that its last words arrive in
   * time. If the timeout `finalizers` is shorter than half a second, the actor cuts its finalizers off after half of
   * the timeout.
   */
  readonly finalizers: number
  /** Rung 4 of the shutdown ladder: the time from SIGTERM to SIGKILL. */
  readonly terminate: number
  /** The time from the end of an actor's connection until its exit status and its last lines on stderr are known. */
  readonly explain: number
  /** The time within which an ending actor must send its last logs. */
  readonly logs: number
  /**
   * The time from the request for a portal to an open connection: the actor's address is found, and the connection is
   * dialled and greeted.
   */
  readonly connect: number
  /** The time from the connection of a stranger until the stranger has proven that it belongs to the tree. */
  readonly handshake: number
  /**
   * The time from a peer's last sign of life until the peer counts as lost. The timeout `silence` applies to
   * connections whose loss may go unnoticed, such as TLS connections and TCP connections outside of the loopback. A
   * peer is asked for a sign of life after half of the timeout `silence`. An actor that blocks its event loop for
   * longer than the timeout `silence` counts as lost for peers on other hosts.
   */
  readonly silence: number
  /**
   * The time from the last use of a connection between two computers until the connection is closed; with `Infinity` it
   * is never closed. The timeout `idle` applies to connections whose loss may go unnoticed, as between two computers.
   * After the timeout `idle` has closed a connection, the next call, stream or watch dials a new connection.
   */
  readonly idle: number
}

/**
 * The default timeouts, in milliseconds.
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
  silence: 10_000,
  idle: 300_000
}

/**
 * The context reference with the timeouts that apply; an actor inherits the timeouts of the code that starts it.
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
 * Some of the timeouts, each given in any form that Effect accepts for a duration. A timeout that is given as a number
 * is in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Bounds = { readonly [K in keyof Timeouts]?: Duration.Input | undefined }

/**
 * Completes the given timeouts by a value for each missing timeout. The function `make` takes missing timeouts from the
 * argument `over`, by default from the constant `defaults`.
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
 * Sets some of the timeouts for an effect and for every actor that it starts. Timeouts that the caller does not name
 * keep their values.
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

/**
 * Reads Effect's Clock in milliseconds; a change of the computer's wall clock does not change this time. The runtime
 * measures its timeouts in the time that `monotonicMillis` returns.
 */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
