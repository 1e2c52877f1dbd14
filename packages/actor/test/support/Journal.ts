/**
 * What happened, in order, with the time of the program's Clock: actors in memory write, the test reads.
 *
 * One test at a time writes: `fresh` starts a new page.
 */
import { Actor } from "@furrow/actor"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"

let lines: Array<string> = []

/**
 * Starts a new page, and hands it out.
 *
 * The clock is touched, because the first sleep under an untouched test clock can be interrupted even in a finalizer.
 */
export const fresh: Effect.Effect<ReadonlyArray<string>> = Effect.map(TestClock.adjust(0), () => {
  lines = []
  return lines
})

/** Writes one line: `millis text`. */
export const say = (text: string): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => void lines.push(`${now} ${text}`))

/** Who cancelled, as a finalizer reads it. */
export const author = (cause: Cause.Cause<unknown>): string =>
  Option.match(Actor.cancelledBy(cause), {
    onNone: () => "nobody",
    onSome: ({ by, reason }) => `${by.name}: ${reason}`
  })

/** Runs the effect, and writes down how it ends: its finalizer takes `millis`. */
export const finalized = <A, E, R>(
  name: string,
  millis: number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.onExit(Effect.andThen(say(`${name} starts`), effect), (exit) =>
    Effect.gen(function*() {
      yield* say(Exit.isSuccess(exit) ? `${name} done` : `${name} cancelled by ${author(exit.cause)}`)
      if (millis > 0) {
        yield* Effect.sleep(millis)
        yield* say(`${name} finalized`)
      }
    }))
