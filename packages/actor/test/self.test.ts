import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import { Counter } from "./fixtures/counter.ts"
import { isPrime } from "./fixtures/prime.ts"
import { ask, boast, done, work } from "./fixtures/selves.ts"
import { inMemory } from "./support/InMemory.ts"

describe("An actor makes a reference to itself", () => {
  it.effect("an actor that gets the reference from another actor's Actor.self can call this other actor", () =>
    Actor.nursery(Effect.gen(function*() {
      const asker = yield* Actor.start("asker", { expose: [ask, done] })
      const worker = yield* Actor.start("worker", { expose: [work] })
      assert.strictEqual(yield* asker.run(ask({ n: 21, worker: worker.ref })), 42)
    })).pipe(inMemory))

  it.effect("Actor.self gives the reference that the registry has, in the root too", () =>
    Effect.gen(function*() {
      const me = yield* Actor.self([isPrime])
      assert.strictEqual(me.actor.uuid, (yield* Actor.current).id.uuid)
      assert.deepStrictEqual(me.path, [me.actor.uuid])
      assert.deepStrictEqual(me.exposed.map(({ name }) => name), ["isPrime"])
    }).pipe(Effect.provide(MemoryActor.layer({ expose: [isPrime] }))))

  it.effect("Actor.self cannot claim an endpoint that is not exposed, nor that the actor is a Service", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [boast] })
      const error = yield* Effect.flip(frank.run(boast()))
      assert.match(error.message, /frank has no such reference to itself: it does not expose isPrime, but boast/)
      const exit = yield* Effect.exit(Actor.self(Counter))
      assert.match(String(exit), /root has no such reference to itself: it is no Service, not "Counter"/)
    })).pipe(inMemory))
})
