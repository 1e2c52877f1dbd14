/** Connections that are made while an actor is built, and what the runtime asks on its own account. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as Journal from "../support/Journal.ts"
import * as Puppets from "../support/Puppets.ts"
import { drained, pass, settle, until } from "../support/Time.ts"
import { asksMuch, asksParent, Hub, Ruin, Site, site, Tenant } from "./fixtures/houses.ts"
import * as N from "./fixtures/neighbours.ts"

const inTree = <A, E>(test: Effect.Effect<A, E, Actor.ActorRuntime | Scope.Scope>) =>
  Effect.scoped(test).pipe(until(60_000), drained, Effect.provide(MemoryActor.layer({ expose: [N.poke] })))

describe("The layers of an actor can dial other actors", () => {
  it.effect("an actor that dials while its layers are built serves its exposed endpoints over that connection once the actor is ready", () =>
    Effect.gen(function*() {
      const { ref } = yield* Tenant
      // The types know a Service by its class, not by what it exposes.
      assert.strictEqual(yield* Hub.calls.meets({ to: ref as never }), "Tenant")
      const hub = yield* Hub
      assert.strictEqual((yield* hub.statistics).actor.name, "Hub")
    }).pipe(Effect.provide(Tenant.layer.pipe(Layer.provideMerge(Hub.layer))), inTree))

  it.effect("an actor that dials while its layers are built can call the Services that it uses until its last finalizer has run", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* Effect.provide(Tenant, Tenant.layer.pipe(Layer.provide(Hub.layer)))
      assert.deepStrictEqual(journal.map((line) => line.replace(/^\d+ /, "")), ["the tenant leaves the Hub"])
    }).pipe(inTree))

  it.effect("the start of an actor fails when a Service that the actor uses is gone, and the error says so; no connection is left", () =>
    Actor.nursery(Effect.gen(function*() {
      const hub = yield* Hub
      yield* hub.cancel()
      const error = yield* Effect.flip(Actor.start(Tenant))
      assert.instanceOf(error, ActorError.SpawnFailed)
      assert.strictEqual((error as ActorError.SpawnFailed).step, "layer")
      assert.match(error.message, /Hub@\d+ cannot be reached: root@0 has no such child any more/)
      assert.deepStrictEqual((yield* Registry.list()).map(({ actor }) => actor.name), ["root"])
    })).pipe(Effect.provide(Hub.layer), inTree))
})

describe("The start of an actor fails when the actor's layer fails", () => {
  it.effect("a start fails and closes its connections when the layer of the new actor fails", () =>
    Actor.nursery(Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.start(Ruin))
      assert.match(error.message, /the roof is off/)
      yield* settle
      assert.deepStrictEqual(yield* Hub.calls.company(), [])
    })).pipe(Effect.provide(Hub.layer), inTree))
})

describe("A root that does not answer delays a start only up to a bound", () => {
  it.effect("a root that does not answer delays a start no longer than Timeouts.connect and Timeouts.cancel", () => {
    const theatre = Puppets.make()
    return Effect.scoped(Effect.gen(function*() {
      const a = yield* Actor.startScoped("a", { expose: N.neighbours })
      const starting = yield* Effect.forkChild(a.run(N.hostsLater({ millis: 1_000 })))
      yield* pass(500)
      theatre.puppet("a").deafen()
      yield* pass(5_000, 100)
      assert.isUndefined(starting.pollUnsafe())
      yield* pass(6_000, 100)
      assert.match(
        yield* Fiber.join(starting),
        /^ActorUnreachable: the registry cannot be reached: the root did not answer within 5000 ms/
      )
      theatre.puppet("a").die({ code: 0 })
      yield* pass(500)
    })).pipe(drained, Effect.provide(theatre.layer))
  })
})

describe("An actor can be ready before its parent is ready, if the parent starts it while it builds its own layer", () => {
  it.effect("an actor is listed when it is ready, and a portal from the registry waits until the actor's parent is ready too", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* site.begin
      const a = yield* Actor.start("a", { expose: N.neighbours })
      const starting = yield* Effect.forkChild(Actor.start(Site))
      const early = yield* Effect.forkChild(Registry.wait([N.poke, N.lookup], "early"))
      const far = yield* Effect.forkChild(a.run(N.awaits({ name: "early", millis: 600_000 })))
      while (!(yield* Registry.list()).some(({ actor }) => actor.name === "early")) yield* settle
      yield* settle
      assert.deepStrictEqual([starting, early, far].map((fiber) => fiber.pollUnsafe()), [
        undefined,
        undefined,
        undefined
      ])
      yield* site.finish
      const portal = yield* Fiber.join(early)
      assert.strictEqual(yield* portal.run(N.poke()), "early")
      assert.strictEqual(yield* Fiber.join(far), "early")
      assert.strictEqual(yield* portal.run(N.lookup({ name: "a" })), "a")
      // The parent's endpoints are there, though it was connected before that was ready.
      const built = yield* Fiber.join(starting)
      assert.strictEqual(yield* built.run(asksParent()), "Site")
    })).pipe(Effect.scoped, drained, Effect.provide(MemoryActor.layer({ expose: [N.poke] }))))
})

describe("The runtime's own request for an address stays out of traces", () => {
  it.effect("the runtime's own request for an address is not recorded in the caller's trace", () => {
    const spans: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        spans.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
    return Actor.nursery(Effect.gen(function*() {
      const a = yield* Actor.start("a", { expose: [...N.neighbours, asksMuch] })
      yield* Actor.start("b", { expose: N.neighbours })
      yield* Effect.forkChild(a.run(N.hosts({ name: "deep", unique: false })))
      yield* Registry.wait(N.neighbours, "deep")
      assert.strictEqual(yield* Effect.withSpan(a.run(asksMuch({ name: "b" })), "program"), "Some b")
      // The questions to the registry have none. A call has one at each end.
      assert.deepStrictEqual(spans, ["program", "asksMuch", "asksMuch", "errand", "furrow.start", "poke", "poke"])
    })).pipe(inTree, Effect.withTracer(tracer))
  })
})
