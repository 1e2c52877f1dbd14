import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { times } from "./fixtures/calls.ts"
import { isPrime as other } from "./fixtures/other.ts"
import { count, isPrime } from "./fixtures/prime.ts"
import { inMemory } from "./support/InMemory.ts"

/** A portal as somebody sees it who has lost its type. */
interface Loose {
  readonly run: (call: unknown) => Effect.Effect<unknown, unknown>
  readonly stream: (call: unknown) => Stream.Stream<unknown, unknown>
}
const loose = (portal: object) => portal as Loose

const unknown = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, ActorError.EndpointUnknown)
    return error as ActorError.EndpointUnknown
  })

const sent = (portal: { readonly statistics: Actor.Portal<never>["statistics"] }) =>
  Effect.map(portal.statistics, ({ channel }) => channel.sent.frames)

describe("An actor answers only calls of the endpoints that it exposes", () => {
  it.effect("G6: a call of an endpoint that is not exposed fails with EndpointUnknown, which lists the exposed endpoints", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime, count] })
      const before = yield* sent(frank)
      const error = yield* unknown(loose(frank).run(times({ n: 1 })))
      assert.strictEqual(error.actor.name, "frank")
      assert.strictEqual(error.endpoint, "times")
      assert.deepStrictEqual(error.exposed, ["isPrime", "count"])
      assert.match(error.message, /^frank@\d+ does not expose times; it exposes isPrime, count\. Add it to `expose`/)
      assert.strictEqual(yield* sent(frank), before)
    })).pipe(inMemory))

  it.effect("two endpoints of one name in two modules count as two endpoints", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      const error = yield* unknown(loose(frank).run(other({ n: 7 })))
      assert.match(error.endpoint, /fixtures\/other\.ts$/)
      assert.match(error.exposed[0]!, /fixtures\/prime\.ts$/)
      assert.isTrue(yield* frank.run(isPrime({ n: 7 })))
    })).pipe(inMemory))

  it.effect("a value that is no call is refused by a portal with a defect that names the value", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      for (const wrong of [undefined, 7, Effect.succeed(1), () => 1]) {
        for (const asked of [loose(frank).run(wrong), Stream.runDrain(loose(frank).stream(wrong))]) {
          const exit = yield* Effect.exit(asked)
          assert(Exit.isFailure(exit))
          assert.match(
            String(Cause.squash(exit.cause)),
            /TypeError: an actor is asked with a (call|stream) as data/
          )
        }
      }
    })).pipe(inMemory))

  it.effect("a call by a method of a portal that does not fit its endpoint fails with EndpointUnknown, and the connection stays open", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime, count] })
      const before = yield* sent(frank)
      const run = yield* unknown(loose(frank).run(count({ to: 3 })))
      assert.deepStrictEqual([run.endpoint, run.exposed], ["count as a call", ["isPrime", "count as a stream"]])
      const stream = yield* unknown(Stream.runDrain(loose(frank).stream(isPrime({ n: 7 }))))
      assert.deepStrictEqual([stream.endpoint, stream.exposed], ["isPrime as a stream", ["isPrime as a call", "count"]])
      assert.match(run.message, /^frank@\d+ exposes count as a stream, not as a call: use portal\.stream$/)
      assert.match(stream.message, /^frank@\d+ exposes isPrime as a call, not as a stream: use portal\.run$/)
      assert.strictEqual(yield* sent(frank), before)
      assert.isTrue(yield* frank.run(isPrime({ n: 7 })))
    })).pipe(inMemory))

  it.effect("an actor that is called with an endpoint that it does not serve fails the call with EndpointUnknown, which names the endpoint", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      const missing = Actor.endpoint("missing")
      const error = yield* unknown(loose(frank).run(missing()))
      assert.strictEqual(error.endpoint, "missing")
    })).pipe(inMemory))

  const duplicate =
    /two endpoints named "isPrime" in one `expose` \(of .*prime\.ts and .*other\.ts\): .*rename one of them/

  it.effect("two endpoints of one name in the option `expose` of an actor are a defect of the start, before any process is started", () =>
    Effect.gen(function*() {
      const start = Effect.scoped(Actor.startScoped("frank", { expose: [isPrime, other] }))
      for (const attempt of [start, Actor.nursery(Actor.start("frank", { expose: [isPrime, other] }))]) {
        const exit = yield* Effect.exit(attempt)
        assert(Exit.isFailure(exit))
        assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Die"])
        assert.match(String(Cause.squash(exit.cause)), duplicate)
      }
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("an endpoint that stands twice in the option `expose` of an actor is a defect of the start", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.nursery(Actor.start("frank", { expose: [isPrime, isPrime] })))
      assert(Exit.isFailure(exit))
      assert.match(String(Cause.squash(exit.cause)), /"isPrime" stands twice in one `expose` .*: list it once$/)
    }).pipe(inMemory))

  it.effect("an actor whose name contains NUL or half of a surrogate pair, or is too long, is refused before its start", () =>
    Effect.gen(function*() {
      for (
        const [name, problem] of [
          ["a\0b", /its name holds a NUL/],
          ["a\ud800b", /half of a surrogate pair/],
          ["x".repeat(2000), /its name has 2000 characters: names have at most 1024/]
        ] as const
      ) {
        const error = yield* Effect.flip(Effect.scoped(Actor.startScoped(name, { expose: [isPrime] })))
        assert.instanceOf(error, ActorError.SpawnFailed)
        assert.match(error.message, problem)
        assert.isBelow(error.message.length, 200)
      }
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("two endpoints of one name in the option `expose` of a root are a defect of the root's Layer", () =>
    Effect.gen(function*() {
      const layer = MemoryActor.layer({ expose: [isPrime, other] })
      const exit = yield* Effect.exit(Effect.provide(Actor.current, layer))
      assert(Exit.isFailure(exit))
      assert.match(String(Cause.squash(exit.cause)), duplicate)
    }))

  it.effect("an actor that exposes nothing can be started and ended", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [] })
      const error = yield* unknown(loose(frank).run(isPrime({ n: 7 })))
      assert.match(error.message, /it exposes nothing/)
    })).pipe(inMemory))
})
