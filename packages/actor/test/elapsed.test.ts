import { assert, describe, it } from "@effect/vitest"
import { Countdown, elapsed } from "@furrow/actor/internal/settings/Elapsed"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** A clock whose process is stopped for a while during the `nth` sleep. */
const stoppedClock = (nth: number, stopMillis: number) => {
  let millis = 0
  let sleeps = 0
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => millis,
    currentTimeMillis: Effect.sync(() => millis),
    currentTimeNanosUnsafe: () => BigInt(Math.round(millis * 1e6)),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(millis * 1e6))),
    monotonicTimeNanosUnsafe: () => BigInt(Math.round(millis * 1e6)),
    monotonicTimeNanos: Effect.sync(() => BigInt(Math.round(millis * 1e6))),
    sleep: (duration: Duration.Duration) =>
      Effect.sync(() => {
        millis += Duration.toMillis(duration) + (++sleeps === nth ? stopMillis : 0)
      })
  }
  return { clock, now: () => millis }
}

describe("A bound of this process", () => {
  it.effect("G92: elapses after exactly its length, by the program's clock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(elapsed(4750))
      yield* TestClock.adjust(4749)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
    }))

  it.effect("elapses in one long step of a test's clock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(elapsed(30_000))
      yield* TestClock.adjust("1 hour")
      assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("G92: counts a stop of the process as no more than a slice", () =>
    Effect.gen(function*() {
      const { clock, now } = stoppedClock(3, 35_000)
      yield* Effect.provideService(elapsed(30_000), Clock.Clock, clock)
      assert.isAtLeast(now(), 64_900)
      assert.isAtMost(now(), 65_000)
    }))

  it.effect("shows what is left of it", () =>
    Effect.gen(function*() {
      const countdown = new Countdown(yield* Clock.Clock, 1000)
      const fiber = yield* Effect.forkChild(countdown.run)
      yield* TestClock.adjust(250)
      assert.strictEqual(countdown.left, 750)
      yield* TestClock.adjust(750)
      assert.strictEqual(countdown.left, 0)
      yield* Fiber.join(fiber)
    }))
})
