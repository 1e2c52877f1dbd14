import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import { defaultWindow } from "@furrow/protocol/Credit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Failed } from "./fixtures/failing.ts"
import { count, isPrime } from "./fixtures/prime.ts"
import { aggregate, blocks, breaks, chunked, clock, crashes, numbers, produced } from "./fixtures/streaming.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const { say } = Journal

/** Collects until the end, and keeps what came before a failure. */
const collect = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const items: Array<A> = []
    const exit = yield* Effect.exit(Stream.runForEach(stream, (item) => Effect.sync(() => void items.push(item))))
    return { items, exit }
  })

describe("Streams of an actor", () => {
  it.effect("G28: every item of a stream arrives in order, whatever the chunks are", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [chunked] })
      for (const [items, chunk] of [[0, 1], [1, 1], [1000, 1], [5000, 64], [5000, 5000], [3000, 1024]] as const) {
        const all = yield* Stream.runCollect(frank.stream(chunked({ items, chunk })))
        assert.deepStrictEqual(all, Array.from({ length: items }, (_, i) => i + 1))
      }
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
    })).pipe(inMemory))

  it.effect("the items of a chunk share a frame, and single items that are made at the same time also share a frame", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [chunked] })
      const frames = Effect.map(frank.statistics, ({ channel }) => channel.received.frames)
      for (const chunk of [1, 64, 5000]) {
        const before = yield* frames
        assert.lengthOf(yield* Stream.runCollect(frank.stream(chunked({ items: 5000, chunk }))), 5000)
        // Frames of 64 items, with room for the first ones and the last.
        assert.isBelow((yield* frames) - before, 2 * 5000 / 64)
      }
    })).pipe(inMemory))

  it.effect("Stream.take(3) stops the producer of a stream, and the reader continues when the producer's finalizer has run", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      produced.clear()
      const frank = yield* Actor.start("frank", { expose: [numbers] })
      const fiber = yield* Effect.forkChild(
        frank.stream(numbers({ name: "cut", cleanup: 300 })).pipe(
          Stream.take(3),
          Stream.runCollect,
          Effect.tap((items) => say(`read ${items.join()}`))
        )
      )
      yield* pass(250)
      assert.isUndefined(fiber.pollUnsafe())
      const made = produced.get("cut")!
      yield* pass(250)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal, ["300 cut finalized", "300 read 1,2,3"])
      assert.strictEqual(produced.get("cut"), made)
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
    })).pipe(inMemory))

  it.effect("G29: a stream that fails with a typed error gives all items before the failure, and then fails with an instance of the error's class", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [breaks] })
      const { exit, items } = yield* collect(frank.stream(breaks({ items: 100 })))
      assert.deepStrictEqual(items, Array.from({ length: 100 }, (_, i) => i + 1))
      const error = yield* Effect.flip(exit)
      assert.deepStrictEqual(error, new Failed({ name: "broken" }))
      assert.instanceOf(error, Failed)
      const recovered = frank.stream(breaks({ items: 2 })).pipe(Stream.catchTag("Failed", () => Stream.make(-1)))
      assert.deepStrictEqual(yield* Stream.runCollect(recovered), [1, 2, -1])
    })).pipe(inMemory))

  it.effect("a stream that dies with a defect gives all items before the defect, and then fails with a boxed error", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [crashes] })
      const { exit, items } = yield* collect(frank.stream(crashes({ items: 3 })))
      assert.deepStrictEqual(items, [1, 2, 3])
      const error = yield* Effect.flip(exit)
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.type, "RangeError")
    })).pipe(inMemory))

  it.effect("a stream gives all items that its actor sent before the actor was lost, and then fails with ActorLost", () => {
    const theatre = Puppets.make()
    return Effect.scoped(Effect.gen(function*() {
      yield* Journal.fresh
      const frank = yield* Actor.startScoped("frank", { expose: [clock] })
      const fiber = yield* Effect.forkChild(collect(frank.stream(clock({ name: "clock", every: 100 }))))
      yield* pass(350)
      theatre.puppet("frank").die({ code: 9 })
      yield* settle
      const { exit, items } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(items, [1, 2, 3])
      assert.instanceOf(yield* Effect.flip(exit), ActorError.ActorLost)
    })).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a stream call in this process is a Stream, without an actor", () =>
    Effect.gen(function*() {
      assert.isTrue(Stream.isStream(count({ to: 3 })))
      assert.isFalse(Effect.isEffect(count({ to: 3 })))
      assert.deepStrictEqual(yield* Stream.runCollect(count({ to: 100 }).pipe(Stream.take(3))), [1, 2, 3])
      const error = yield* Effect.flip(Stream.runDrain(breaks({ items: 1 })))
      assert.deepStrictEqual(error, new Failed({ name: "broken" }))
    }))

  it.effect("streamInActor keeps its actor as long as the stream is read", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const read = Actor.streamInActor(numbers({ name: "own", cleanup: 200 })).pipe(Stream.take(2), Stream.runCollect)
      const fiber = yield* Effect.forkChild(Effect.tap(read, () => say("read")))
      yield* pass(100)
      assert.strictEqual((yield* Actor.statistics).children[0]!.actor.name, "numbers")
      yield* pass(200)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 2])
      assert.deepStrictEqual(journal, ["200 own finalized", "200 read"])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
      assert.deepStrictEqual(yield* Stream.runCollect(Actor.streamInActor(count({ to: 3 }))), [1, 2, 3])
      assert.instanceOf(yield* Effect.flip(Stream.runDrain(Actor.streamInActor(breaks({ items: 1 })))), Failed)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("an aggregator merges the streams of two actors of its own", () =>
    Effect.gen(function*() {
      const all = yield* Stream.runCollect(Actor.streamInActor(aggregate({ to: 300 })))
      assert.deepStrictEqual(all.toSorted((a, b) => a - b), Array.from({ length: 300 }, (_, i) => i + 1))
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))
})

describe("a slow reader of a stream slows the producer of the stream", () => {
  it.effect("G31: a producer of a stream is at most one window of items ahead of a reader that takes one item at a time", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Journal.fresh
      produced.clear()
      const frank = yield* Actor.start("frank", { expose: [numbers] })
      const gate = yield* Queue.unbounded<void>()
      const seen: Array<number> = []
      yield* Effect.forkChild(
        frank.stream(numbers({ name: "slow" })).pipe(
          Stream.rechunk(1),
          Stream.runForEach((n) => Effect.andThen(Queue.take(gate), Effect.sync(() => void seen.push(n))))
        )
      )
      yield* settle
      // The items that fit into the window are on their way; one more is in the producer's hands.
      const ahead = (): number => produced.get("slow")! - seen.length
      assert.isAtLeast(ahead(), 2)
      assert.isAtMost(ahead(), defaultWindow.items + 1)
      const before = produced.get("slow")!
      yield* settle
      assert.strictEqual(produced.get("slow"), before)
      for (let read = 0; read < 3000; read++) {
        yield* Queue.offer(gate, undefined)
        if (read % 100 === 0) {
          yield* settle
          assert.isAtMost(ahead(), defaultWindow.items + 1)
        }
      }
      yield* settle
      assert.deepStrictEqual(seen, Array.from({ length: 3000 }, (_, i) => i + 1))
      assert.isAbove(produced.get("slow")!, 3000)
    })).pipe(inMemory))

  it.effect("G32: the window of a stream counts bytes as well", () =>
    Actor.nursery(Effect.gen(function*() {
      produced.clear()
      const frank = yield* Actor.start("frank", { expose: [blocks] })
      yield* Effect.forkChild(
        frank.stream(blocks({ name: "bytes", size: 64 * 1024 })).pipe(Stream.runForEach(() => Effect.never))
      )
      yield* settle
      assert.isAtMost(produced.get("bytes")!, defaultWindow.bytes / (64 * 1024) + 2)
      assert.isAtLeast(produced.get("bytes")!, 8)
    })).pipe(inMemory))

  it.effect("stream items larger than the window pass, two at a time", () =>
    Actor.nursery(Effect.gen(function*() {
      produced.clear()
      const frank = yield* Actor.start("frank", { expose: [blocks] })
      const stream = frank.stream(blocks({ name: "large", size: 2 * defaultWindow.bytes }))
      const sizes = yield* stream.pipe(
        Stream.take(5),
        Stream.map((bytes) => [bytes.length, bytes[0]]),
        Stream.runCollect
      )
      assert.deepStrictEqual(sizes, [1, 2, 3, 4, 5].map((n) => [2 * defaultWindow.bytes, n]))
      assert.isAtMost(produced.get("large")!, 5 + 4)
    })).pipe(inMemory))

  it.effect("G33: several streams share one portal, and a reader that stops reading holds up no reader of another stream", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [numbers, chunked, isPrime] })
      yield* Effect.forkChild(frank.stream(numbers({ name: "still" })).pipe(Stream.runForEach(() => Effect.never)))
      yield* settle
      const sums = yield* Effect.forEach(
        [1, 2, 3],
        (chunk) => Stream.runFold(frank.stream(chunked({ items: 4000, chunk })), () => 0, (sum, n) => sum + n),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepStrictEqual(sums, [8002000, 8002000, 8002000])
      assert.strictEqual(yield* frank.run(isPrime({ n: 7 })), true)
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 1)
    })).pipe(inMemory))

  it.effect("a producer that waits for credit stops when its reader leaves", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      produced.clear()
      const frank = yield* Actor.start("frank", { expose: [numbers] })
      const fiber = yield* Effect.forkChild(
        frank.stream(numbers({ name: "waiting" })).pipe(Stream.runForEach(() => Effect.never))
      )
      yield* settle
      const made = produced.get("waiting")
      yield* Effect.andThen(Fiber.interrupt(fiber), say("left"))
      assert.deepStrictEqual(journal, ["0 waiting finalized", "0 left"])
      yield* settle
      assert.strictEqual(produced.get("waiting"), made)
    })).pipe(inMemory))

  it.effect("a reader that waits for the next item can be interrupted", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [clock] })
      const fiber = yield* Effect.forkChild(Stream.runDrain(frank.stream(clock({ name: "clock", every: 1000 }))))
      yield* pass(500)
      yield* Effect.andThen(Fiber.interrupt(fiber), say("left"))
      assert.deepStrictEqual(journal, ["500 clock finalized", "500 left"])
    })).pipe(inMemory))

  it.effect("portal.cancel ends a stream whose reader has stopped reading", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [numbers] })
      const gate = yield* Queue.unbounded<void>()
      const fiber = yield* Effect.forkChild(Effect.flip(
        frank.stream(numbers({ name: "still" })).pipe(Stream.runForEach(() => Queue.take(gate)))
      ))
      yield* settle
      yield* frank.cancel("enough")
      assert.deepStrictEqual(journal, ["0 still finalized"])
      for (let item = 0; item < 2 * defaultWindow.items; item++) yield* Queue.offer(gate, undefined)
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, ActorError.ContextCancelled)
    })).pipe(inMemory))
})
