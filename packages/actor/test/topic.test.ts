import { assert, describe, it } from "@effect/vitest"
import { type Actor, type ActorError, MemoryActor, Supervisor, Topic } from "@furrow/actor"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { beforeEach } from "vitest"
import { Counts, type Price, Prices, raise, Trader } from "./fixtures/topics.ts"
import { drained, pass, settle, until, within } from "./support/Time.ts"

const processes = new Map<string, ProcessHandle>()
const kill = (name: string) => Effect.andThen(Effect.sync(() => processes.get(name)!.signal("SIGKILL")), settle)
beforeEach(() => processes.clear())

const memory = MemoryActor.layer({
  between: (process) => {
    processes.set(process.actor.name, process)
    return process
  }
})

const run = <A, E, S, E2>(
  layer: Layer.Layer<S, E2, Actor.ActorRuntime>,
  test: Effect.Effect<A, E, S | Actor.ActorRuntime>
) => Effect.provide(drained(Effect.suspend(() => until(60_000)(Effect.provide(test, layer)))), Layer.orDie(memory))

const tea = (cents: number): Price => ({ of: "tea", cents })
const rice = (cents: number): Price => ({ of: "rice", cents })

/** What a subscriber has read so far, in short. */
const reading = <S>(
  elements: Stream.Stream<Topic.Element<Price>, ActorError.ActorError, S>,
  each: Effect.Effect<void> = Effect.void
) =>
  Effect.gen(function*() {
    const read: Array<string> = []
    const fiber = yield* Effect.forkChild(
      Stream.runForEach(elements, (element) => {
        read.push(
          element._tag === "Message"
            ? `${element.key} ${element.value.cents}`
            : element._tag === "Dropped"
            ? `dropped ${element.count}`
            : "gap"
        )
        return each
      }),
      { startImmediately: true }
    )
    yield* settle
    return { read, fiber }
  })

/** A reader has reached the successor: it imports its module, on whatever machine this is. */
const followed = (read: ReadonlyArray<string>) =>
  until(10_000)(Effect.repeat(Effect.sleep(50), { while: () => !read.includes("gap") }))

describe("A topic passes messages on to several subscribers", () => {
  it.effect("G178: a topic passes a message on to subscribers of the whole topic and to subscribers of its key", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        const all = yield* reading(Prices.subscribe())
        const some = yield* reading(Prices.subscribe({ keys: ["tea"] }))
        yield* Prices.publish(tea(1))
        yield* Prices.publishAll([rice(2), tea(3)])
        yield* settle
        assert.deepStrictEqual(all.read, ["tea 1", "rice 2", "tea 3"])
        assert.deepStrictEqual(some.read, ["tea 1", "tea 3"])
      })
    ))

  it.effect("G178: an actor that uses a topic can publish to it", () =>
    run(
      Layer.provideMerge(Trader.layer, Prices.layer),
      Effect.gen(function*() {
        const all = yield* reading(Prices.subscribe())
        yield* Trader.calls.raise({ cents: 7 })
        yield* settle
        assert.deepStrictEqual(all.read, ["tea 7"])
        void raise
      })
    ))

  it.effect("G178: a message that does not match its topic's schema is refused before the message leaves its publisher", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        const error = yield* Effect.flip(Prices.publish({ of: "tea", cents: 0.5 }))
        assert.deepInclude(error, { _tag: "PayloadInvalid", side: "caller", endpoint: "Prices", part: "message" })
      })
    ))

  it.effect("G178: a topic without keys passes on values of any schema, also when it is served in this process", () =>
    run(
      Counts.layerTest,
      Effect.gen(function*() {
        const taken = yield* Effect.forkChild(
          Counts.subscribe().pipe(Topic.messages, Stream.take(3), Stream.runCollect),
          { startImmediately: true }
        )
        yield* settle
        yield* Counts.publishAll([1, 2, 3])
        assert.deepStrictEqual(yield* Fiber.join(taken), [1, 2, 3])
      })
    ))

  it.effect("G179: a slow subscriber of a topic with the policy `block` delays the publishers of its keys until it reads on, or leaves", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        const slow = yield* reading(Prices.subscribe({ keys: ["tea"] }), Effect.never)
        const other = yield* reading(Prices.subscribe({ keys: ["rice"] }))
        const teas = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 200 }, (_, n) => n), (n) => Prices.publish(tea(n)), { discard: true }),
          { startImmediately: true }
        )
        yield* pass(1000)
        assert.isUndefined(teas.pollUnsafe())
        assert.deepStrictEqual(yield* Prices.statistics, { subscribers: 2, publishersWaiting: 1, kept: 3 })
        yield* Prices.publish(rice(1))
        yield* settle
        assert.deepStrictEqual(other.read, ["rice 1"])
        assert.lengthOf(slow.read, 1)
        yield* Fiber.interrupt(slow.fiber)
        yield* Fiber.join(teas)
      })
    ))

  it.effect("G179: a publisher that is interrupted while it waits delays no other publisher, and its message is not published", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        yield* reading(Prices.subscribe({ keys: ["tea"] }), Effect.never)
        const waiting = yield* Effect.forkChild(Effect.forever(Prices.publish(tea(1))), { startImmediately: true })
        yield* pass(1000)
        yield* Fiber.interrupt(waiting)
        yield* Prices.publish(rice(1))
      })
    ))

  it.effect("G180: a slow subscriber of a topic with the policy `drop-oldest` delays no publisher, and is told how many messages it has lost", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        let isSlow = true
        const slow = yield* reading(
          Prices.subscribe({ overflow: "drop-oldest" }),
          Effect.suspend(() => isSlow ? Effect.sleep("1 minute") : Effect.void)
        )
        for (let n = 0; n < 500; n++) yield* Prices.publish(tea(n))
        isSlow = false
        yield* pass(60_000, 5_000)
        const lost = slow.read.filter((text) => text.startsWith("dropped")).map((text) => Number(text.split(" ")[1]))
        const messages = slow.read.filter((text) => text.startsWith("tea"))
        assert.isAbove(lost.reduce((sum, n) => sum + n, 0), 100)
        assert.strictEqual(messages.length + lost.reduce((sum, n) => sum + n, 0), 500)
        assert.strictEqual(messages.at(-1), "tea 499")
      })
    ))

  it.effect("G180: a slow subscriber of a topic with the policy `error` fails with StreamOverrun, and delays no publisher", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        const slow = yield* Effect.forkChild(
          Effect.flip(
            Stream.runForEach(Prices.subscribe({ overflow: "error", window: 4 }), () => Effect.sleep("1 second"))
          ),
          { startImmediately: true }
        )
        yield* settle
        for (let n = 0; n < 500; n++) yield* Prices.publish(tea(n))
        yield* pass(600_000, 10_000)
        const error = yield* Fiber.join(slow)
        assert.deepInclude(error, { _tag: "StreamOverrun", endpoint: "Prices" })
      })
    ))

  it.effect("G181: a later subscriber of a topic gets the last kept messages, if the subscriber asks for them", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        yield* Prices.publishAll([tea(1), tea(2), rice(3), tea(4)])
        const replayed = yield* reading(Prices.subscribe({ keys: ["tea"], replay: 9 }))
        const fresh = yield* reading(Prices.subscribe())
        yield* Prices.publish(tea(5))
        yield* settle
        assert.deepStrictEqual(replayed.read, ["tea 2", "tea 4", "tea 5"])
        assert.deepStrictEqual(fresh.read, ["tea 5"])
      })
    ))
})

describe("A topic with an invalid option is refused when it is declared", () => {
  const module = import.meta.url

  it.effect("G181: options of a topic that are no whole numbers are rounded to the nearest allowed number", () => {
    class Odd extends Topic.Service<Odd>()("Odd", { module, message: Schema.Int, buffer: -1, replay: -1 }) {}
    class Half extends Topic.Service<Half>()("Half", { module, message: Schema.Int, buffer: 1.5, replay: 1.5 }) {}
    return Effect.gen(function*() {
      yield* Odd.publishAll([1, 2])
      assert.deepInclude(yield* Odd.statistics, { kept: 0, publishersWaiting: 0 })
      yield* Half.publishAll([1, 2])
      assert.deepInclude(yield* Half.statistics, { kept: 1 })
    }).pipe(Effect.provide([Odd.layerTest, Half.layerTest]), Effect.provide(memory), within(60_000), drained)
  })

  it("G181: a topic with NaN as its option `buffer` or `replay` is refused when the topic is declared", () => {
    for (const option of ["buffer", "replay"] as const) {
      assert.throws(
        () => Topic.Service<never>()("Wrong", { module, message: Schema.Int, [option]: NaN }),
        new RegExp(`"Wrong" has .${option}: NaN`)
      )
    }
  })
})

describe("A message that a topic's subscriber refuses fails only the subscriber's stream", () => {
  let most = Infinity
  const Small = Schema.Int.check(Schema.makeFilter((n) => n <= most))
  class Sizes extends Topic.Service<Sizes>()("Sizes", { module: import.meta.url, message: Small, replay: 9 }) {}

  it.effect("G178: a message that a topic's subscriber refuses fails the subscriber's stream after the messages before it", () =>
    Effect.gen(function*() {
      most = Infinity
      yield* Sizes.publishAll([1, 2, 3, 4])
      most = 2
      const read: Array<number> = []
      const sizes = Topic.messages(Sizes.subscribe({ replay: 9 }))
      const error = yield* Effect.flip(Stream.runForEach(sizes, (n) => Effect.sync(() => void read.push(n))))
      assert.deepInclude(error, { _tag: "PayloadInvalid", side: "callee", part: "message" })
      assert.deepStrictEqual(read, [1, 2])
      assert.deepInclude(yield* Sizes.statistics, { subscribers: 0 })
    }).pipe(Effect.provide(Sizes.layerTest), Effect.provide(memory), within(60_000), drained))
})

describe("A supervised topic", () => {
  const App = Supervisor.layer({ intensity: { restarts: 5, within: "1 minute" } }, [Prices])

  it.effect("G182: a topic whose actor is killed tells every subscriber that messages may be missing, and continues with the actor's successor", () =>
    run(
      App,
      Effect.gen(function*() {
        const readers = yield* Effect.forEach([1, 2, 3], () => reading(Prices.subscribe()))
        for (let n = 1; n <= 3; n++) {
          yield* Prices.publish(tea(n))
          yield* settle
          yield* kill("Prices")
          yield* pass(2_000)
        }
        yield* Prices.publish(tea(4))
        yield* settle
        for (const { read } of readers) {
          assert.deepStrictEqual(read, ["tea 1", "gap", "tea 2", "gap", "tea 3", "gap", "tea 4"])
        }
      })
    ))

  it.effect("G182: the subscribers of a rolled topic change to the new actor at once, not at the end of the drain", () =>
    run(
      App,
      Effect.gen(function*() {
        const reader = yield* reading(Prices.subscribe())
        yield* Prices.publish(tea(1))
        yield* settle
        // A test's hour of virtual time may pass while it waits for the subscribers.
        const rolled = yield* Effect.forkChild(Supervisor.roll([Prices], { drain: "30 days" }), {
          startImmediately: true
        })
        yield* followed(reader.read)
        yield* Prices.publish(tea(2))
        yield* settle
        assert.deepStrictEqual(reader.read, ["tea 1", "gap", "tea 2"])
        yield* Fiber.join(rolled)
      })
    ))

  it.effect("G182: a supervised topic gives its subscribers, after a loss of messages, the messages that the topic's new actor has kept", () =>
    run(
      App,
      Effect.gen(function*() {
        const latch = Deferred.makeUnsafe<void>()
        const reader = yield* reading(Prices.subscribe(), Deferred.await(latch))
        yield* Prices.publish(tea(1))
        yield* settle
        yield* kill("Prices")
        yield* pass(2_000)
        // The reader is at its first message still: nobody has subscribed to the successor.
        yield* Prices.publish(tea(2))
        yield* Deferred.succeed(latch, undefined)
        yield* settle
        assert.deepStrictEqual(reader.read, ["tea 1", "gap", "tea 2"])
      })
    ))

  it.effect("G182: a supervised topic that is lost for good fails its subscribers within a bound", () =>
    run(
      Prices.layer,
      Effect.gen(function*() {
        const reader = yield* reading(Prices.subscribe())
        yield* kill("Prices")
        yield* pass(10_000)
        const error = yield* Effect.flip(Fiber.join(reader.fiber))
        assert.strictEqual(error._tag, "ActorLost")
        assert.deepStrictEqual(reader.read, [])
      })
    ))
})
