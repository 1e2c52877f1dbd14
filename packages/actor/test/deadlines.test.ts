import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Timeouts } from "@furrow/actor"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { remaining, work } from "./fixtures/cancelling.ts"
import * as Journal from "./support/Journal.ts"
import { pass, settle } from "./support/Time.ts"

describe("The deadline of a call crosses to the called actor", () => {
  it.effect("G21: an actor three hops away from an Actor.timeout knows how much time remains until its deadline", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(
        Actor.timeout("1 second")(Actor.runInActor(remaining({ hops: 2 })))
      )
      yield* pass(500)
      assert.strictEqual(yield* Fiber.join(fiber), 800)
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G92: a wall clock that is set forward by an hour shortens neither a deadline nor the time of finalizers", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const clock = yield* Clock.Clock
      let ahead = 0
      const wall = () => clock.currentTimeMillisUnsafe() + ahead
      const jumping: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: wall,
        currentTimeMillis: Effect.sync(wall),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration) => clock.sleep(duration)
      }
      const program = Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [remaining, work] })
        const deadline = Actor.timeout("1 minute")(Effect.andThen(
          Effect.sync(() => {
            ahead += 3_600_000
          }),
          frank.run(remaining({ hops: 0 }))
        ))
        assert.strictEqual(yield* deadline, 60_000)
        yield* Effect.forkChild(Effect.ignore(frank.run(work({ cleanup: 4000 }))), { startImmediately: true })
        const cancelling = yield* Effect.forkChild(frank.cancel("done"), { startImmediately: true })
        ahead += 3_600_000
        yield* Fiber.join(cancelling)
      }))
      const fiber = yield* Effect.forkChild(
        program.pipe(Effect.provide(MemoryActor.layer), Effect.provideService(Clock.Clock, jumping))
      )
      yield* pass(5000)
      yield* Fiber.join(fiber)
      assert.include(journal.at(-1), "work finalized")
    }))

  it.effect("a call without a deadline has no deadline in any actor", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Actor.runInActor(remaining({ hops: 2 })))
      yield* pass(500)
      assert.strictEqual(yield* Fiber.join(fiber), -1)
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("the earlier of two nested deadlines is in force, whichever of the two is the inner one", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [remaining] })
      const call = frank.run(remaining({ hops: 0 }))
      assert.strictEqual(yield* Actor.timeout("1 second")(Actor.timeout("1 minute")(call)), 1000)
      assert.strictEqual(yield* Actor.timeout(Actor.timeout(call, "1 minute"), "1 second"), 1000)
      assert.strictEqual(yield* Actor.timeout("1 minute")(Actor.timeout("1 second")(call)), 1000)
      assert.strictEqual(yield* call, -1)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a deadline around the start of an actor does not apply to the actor's later calls", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.timeout("1 second")(Actor.start("frank", { expose: [remaining] }))
      assert.strictEqual(yield* frank.run(remaining({ hops: 0 })), -1)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a deadline of fractional milliseconds, or of infinite length, crosses to an actor", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [remaining] })
      const call = frank.run(remaining({ hops: 0 }))
      assert.strictEqual(yield* Actor.timeout(Duration.micros(1500n))(call), 2)
      assert.strictEqual(yield* Actor.timeout(Duration.infinity)(call), -1)
      assert.strictEqual(yield* Actor.timeout("1 second")(Actor.timeout(Duration.infinity)(call)), 1000)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("Actor.timeout fails as Effect.timeout does, after the finalizers in the called actor have run", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Actor.timeout("1 second")(Actor.runInActor(work({ cleanup: 200 }))).pipe(
        Effect.catchTag("TimeoutError", () => Journal.say("timed out")),
        Effect.forkChild
      )
      yield* pass(2000)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal, [
        "0 work starts",
        "1000 work cancelled by root: interrupted",
        "1200 work finalized",
        "1200 timed out"
      ])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a call is cancelled and acknowledged when the bounds of the caller are fractions of milliseconds", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [work] })
      const fiber = yield* Effect.forkChild(frank.run(work({ cleanup: 0 })))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(journal, ["0 work starts", "0 work cancelled by root: interrupted"])
      assert.strictEqual((yield* frank.statistics).channel.state, "Open")
    })).pipe(
      Timeouts.provide({ cancel: 1234.5, finalizers: 1234.5 }),
      Effect.provide(MemoryActor.layer)
    ))
})
