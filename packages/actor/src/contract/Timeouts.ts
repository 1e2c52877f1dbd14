/**
 * Every bound of the runtime, in one place (DESIGN D12; tractor's constants, features section 27). All are measured by
 * the Clock of the program, so TestClock drives them.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"

/**
 * Milliseconds.
 *
 * @since 0.1.0
 */
export interface Timeouts {
  /** From the start of the process to ready. */
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
  /** After the connection ended, for the exit status and the last lines on stderr. */
  readonly explain: number
  /** For the last logs of an actor to leave. */
  readonly logs: number
  /** From the wish for a portal to an open connection: to be told where the actor listens, to dial, to greet. */
  readonly connect: number
  /** From a stranger's connection to its proof that it belongs to the tree. */
  readonly handshake: number
}

export const defaults: Timeouts = {
  spawn: 30_000,
  cancel: 5_000,
  cancelAck: 500,
  finalizers: 5_000,
  terminate: 500,
  explain: 100,
  logs: 1_000,
  connect: 5_000,
  handshake: 2_000
}

/**
 * The bounds in force; actors inherit them from whoever starts them.
 *
 * @example
 * ```ts
 * program.pipe(Effect.provideService(Actor.Timeouts, { ...Actor.defaultTimeouts, finalizers: 20_000 }))
 * ```
 * @since 0.1.0
 */
export const Timeouts: Context.Reference<Timeouts> = Context.Reference("furrow/Timeouts", {
  defaultValue: () => defaults
})

/** Milliseconds on the program's Clock that no change of the wall clock moves: what bounds are counted in. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
