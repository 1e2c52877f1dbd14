import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Timeouts } from "@furrow/actor"
import { Countdown, elapsed } from "@furrow/actor/internal/settings/Elapsed"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { slow } from "./fixtures/layered.ts"
import * as Journal from "./support/Journal.ts"
import { settle } from "./support/Time.ts"

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

/** A clock that the test sets. A stop wakes at once everybody who was due in it, earliest first. */
const settableClock = () => {
  let millis = 0
  const sleepers = new Set<{ readonly due: number; readonly wake: () => void }>()
  const nanos = () => BigInt(Math.round(millis * 1e6))
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => millis,
    currentTimeMillis: Effect.sync(() => millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = { due: millis + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        sleepers.add(sleeper)
        return Effect.sync(() => sleepers.delete(sleeper))
      })
  }
  const stop = (length: number) =>
    Effect.suspend(() => {
      millis += length
      const due = Array.from(sleepers).filter((sleeper) => sleeper.due <= millis).sort((a, b) => a.due - b.due)
      for (const sleeper of due) {
        sleepers.delete(sleeper)
        sleeper.wake()
      }
      return settle
    })
  return {
    clock,
    stop,
    run: (length: number) => Effect.andThen(settle, Effect.repeat(stop(10), { times: length / 10 - 1 }))
  }
}

describe("A timeout counts only the time in which its process runs", () => {
  it.effect("G92: a timeout elapses after exactly its length, by the program's Clock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(elapsed(4750))
      yield* TestClock.adjust(4749)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
    }))

  it.effect("a timeout elapses in one long step of a TestClock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(elapsed(30_000))
      yield* TestClock.adjust("1 hour")
      assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("G92: a timeout waits in slices, and counts a stop of the process as at most one slice", () =>
    Effect.gen(function*() {
      const { clock, now } = stoppedClock(3, 35_000)
      yield* Effect.provideService(elapsed(30_000), Clock.Clock, clock)
      assert.isAtLeast(now(), 64_900)
      assert.isAtMost(now(), 65_000)
    }))

  it.effect("G92: a start does not fail because its process was stopped for longer than the timeout", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const { clock, run, stop } = settableClock()
      const start = yield* Effect.forkChild(
        Effect.scoped(Actor.startScoped("frank", { expose: [slow] })).pipe(
          Timeouts.provide({ spawn: 1000 }),
          Effect.provide(MemoryActor.layer),
          Effect.provideService(Clock.Clock, clock)
        )
      )
      // Its layer takes half a second.
      yield* run(250)
      assert.isUndefined(start.pollUnsafe())
      yield* stop(35_000)
      yield* run(2000)
      assert.strictEqual((yield* Fiber.join(start)).actor.name, "frank")
    }))

  it.effect("a Countdown shows the time that it has left", () =>
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
