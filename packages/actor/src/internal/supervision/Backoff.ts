/**
 * The delays that a supervisor waits before it restarts a child.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { ActorExit } from "../errors/ActorExit.ts"
import { logError } from "../settings/Log.ts"
import type { Policy } from "./SupervisorMachine.ts"

type Delays = (now: number, exit: ActorExit) => Effect.Effect<readonly [unknown, Duration.Duration], unknown>
type Waits = Schedule.Schedule<unknown, ActorExit>

const firstMillis = 50
/** The ratio of the longest jittered delay to the delay without jitter. */
const longestJitter = 1.2

/**
 * The default restart delays of a supervisor: exponential and jittered. The default delays are so short that a child
 * can die often enough, within the period of the intensity, to make its supervisor give up.
 */
export const defaultFor = ({ restarts, withinMillis }: Policy["intensity"]): Waits => {
  const longest = Math.max(1, withinMillis / (restarts + 1) / longestJitter)
  return Schedule.exponential(Math.min(firstMillis, longest)).pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(longest)))),
    Schedule.jittered
  )
}

/**
 * The default delays before a supervisor starts a new standby. The delays before new standbys may grow without limit,
 * because dead standbys never make a supervisor give up.
 */
export const defaultForStandbys: Waits = Schedule.jittered(Schedule.exponential(firstMillis))

/** One schedule of delays, which begins again when the argument `isFresh` is true. */
export class Backoff {
  private readonly schedule: Waits
  private delays: Delays | undefined
  /** The time at which the present delay ends or the last delay has ended. */
  until = 0

  constructor(schedule: Waits) {
    this.schedule = schedule
  }

  /** Returns the milliseconds of the next delay; `undefined` when the schedule of delays has ended or died. */
  next(isFresh: boolean, exit: ActorExit): Effect.Effect<number | undefined> {
    return Effect.gen({ self: this }, function*() {
      if (isFresh) this.delays = undefined
      const delays = this.delays ??= yield* Schedule.toStep(this.schedule)
      const next = yield* Effect.exit(delays(yield* Clock.currentTimeMillis, exit))
      if (Exit.isSuccess(next)) return Duration.toMillis(next.value[1])
      if (Cause.hasDies(next.cause)) {
        yield* logError("the backoff of a supervisor has died, which counts as its end", next.cause)
      }
      return undefined
    })
  }

  /** Waits for the duration of the next delay; returns false when the schedule has no further delay. */
  wait(isFresh: boolean, exit: ActorExit, now: () => number): Effect.Effect<boolean> {
    return Effect.flatMap(this.next(isFresh, exit), (millis) => {
      if (millis === undefined) return Effect.succeed(false)
      this.until = now() + millis
      return Effect.as(Effect.sleep(millis), true)
    })
  }
}

/** A source of random numbers that makes every jittered delay as short as possible. */
const lowest: Random.Random = { ...Random.Random.defaultValue(), nextDoubleUnsafe: () => 0 }

/**
 * The number of delays of a `backoff` schedule whose sum is compared with the time span of the supervisor's intensity.
 */
const maxChecked = 10_000

/**
 * Returns why the restart delays are too long for the intensity: children could never die often enough in time to make
 * the supervisor give up. The function `problemOf` assumes that each jittered delay is as short as possible.
 */
export const problemOf = (
  { restarts, withinMillis }: Policy["intensity"],
  schedule: Waits
): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const delays = yield* Schedule.toStep(schedule)
    let sum = 0
    for (let i = 0; i < Math.min(restarts, maxChecked); i++) {
      const next = yield* Effect.exit(delays(sum, { _tag: "Returned", cleanup: [] }))
      // A supervisor also gives up when its schedule of delays ends, so a schedule with an end needs no further check.
      if (Exit.isFailure(next)) return undefined
      sum += Duration.toMillis(next.value[1])
      if (sum < withinMillis) continue
      return `the first ${
        i + 1
      } waits of \`backoff\` take ${sum} ms, and \`intensity\` counts ${restarts} deaths within ` +
        `${withinMillis} ms: the supervisor could never give up. Make the window longer, or the waits shorter`
    }
    return undefined
  }).pipe(Effect.provideService(Random.Random, lowest))
