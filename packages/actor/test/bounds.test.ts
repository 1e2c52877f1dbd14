import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Timeouts } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { stuck, tower, work } from "./fixtures/cancelling.ts"
import { isPrime } from "./fixtures/prime.ts"
import { collectEvents } from "./support/Events.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const { say } = Journal

describe("A caller waits for its cancelled call only up to a bound", () => {
  it.effect("G12: a callee whose finalizer never ends delays its interrupted caller for Timeouts.cancel, and the dialog stays listed as stuck", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const events = yield* collectEvents
      const region = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [stuck, isPrime] })
        const fiber = yield* Effect.forkChild(frank.run(stuck()))
        yield* settle
        yield* Effect.andThen(Fiber.interrupt(fiber), say("resumed"))
        yield* settle
        const { channel } = yield* frank.statistics
        assert.strictEqual(channel.stuck, 1)
        assert.strictEqual(channel.dialogs, 1)
        assert.deepStrictEqual(
          events.filter(({ _tag }) => _tag === "CancelUnacknowledged"),
          [{ _tag: "CancelUnacknowledged", actor: frank.actor, endpoint: "stuck" }]
        )
        assert.strictEqual(yield* frank.run(isPrime({ n: 7 })), true)
        yield* say("body done")
      })))
      yield* pass(4950)
      assert.deepStrictEqual(journal, ["0 stuck"])
      yield* pass(100)
      const early = region.pollUnsafe()
      if (early !== undefined) yield* early
      assert.deepStrictEqual(journal.slice(1), ["5000 resumed", "5000 body done"])
      yield* pass(5000)
      yield* Fiber.join(region)
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "ActorEnding" ? [event.rung] : []),
        ["Asked", "Finalizing", "Leaving", "Gone"]
      )
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("a cancelled call is waited for at most as long as the caller's Timeouts.cancel", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const region = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [stuck] })
        const fiber = yield* Effect.forkChild(frank.run(stuck()))
        yield* settle
        yield* Effect.andThen(Fiber.interrupt(fiber), say("resumed"))
      })))
      yield* pass(200)
      assert.deepStrictEqual(journal, ["0 stuck", "200 resumed"])
      yield* pass(100)
      yield* Fiber.join(region)
    }).pipe(
      Timeouts.provide({ cancel: 200, finalizers: 100 }),
      drained,
      Effect.provide(MemoryActor.layer)
    ))

  it.effect("a dialog that was listed as stuck and ends later is no longer listed as stuck", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [work] })
      const fiber = yield* Effect.forkChild(frank.run(work({ cleanup: 1000 })))
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(300)
      assert.strictEqual((yield* frank.statistics).channel.stuck, 1)
      assert.isDefined(fiber.pollUnsafe())
      yield* pass(1000)
      const { channel } = yield* frank.statistics
      assert.deepStrictEqual([channel.stuck, channel.dialogs], [0, 0])
    })).pipe(
      Timeouts.provide({ cancel: 200 }),
      drained,
      Effect.provide(MemoryActor.layer)
    ))

  it.effect("G13: an interrupted runInActor ends an actor with an endless finalizer by the shutdown ladder at once", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(stuck()))
      yield* settle
      yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(fiber), say("resumed")))
      yield* pass(6000)
      assert.deepStrictEqual(journal, ["0 stuck", "4750 resumed"])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("an actor that does not answer at all is terminated after Timeouts.cancelAck, then killed", () => {
    const theatre = Puppets.make({ stubborn: ["deaf"] })
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(work({ cleanup: 0 }), { name: "deaf" }))
      yield* pass(1000)
      theatre.puppet("deaf").deafen()
      yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(fiber), say("resumed")))
      yield* pass(450)
      assert.deepStrictEqual(theatre.puppet("deaf").signals, [])
      yield* pass(100)
      assert.deepStrictEqual(theatre.puppet("deaf").signals, ["SIGTERM"])
      yield* pass(500)
      assert.deepStrictEqual(theatre.puppet("deaf").signals, ["SIGTERM", "SIGKILL"])
      assert.deepStrictEqual(theatre.living(), [])
      assert.include(journal, "2000 resumed")
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G72: an actor that has lost its parent ends within Timeouts.finalizers without being killed", () => {
    let exited = false
    let cut = () => {}
    // A parent that is gone sends no signals.
    const layer = MemoryActor.layer({
      between: (process) => {
        cut = () => process.connection.destroy()
        process.whenExited(() => {
          exited = true
        })
        return { ...process, signal: () => {} }
      }
    })
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.runInActor(stuck())))
      yield* settle
      cut()
      yield* pass(4700)
      assert.isFalse(exited)
      yield* pass(100)
      assert.isTrue(exited)
      assert.deepStrictEqual(journal, ["0 stuck"])
      yield* Fiber.join(fiber)
    }).pipe(drained, Effect.provide(layer))
  })

  it.effect("G13: a deep tree of actors with endless finalizers ends within the bound of one actor, the deepest actors first", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(tower({ depth: 3 }), { name: "tower-3" }))
      yield* pass(1000)
      yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(fiber), say("resumed")))
      const names = () => theatre.living().map((label) => label.split("@")[0])
      // Each keeps a second and a half of its own bound for ending what is below it, or half of it where that is more,
      // and a quarter of a second of what remains for its own last words.
      const ends = [750, 1750, 3250, 4750]
      for (const [i, end] of ends.entries()) {
        yield* pass(end - (ends[i - 1] ?? 0) - 50)
        assert.deepStrictEqual(names(), ["tower-3", "tower-2", "tower-1", "tower-0"].slice(0, 4 - i))
        yield* pass(50)
      }
      assert.deepStrictEqual(names(), [])
      assert.include(journal, "5750 resumed")
    }).pipe(drained, Effect.provide(theatre.layer))
  })
})
