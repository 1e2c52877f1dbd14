import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Portal } from "@furrow/actor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as D from "./fixtures/draining.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle, within } from "./support/Time.ts"

const start = (name: string) => Actor.start(name, { expose: D.all })

describe("An owner drains its actor", () => {
  it.effect("G123: a drained actor begins no call of its owner or its peers, and finishes every open call", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Journal.fresh
      const [frank, peer] = yield* Effect.all([start("frank"), start("peer")])
      const open = yield* Effect.forEach([
        frank.run(D.slow({ millis: 300 })),
        peer.run(D.asks({ who: frank.ref, millis: 500 })),
        Effect.map(Stream.runCollect(frank.stream(D.counts({ millis: 200 }))), (items) => items.join())
      ], (call) => Effect.forkChild(call))
      yield* pass(100)
      const draining = yield* Effect.forkChild(Portal.drain(frank, "10 seconds"))
      yield* pass(100)
      const refused = yield* Effect.flip(frank.run(D.slow({ millis: 0 })))
      assert.deepInclude(refused, { _tag: "ActorBusy", limit: 0 })
      assert.isTrue(refused._tag === "ActorBusy" && refused.isDraining)
      assert.match(refused.message, /^frank@\d+ did not run slow: its owner drains it/)
      assert.match(yield* peer.run(D.asks({ who: frank.ref, millis: 0 })), /^ActorBusy: frank@\d+ did not run slow/)
      const stream = yield* Effect.flip(Stream.runDrain(frank.stream(D.counts({ millis: 0 }))))
      assert.strictEqual(stream._tag, "ActorBusy")
      assert.isUndefined(draining.pollUnsafe())
      yield* pass(600)
      assert.deepStrictEqual(yield* Effect.forEach(open, (call) => Fiber.join(call)), [
        "slept 300",
        "slept 500",
        "1,2,3"
      ])
      assert.strictEqual(yield* Fiber.join(draining), 0)
      // It lives until its owner ends it, and others may still watch it.
      const watched = yield* Effect.forkChild(Portal.monitor(frank.ref))
      yield* settle
      yield* frank.cancel("replaced")
      assert.deepInclude(yield* Fiber.join(watched), { _tag: "Cancelled", reason: "replaced" })
    })).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G123: the drain of an actor resolves at its bound with the number of open calls, and the actor stays drained", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Journal.fresh
      const frank = yield* start("frank")
      const calls = yield* Effect.forEach([1, 2], () => Effect.forkChild(frank.run(D.slow({ millis: 2000 }))))
      yield* pass(100)
      const draining = yield* Effect.forkChild(Portal.drain(frank, "1 second"))
      yield* pass(950)
      assert.isUndefined(draining.pollUnsafe())
      yield* pass(100)
      assert.strictEqual(yield* Fiber.join(draining), 2)
      assert.strictEqual((yield* Effect.flip(frank.run(D.slow({ millis: 0 }))))._tag, "ActorBusy")
      yield* pass(1000)
      yield* Effect.forEach(calls, (call) => Fiber.join(call))
      assert.strictEqual(yield* Portal.drain(frank, 0), 0)
    })).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G123: a drained actor refuses callers other than its children, and still answers its children", () =>
    Actor.nursery(Effect.gen(function*() {
      const [frank, peer] = yield* Effect.all([start("frank"), start("peer")])
      assert.match(yield* peer.run(D.drains({ who: frank.ref })), /only its owner can drain frank@\d+/)
      const open = yield* Effect.forkChild(frank.run(D.delegates({ millis: 300 })))
      yield* pass(100)
      const draining = yield* Effect.forkChild(Portal.drain(frank, "10 seconds"))
      yield* pass(600)
      assert.strictEqual(yield* Fiber.join(open), "slept 0")
      assert.strictEqual(yield* Fiber.join(draining), 0)
    })).pipe(drained, Effect.provide(MemoryActor.layer)))

  for (const [how, tag] of [["is lost meanwhile", "ActorLost"], ["does not answer", "ActorUnreachable"]] as const) {
    it.effect(`G123: the drain of an actor fails when the actor ${how}`, () => {
      const theatre = Puppets.make()
      return Effect.scoped(Effect.gen(function*() {
        const frank = yield* Actor.startScoped("frank", { expose: D.all })
        yield* Effect.forkChild(Effect.ignore(frank.run(D.slow({ millis: 60_000 }))))
        yield* pass(100)
        if (tag === "ActorUnreachable") theatre.puppet("frank").deafen()
        const draining = yield* Effect.forkChild(Effect.flip(Portal.drain(frank, "1 second")))
        yield* pass(100)
        if (tag === "ActorLost") theatre.puppet("frank").die({ code: 3 })
        yield* pass(7000)
        assert.strictEqual((yield* Fiber.join(draining))._tag, tag)
      })).pipe(within(20_000), drained, Effect.provide(theatre.layer))
    })
  }

  it.effect("G123: an owner can drain handlers that run in its own process", () =>
    Effect.scoped(Effect.gen(function*() {
      const sleeper = Context.get(yield* Layer.build(D.Sleeper.layerTest(Effect.succeed(D.sleeper))), D.Sleeper)
      const open = yield* Effect.forkChild(sleeper.run(D.sleep({ millis: 300 })))
      yield* pass(100)
      const draining = yield* Effect.forkChild(Portal.drain(sleeper, "1 second"))
      yield* pass(100)
      assert.deepInclude(yield* Effect.flip(sleeper.run(D.sleep({ millis: 0 }))), { _tag: "ActorBusy", limit: 0 })
      yield* pass(300)
      assert.strictEqual(yield* Fiber.join(open), "slept 300")
      assert.strictEqual(yield* Fiber.join(draining), 0)
    })).pipe(drained))
})
