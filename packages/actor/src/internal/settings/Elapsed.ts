/**
 * Sleeps and countdowns that count only the time in which this process was not stopped.
 *
 * A process that is stopped (Ctrl-Z, SIGSTOP) receives no bytes, so its timeouts must not count that time. No clock
 * says whether its process was stopped for a while. The module therefore divides each sleep into short sleeps (slices).
 * If a slice ends much later than planned, the process was stopped, and only the planned length of the slice is
 * counted.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "./Timeouts.ts"

/** The number of slices of one timeout; each stop of the process lengthens the timeout by at most one slice. */
const sliceCount = 10
const minSliceMillis = 25
const maxSliceMillis = 500
/** The largest delay in milliseconds with which a timer of a running process is expected to fire. */
const slackMillis = 50

/**
 * A countdown in milliseconds, whose time passes only while the countdown's effect `run` runs. The field `left`, the
 * remaining time of a countdown, can be read at any time.
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

  /** Sleeps until no milliseconds of the countdown are left. */
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
