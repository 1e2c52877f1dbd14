import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Counter, Doubler, Group, increment, Old, Start, ticks } from "./fixtures/counter.ts"

describe("The actor of a Service starts when the Layer of the Service is built, and ends with this Layer", () => {
  it.effect("G58: the actor of a Service lives as long as the Layer of the Service", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Counter.calls.increment({ by: 1 }), 101)
      assert.strictEqual(yield* Counter.calls.increment({ by: 2 }), 103)
      const counter = yield* Counter
      assert.strictEqual(yield* counter.run(increment({ by: 0 })), 103)
      assert.deepStrictEqual(yield* counter.stream(ticks({ n: 3 })).pipe(Stream.runCollect), [1, 2, 3])
    }).pipe(Effect.provide(Counter.layer), Effect.provide(MemoryActor.layer)))

  it.effect("a Service calls the Services that it uses", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Doubler.calls.increment({ by: 1 }), 202)
      assert.strictEqual(yield* Counter.calls.increment({ by: 1 }), 102)
      assert.deepStrictEqual(yield* Stream.runCollect(Doubler.calls.ticks({ n: 2000 }).pipe(Stream.take(3))), [2, 4, 6])
    }).pipe(
      Effect.provide(Doubler.layer.pipe(Layer.provideMerge(Counter.layer))),
      Effect.provide(MemoryActor.layer)
    ))

  it.effect("a Service can be served in this process, through the codec, and may still require services", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Counter.calls.increment({ by: 5 }), 6)
    }).pipe(
      Effect.provide(Counter.layerTest(Effect.gen(function*() {
        const start = yield* Start
        return { increment: ({ by }) => Effect.succeed(by + start), ticks: () => Stream.empty, die: () => Effect.void }
      }))),
      Effect.provideService(Start, 1)
    ))

  it.effect("G60: the contract of a Service can be an existing RpcGroup, with its handlers Layer", () =>
    Effect.scoped(Actor.nursery(Effect.gen(function*() {
      const old = yield* Actor.start(Old)
      const client = yield* Actor.rpcClient(old, Group)
      assert.strictEqual(yield* client.Inc({ by: 2 }), 2)
      assert.strictEqual(yield* client.Inc({ by: 2 }), 4)
      assert.deepStrictEqual(yield* Stream.runCollect(client.Ticks()), [1, 2, 3])
    }))).pipe(Effect.provide(MemoryActor.layer)))
})
