/**
 * Bounds in the time that this process ran.
 *
 * A stopped process (Ctrl-Z, SIGSTOP) hears of nothing, so the time it stood still counts for none of its bounds. No
 * clock tells the two apart: a bound is slept in slices, and a slice that took much longer counts as long as planned.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "./Timeouts.ts"

/** A bound is slept in this many slices: a stop takes no more of it than one of them. */
const sliceCount = 10
const minSliceMillis = 25
const maxSliceMillis = 500
/** A slice this much longer than planned was late, not stopped. */
const slackMillis = 50

/**
 * Time left of a bound. It passes while `run` runs, and is read at any time.
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

  /** Milliseconds left, never below 0. */
  get left(): number {
    const passed = monotonicMillis(this.clock) - this.since
    return Math.max(0, this.counted - Math.min(passed, this.slice + slackMillis))
  }

  /** Ends when nothing is left. */
  readonly run: Effect.Effect<void> = Effect.suspend(() => {
    this.counted = this.left
    this.since = monotonicMillis(this.clock)
    return this.counted === 0
      ? Effect.void
      : Effect.andThen(this.clock.sleep(Duration.millis(Math.min(this.slice, this.counted))), this.run)
  })
}

/** Sleeps until this process has run for so long. */
export const elapsed = (millis: number): Effect.Effect<void> =>
  Effect.suspend(() =>
    Number.isFinite(millis) ? Effect.clockWith((clock) => new Countdown(clock, millis).run) : Effect.never
  )
