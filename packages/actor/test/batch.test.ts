import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { oneByOne } from "./fixtures/batching.ts"
import { inMemory } from "./support/InMemory.ts"
import { pass } from "./support/Time.ts"

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

const read = (portal: Actor.Portal<typeof oneByOne>, call: ReturnType<typeof oneByOne>) =>
  Effect.gen(function*() {
    const items: Array<number> = []
    const exit = yield* Effect.exit(
      Stream.runForEach(portal.stream(call), (n) => Effect.sync(() => void items.push(n)))
    )
    return { items, exit }
  })

describe("A stream joins the single items of its source to chunks", () => {
  it.effect("a stream sends, in order and in chunks, the items that its source emits one at a time", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [oneByOne] })
      const { received } = (yield* frank.statistics).channel
      const { exit, items } = yield* read(frank, oneByOne({ numbers: upTo(5000), pause: null, then: "end" }))
      assert.strictEqual(exit._tag, "Success")
      assert.deepStrictEqual(items, upTo(5000))
      assert.isBelow((yield* frank.statistics).channel.received.frames - received.frames, 200)
    })).pipe(inMemory))

  it.effect("an item of a stream is sent when its producer pauses, without waiting for a further item", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [oneByOne] })
      const seen: Array<number> = []
      const fiber = yield* Effect.forkChild(
        frank.stream(oneByOne({ numbers: upTo(5), pause: 1000, then: "end" })).pipe(
          Stream.runForEach((n) => Effect.sync(() => void seen.push(n)))
        )
      )
      for (const count of upTo(5)) {
        yield* pass(1000)
        assert.deepStrictEqual(seen, upTo(count))
      }
      yield* Fiber.join(fiber)
    })).pipe(inMemory))

  it.effect("items of a stream that were emitted before its failure arrive before the failure", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [oneByOne] })
      for (const count of [0, 1, 2, 63, 64, 65, 1000]) {
        const { exit, items } = yield* read(frank, oneByOne({ numbers: upTo(count), pause: null, then: "fail" }))
        assert.deepStrictEqual(items, upTo(count))
        assert.strictEqual(yield* Effect.flip(exit), "broken")
      }
    })).pipe(inMemory))

  it.effect("a reader gets the items of a stream before its first invalid item, then PayloadInvalid, even if the producer pauses", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [oneByOne] })
      for (const then of ["end", "hang", "fail"] as const) {
        for (const count of [0, 1, 2, 70]) {
          const numbers = [...upTo(count), 1.5, 7]
          const { exit, items } = yield* read(frank, oneByOne({ numbers, pause: null, then }))
          assert.deepStrictEqual(items, upTo(count), `${count}, ${then}`)
          const error = yield* Effect.flip(exit)
          assert.instanceOf(error, ActorError.PayloadInvalid)
          assert.strictEqual(error.side, "callee")
        }
      }
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
    })).pipe(inMemory))

  it.effect("a reader that leaves a stream gets no further item, and the producer of the stream ends", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [oneByOne] })
      const call = oneByOne({ numbers: upTo(10_000), pause: null, then: "hang" })
      for (const count of [1, 63, 64, 3000]) {
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(frank.stream(call), count)), upTo(count))
        assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
      }
    })).pipe(inMemory))
})
