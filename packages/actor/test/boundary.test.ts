import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Calls from "./fixtures/calls.ts"
import { count } from "./fixtures/prime.ts"

const { blob, chat, even, fetched, lie, lieLater, Picky, size, stored, times } = Calls

const frames = (portal: { readonly statistics: Actor.Portal<never>["statistics"] }) =>
  Effect.map(portal.statistics, ({ channel }) => channel.sent.frames)

describe("Both sides of a connection check payloads against their schemas", () => {
  it.effect("a call with a wrong payload is built without an error, and dies when it runs in this process", () =>
    Effect.gen(function*() {
      const call = even({ n: 3 })
      assert.deepStrictEqual(call.input, { n: 3 })
      const exit = yield* Effect.exit(call)
      assert(Exit.isFailure(exit))
      assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Die"])
      assert.match(
        String(Cause.squash(exit.cause)),
        /^Error: the payload of even does not match its schema: an even number\s+at \["n"\]$/
      )
    }))

  it.effect("G35: a call with a wrong payload fails in the caller with PayloadInvalid, and nothing is sent", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [even, count] })
      yield* frank.run(even({ n: 4 }))
      const before = yield* frames(frank)
      const error = yield* Effect.flip(frank.run(even({ n: 3 })))
      assert.instanceOf(error, ActorError.PayloadInvalid)
      assert.strictEqual(error.side, "caller")
      assert.strictEqual(error.endpoint, "even")
      assert.strictEqual(error.part, "payload")
      assert.strictEqual(error.issue, "an even number\n  at [\"n\"]")
      assert.match(error.message, /^the payload of even, made by the caller, does not match its schema: an even/)
      assert.strictEqual(yield* frames(frank), before)
      const stream = yield* Effect.flip(Stream.runDrain(frank.stream(count({ to: 1.5 }))))
      assert.instanceOf(stream, ActorError.PayloadInvalid)
      assert.strictEqual(stream.side, "caller")
      assert.strictEqual(yield* frames(frank), before)
      yield* frank.run(even({ n: 6 }))
      assert.isAbove(yield* frames(frank), before)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a payload of another shape than its schema fails the call with PayloadInvalid, and not with a defect", () =>
    Effect.gen(function*() {
      for (const payload of [undefined, null, 7, {}, { n: "4" }, { n: Number.NaN }]) {
        const error = yield* Effect.flip(Actor.runInActor(times(payload as never)))
        assert.instanceOf(error, ActorError.PayloadInvalid)
        assert.strictEqual(error.side, "caller")
      }
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a check of a schema that throws makes PayloadInvalid with the thrown error, at the caller, at the callee and in a narrowed stream", () =>
    Actor.nursery(Effect.gen(function*() {
      const says = `Code of the schema has thrown: Full {"shelf":3}`
      const frank = yield* Actor.start("frank", { expose: [stored, fetched, chat] })
      const there = yield* Effect.flip(frank.run(stored({ text: "full" })))
      assert.instanceOf(there, ActorError.PayloadInvalid)
      assert.deepStrictEqual([there.side, there.issue], ["caller", says])
      const here = yield* Effect.exit(stored({ text: "full" }))
      assert(Exit.isFailure(here))
      assert.include(String(Cause.squash(here.cause)), `the payload of stored does not match its schema: ${says}`)
      const back = yield* Effect.flip(frank.run(fetched()))
      assert.instanceOf(back, ActorError.PayloadInvalid)
      assert.deepStrictEqual([back.side, back.issue], ["callee", says])
      const narrowed = yield* frank.open(chat(), ({ stream }) =>
        Effect.gen(function*() {
          const narrow = yield* stream.narrow(Picky)
          yield* narrow.send("full")
          return yield* Effect.flip(narrow.receive)
        }).pipe(Effect.scoped))
      assert.instanceOf(narrowed, ActorError.PayloadInvalid)
      assert.strictEqual(narrowed.issue, says)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a result that does not match its schema fails the call with a PayloadInvalid whose side is the callee", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [lie, times] })
      const error = yield* Effect.flip(frank.run(lie()))
      assert.instanceOf(error, ActorError.PayloadInvalid)
      assert.strictEqual(error.side, "callee")
      assert.strictEqual(error.endpoint, "lie")
      assert.strictEqual(error.part, "success")
      assert.match(error.message, /made by the callee/)
      assert.match(error.issue, /Expected number/)
      assert.strictEqual(yield* frank.run(times({ n: 2 })), 4)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a call that runs in the caller's own process does not check its result, because no codec runs", () =>
    Effect.gen(function*() {
      const answer: unknown = yield* lie()
      assert.strictEqual(answer, "ten")
    }))

  it.effect("an item that does not match its schema ends the stream with PayloadInvalid, after the reader got the matching items before it", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [lieLater] })
      const seen: Array<number> = []
      const error = yield* Effect.flip(
        frank.stream(lieLater()).pipe(Stream.runForEach((n) => Effect.sync(() => void seen.push(n))))
      )
      assert.deepStrictEqual(seen, [1, 2])
      assert.instanceOf(error, ActorError.PayloadInvalid)
      assert.strictEqual(error.side, "callee")
      assert.strictEqual(error.part, "item")
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G37: a payload that is too large for a frame is refused by the side that made it, and the connection stays open", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [size, blob] })
      const before = yield* frames(frank)
      const there = yield* Effect.flip(frank.run(size({ bytes: new Uint8Array(65 * 1024 * 1024) })))
      assert.instanceOf(there, ActorError.PayloadInvalid)
      assert.strictEqual(there.side, "caller")
      assert.match(there.issue, /above the limit of \d+ of one frame/)
      assert.match(there.message, /made by the caller, is too large: .* Send it in pieces, as the items of a stream$/)
      assert.strictEqual(yield* frames(frank), before)
      const back = yield* Effect.flip(frank.run(blob({ size: 65 * 1024 * 1024 })))
      assert.instanceOf(back, ActorError.PayloadInvalid)
      assert.strictEqual(back.side, "callee")
      assert.match(back.issue, /above the limit of \d+ of one frame/)
      assert.strictEqual(yield* frank.run(size({ bytes: new Uint8Array(1024 * 1024) })), 1024 * 1024)
    })).pipe(Effect.provide(MemoryActor.layer)))
})
