/**
 * Waits for a condition by polling until a deadline; tests of processes poll instead of sleeping.
 *
 * Polling uses real time, whatever Clock the program has, because processes, files and sockets do not follow TestClock.
 *
 * @since 0.1.0
 */
import { described } from "@furrow/protocol/Described"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * Options of polling: the time to poll (default: 10 seconds), the interval (default: 20 milliseconds), and the name of
 * the condition in the error.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly within?: Duration.Input | undefined
  readonly every?: Duration.Input | undefined
  /** The name of the awaited condition in the error `NotInTime`. */
  readonly what?: string | undefined
}

/**
 * The error of a condition that did not become true before the deadline. The field `last` of the error `NotInTime` is
 * the failure of the last attempt.
 *
 * @example
 * ```ts
 * const error = yield* Effect.flip(Eventually.holds("the door is open", () => false, { within: "10 millis" }))
 * error.what // "the door is open"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class NotInTime extends Data.TaggedError("NotInTime")<{
  readonly what: string
  readonly millis: number
  readonly attempts: number
  readonly last: unknown
}> {
  override get message(): string {
    return `${this.what}: not within ${this.millis} ms (looked ${this.attempts} times); the last time: ${
      described(this.last)
    }`
  }
}

/**
 * Pauses the fiber in real time; an interruption of the fiber ends the pause.
 *
 * @example
 * ```ts
 * const before = performance.now()
 * yield* Eventually.pause("5 millis")
 * performance.now() - before > 3 // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const pause = (duration: Duration.Input): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), Duration.toMillis(duration))
    return Effect.sync(() => clearTimeout(timer))
  })

/**
 * Runs the effect `attempt` again and again until it succeeds. After a failure or a defect, such as an assertion that
 * throws, the effect is run again.
 *
 * @example
 * ```ts
 * let attempts = 0
 * const attempt = Effect.suspend(() => ++attempts < 3 ? Effect.fail("not yet") : Effect.succeed(attempts))
 * yield* Eventually.succeeds(attempt) // 3
 * ```
 * @category utils
 * @since 0.1.0
 */
export const succeeds = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<A, NotInTime, R> => {
  const millis = Duration.toMillis(options.within ?? "10 seconds")
  const every = options.every ?? "20 millis"
  return Effect.gen(function*() {
    const until = performance.now() + millis
    for (let attempts = 1;; attempts++) {
      const exit = yield* Effect.exit(attempt)
      if (Exit.isSuccess(exit)) return exit.value
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      if (performance.now() >= until) {
        const last = Cause.squash(exit.cause)
        return yield* new NotInTime({ what: options.what ?? "the condition", millis, attempts, last })
      }
      yield* pause(every)
    }
  })
}

/**
 * Runs the function `look` until it returns a value other than `undefined` and `false`, and returns this value.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "log.txt": "started" })
 * yield* Eventually.holds("the log has a line", () => Folder.lines(`${folder}/log.txt`).at(0)) // "started"
 * ```
 * @category utils
 * @since 0.1.0
 */
export const holds = <A>(
  what: string,
  look: () => A | undefined | false,
  options: Omit<Options, "what"> = {}
): Effect.Effect<A, NotInTime> =>
  succeeds(
    Effect.suspend(() => {
      const found = look()
      return found === undefined || found === false ? Effect.fail("it does not hold") : Effect.succeed(found)
    }),
    { ...options, what }
  )
