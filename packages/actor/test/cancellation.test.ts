import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { betrayed, chain, ladder, quits, relay, shielded, short, ticks, work } from "./fixtures/cancelling.ts"
import * as Journal from "./support/Journal.ts"
import { drained, pass, settle } from "./support/Time.ts"

const { say } = Journal

/** Interrupts a fiber, and says when the interrupter resumes: Effect's own interrupt waits for finalizers. */
const interrupt = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.forkChild(Effect.andThen(say("interrupted"), Effect.andThen(Fiber.interrupt(fiber), say("resumed"))))

describe("An interrupted caller cancels its calls and streams in other actors", () => {
  it.effect("G11: interrupting a call on a portal interrupts the callee and waits for its finalizers", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [work] })
      const fiber = yield* Effect.forkChild(frank.run(work({ cleanup: 300 })))
      yield* pass(1000)
      yield* interrupt(fiber)
      yield* pass(250)
      assert.deepStrictEqual(journal, ["0 work starts", "1000 interrupted", "1000 work cancelled by root: interrupted"])
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(500)
      assert.deepStrictEqual(journal.slice(3), ["1300 work finalized", "1300 resumed"])
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G2: interrupting runInActor interrupts the callee and ends its actor before the caller resumes", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(work({ cleanup: 300 })))
      yield* pass(1000)
      yield* interrupt(fiber)
      yield* pass(250)
      assert.strictEqual((yield* Actor.statistics).children[0]!.state, "Finalizing")
      yield* pass(500)
      assert.deepStrictEqual(journal, [
        "0 work starts",
        "1000 interrupted",
        "1000 work cancelled by root: interrupted",
        "1300 work finalized",
        "1300 resumed"
      ])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("interrupting the reader of a stream stops the stream's producer and waits for the producer's finalizers", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [ticks] })
      const fiber = yield* Effect.forkChild(Stream.runDrain(frank.stream(ticks({ every: 100, cleanup: 200 }))))
      yield* pass(1000)
      yield* interrupt(fiber)
      yield* pass(1000)
      assert.deepStrictEqual(journal, [
        "1000 interrupted",
        "1000 ticks cleanup starts",
        "1000 ticks cleanup done",
        "1200 ticks cleanup finalized",
        "1200 resumed"
      ])
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("Effect.timeout around runInActor fails after the finalizers in the called actor have run", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Actor.runInActor(work({ cleanup: 300 })).pipe(
        Effect.timeout("1 second"),
        Effect.catchTag("TimeoutError", () => say("timed out")),
        Effect.forkChild
      )
      yield* pass(2000)
      assert.deepStrictEqual(journal, [
        "0 work starts",
        "1000 work cancelled by root: interrupted",
        "1300 work finalized",
        "1300 timed out"
      ])
      assert(Exit.isSuccess(fiber.pollUnsafe()!))
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a call that loses a race is cancelled in its actor before the winner's answer is returned", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const race = Effect.raceFirst(Actor.runInActor(work({ cleanup: 100 })), Actor.runInActor(short({ millis: 500 })))
      const fiber = yield* Effect.forkChild(Effect.tap(race, (n) => say(`answer ${n}`)))
      yield* pass(1000)
      assert(Exit.isSuccess(fiber.pollUnsafe()!))
      assert.deepStrictEqual(journal, [
        "0 work starts",
        "0 short starts",
        "500 short done",
        "500 work cancelled by root: interrupted",
        "600 work finalized",
        "600 answer 500"
      ])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("an interrupted caller waits for an uninterruptible callee no longer than the bound of a cancel", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [shielded] })
      const fiber = yield* Effect.forkChild(frank.run(shielded({ millis: 2000 })))
      yield* pass(500)
      yield* interrupt(fiber)
      yield* pass(3000)
      assert.deepStrictEqual(journal, [
        "0 shielded starts",
        "500 interrupted",
        "2000 shielded cancelled by root: interrupted",
        "2000 resumed"
      ])
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a call that has been answered is not cancelled by a later interruption of its caller", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [short] })
      const fiber = yield* Effect.forkChild(frank.run(short({ millis: 100 })))
      yield* pass(200)
      yield* Fiber.interrupt(fiber)
      assert(Exit.isSuccess(fiber.pollUnsafe()!))
      assert.deepStrictEqual(journal, ["0 short starts", "100 short done"])
    })).pipe(Effect.provide(MemoryActor.layer)))
})

describe("A cancel passes its author and its reason on to handlers and callers", () => {
  it.effect("G14: the reason of portal.cancel reaches the actor's finalizers and every caller with an open call to it", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [work, ticks] })
      const call = yield* Effect.forkChild(Effect.flip(frank.run(work({ cleanup: 200 }))))
      const stream = yield* Effect.forkChild(
        Effect.flip(Stream.runDrain(frank.stream(ticks({ every: 100, cleanup: 0 }))))
      )
      yield* pass(1000)
      const cancel = yield* Effect.forkChild(Effect.andThen(frank.cancel("done for today"), say("cancelled")))
      yield* pass(1000)
      assert.deepStrictEqual(journal.filter((line) => line.includes("work") || line.includes("cancelled")), [
        "0 work starts",
        "1000 work cancelled by root: done for today",
        "1200 work finalized",
        "1200 cancelled"
      ])
      for (const fiber of [call, stream]) {
        const error = yield* Fiber.join(fiber)
        assert.instanceOf(error, ActorError.ContextCancelled)
        assert.strictEqual(error.by.name, "root")
        assert.strictEqual(error.actor.name, "frank")
        assert.strictEqual(error.reason, "done for today")
        assert.isTrue(error.acknowledged)
        assert.match(error.message, /^the work in frank@\d+ was cancelled by root@0: done for today$/)
      }
      assert(Exit.isSuccess(cancel.pollUnsafe()!))
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("handlers that each clean up for a second are interrupted together, and their actor ends one second later", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [work] })
      for (const name of ["a", "b", "c"]) yield* Effect.forkChild(Effect.exit(frank.run(work({ cleanup: 1000, name }))))
      yield* settle
      yield* Effect.forkChild(Effect.andThen(frank.cancel("enough"), say("cancelled")))
      yield* pass(5000)
      assert.deepStrictEqual(journal.slice(3), [
        ...["a", "b", "c"].map((name) => `0 ${name} cancelled by root: enough`),
        ...["a", "b", "c"].map((name) => `1000 ${name} finalized`),
        "1000 cancelled"
      ])
    })).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G16: repeated calls of portal.cancel wait for the same end, and the first reason counts", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [work] })
      const call = yield* Effect.forkChild(Effect.flip(frank.run(work({ cleanup: 200 }))))
      yield* pass(100)
      for (const reason of ["first", "second"]) {
        yield* Effect.forkChild(Effect.andThen(frank.cancel(reason), say(`${reason} over`)))
      }
      yield* pass(1000)
      yield* frank.cancel("third")
      assert.deepStrictEqual(journal.slice(1), [
        "100 work cancelled by root: first",
        "300 work finalized",
        "300 first over",
        "300 second over"
      ])
      const error = yield* Fiber.join(call)
      assert.strictEqual(error._tag === "ContextCancelled" && error.reason, "first")
      assert.deepInclude(yield* frank.wait, { _tag: "Cancelled", reason: "first", cleanup: [] })
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("26.1 row 6 of docs/semantics.md: a handler that interrupts itself fails its call with a cancellation whose author is the handler's actor", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(quits()))
      assert.instanceOf(error, ActorError.ContextCancelled)
      assert.deepStrictEqual(error.by, error.actor)
      assert.match(error.message, /cancelled by itself/)
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G14: the author of a cancel stays the same over three nested runInActor calls", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(chain({ depth: 2, cleanup: 100 })))
      yield* pass(1000)
      yield* interrupt(fiber)
      yield* pass(1000)
      assert.deepStrictEqual(journal, [
        "0 chain 2 starts",
        "0 chain 1 starts",
        "0 chain 0 starts",
        "1000 interrupted",
        "1000 chain 0 cancelled by root: interrupted",
        "1100 chain 0 finalized",
        "1100 chain 1 cancelled by root: interrupted",
        "1200 chain 1 finalized",
        "1200 chain 2 cancelled by root: interrupted",
        "1300 chain 2 finalized",
        "1300 resumed"
      ])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("the author and the reason of a cancel stay the same over three hops of nurseries and portals", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const first = yield* Actor.start("ladder-2", { expose: [ladder] })
      const call = yield* Effect.forkChild(Effect.flip(first.run(ladder({ depth: 2, cleanup: 0 }))))
      yield* pass(1000)
      yield* Effect.forkChild(first.cancel("the budget is spent"))
      yield* pass(1000)
      assert.deepStrictEqual(journal.slice(3), [
        "1000 ladder 0 cancelled by root: the budget is spent",
        "1000 ladder 1 cancelled by root: the budget is spent",
        "1000 ladder 2 cancelled by root: the budget is spent"
      ])
      const error = yield* Fiber.join(call)
      assert.instanceOf(error, ActorError.ContextCancelled)
      assert.strictEqual(error.by.name, "root")
      assert.strictEqual(error.reason, "the budget is spent")
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("26.1 row 5 and 14 of docs/semantics.md: a cancellation from a grandchild keeps its author while the actors between pass it on to the first caller", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.flip(Actor.runInActor(relay({ millis: 500 }))))
      yield* pass(1000)
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, ActorError.ContextCancelled)
      assert.strictEqual(error.actor.name, "victim")
      assert.strictEqual(error.by.name, "betrayed")
      assert.strictEqual(error.reason, "not needed")
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("26.1 row 3 of docs/semantics.md: a cancellation is an error that its caller can catch", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const caught = Actor.runInActor(betrayed({ millis: 100 })).pipe(
        Effect.catchTag("ContextCancelled", ({ by, reason }) => Effect.succeed(`${by.name}: ${reason}`))
      )
      const fiber = yield* Effect.forkChild(caught)
      yield* pass(500)
      assert.strictEqual(yield* Fiber.join(fiber), "betrayed: not needed")
      yield* settle
    }).pipe(Effect.provide(MemoryActor.layer)))
})
