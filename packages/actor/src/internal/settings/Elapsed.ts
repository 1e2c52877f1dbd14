/**
 * Timeouts that count only the time in which this process ran.
 *
 * A stopped process (Ctrl-Z, SIGSTOP) receives nothing, so the time in which it is stopped counts against none of its
 * timeouts. No clock can tell a running process from a stopped process. A timeout of the runtime sleeps in slices, and
 * a slice that took much too long counts as its planned length.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "./Timeouts.ts"

/** The number of slices of one timeout: one stop adds at most one slice to the timeout. */
const sliceCount = 10
const minSliceMillis = 25
const maxSliceMillis = 500
/**
 * The milliseconds by which a slice of a timeout may be late. A slice that is later by more milliseconds means that the
 * process was stopped.
 */
const slackMillis = 50

/**
 * A countdown of a timeout, whose time passes only while `run` runs. The remaining time `left` can be read at any time.
 */
export class Countdown {
  private readonly clock: Clock.Clock
  private readonly slice: number
  private counted: number
  private since: number

  constructor(clock: Clock.Clock, millis: number) {
    this.clock = clock
    this.counted = millis
    this.slice = Math.min(Math.max(millis / sliceCount, minSliceMillis), maxSliceMillis)
    this.since = monotonicMillis(clock)
  }

  /** The milliseconds that are left of the countdown, never below 0. */
  get left(): number {
    const passed = monotonicMillis(this.clock) - this.since
    return Math.max(0, this.counted - Math.min(passed, this.slice + slackMillis))
  }

  /** Ends when no milliseconds of the countdown are left. */
  readonly run: Effect.Effect<void> = Effect.suspend(() => {
    this.counted = this.left
    this.since = monotonicMillis(this.clock)
    return this.counted === 0
      ? Effect.void
      : Effect.andThen(this.clock.sleep(Duration.millis(Math.min(this.slice, this.counted))), this.run)
  })
}

/** Sleeps until this process has run for the given number of milliseconds. */
export const elapsed = (millis: number): Effect.Effect<void> =>
  Effect.suspend(() =>
    Number.isFinite(millis) ? Effect.clockWith((clock) => new Countdown(clock, millis).run) : Effect.never
  )
