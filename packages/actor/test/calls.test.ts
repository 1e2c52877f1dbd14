import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Calls from "./fixtures/calls.ts"
import { boom, isPrime, TooSmall } from "./fixtures/prime.ts"

const { echo, maybe, nothing, reject, throws, times } = Calls

describe("An actor answers the calls of its endpoints", () => {
  it.effect("a call runs in an actor of its own, and its result comes back", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Actor.runInActor(isPrime({ n: 1009 })), true)
      assert.strictEqual(yield* Actor.runInActor(isPrime({ n: 1008 })), false)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a daemon of a nursery answers the same call twice", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      assert.strictEqual(yield* frank.run(isPrime({ n: 7 })), true)
      assert.strictEqual(yield* frank.run(isPrime({ n: 7 })), true)
      assert.strictEqual(frank.name, "frank")
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("many calls run at the same time over one portal", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [times] })
      const ns = Array.from({ length: 500 }, (_, n) => n)
      const answers = yield* Effect.forEach(ns, (n) => frank.run(times({ n })), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, ns.map((n) => n * 2))
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G23: a typed error arrives as an instance of its class, with its fields and its own getters", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(reject({ busy: false })))
      assert.instanceOf(error, Calls.Rejected)
      const rejected = error as Calls.Rejected
      assert.strictEqual(rejected.reason, "no room")
      assert.strictEqual(rejected.shout, "NO ROOM")
      assert.deepStrictEqual(rejected.at, new Date(5))
      assert.deepStrictEqual(Array.from(rejected.tries), [["door", 2]])
      assert.instanceOf(rejected, Error)
      const busy = yield* Effect.flip(Actor.runInActor(reject({ busy: true })))
      assert.deepStrictEqual(busy, new Calls.Busy({ until: 5 }))
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a typed error of a call is caught by its tag, and is the only reason in the Cause of the call", () =>
    Effect.gen(function*() {
      const call = Actor.runInActor(isPrime({ n: 1 }))
      assert.strictEqual(yield* Effect.catchTag(call, "TooSmall", ({ n }) => Effect.succeed(n)), 1)
      const exit = yield* Effect.exit(call)
      assert(Exit.isFailure(exit))
      assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Fail"])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a defect of an actor arrives at the caller boxed, with its origin, its causes and its stack in that actor", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(boom()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.type, "TypeError")
      assert.strictEqual(error.boxed.message, "boom")
      assert.strictEqual(error.origin.name, "boom")
      assert.deepStrictEqual(error.origin, error.actor)
      assert.deepStrictEqual(error.path, [])
      assert.match(error.message, /^TypeError in boom@\d+: boom$/)
      assert.match(error.remoteStack, /fixtures\/prime\.ts/)
      assert.strictEqual(error.cause.name, "TypeError")
      assert.strictEqual((error.cause.cause as Error).name, "RangeError")
      assert.strictEqual((error.cause.cause as Error).message, "why")
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G9: a handler that throws fails its own call with a defect, and the actor goes on serving", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [throws, isPrime] })
      const error = yield* Effect.flip(frank.run(throws()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.type, "RangeError")
      assert.strictEqual(yield* frank.run(isPrime({ n: 7 })), true)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G36: bytes, dates, maps, sets, options and structs without an optional key arrive unchanged, as payload and as answer", () =>
    Effect.gen(function*() {
      const everything: typeof Calls.Everything.Type = {
        bytes: new Uint8Array([0, 255, 7]),
        date: new Date(1234),
        map: new Map([["a", 2n ** 70n]]),
        set: new Set([3, 4]),
        option: Option.some(5),
        nothing: undefined,
        text: "żółw 🐢"
      }
      const back = yield* Actor.runInActor(echo(everything))
      assert.instanceOf(back.bytes, Uint8Array)
      assert.deepStrictEqual(Array.from(back.bytes), [0, 255, 7])
      assert.instanceOf(back.date, Date)
      assert.strictEqual(back.date.getTime(), 1234)
      assert.deepStrictEqual(Array.from(back.map), [["a", 2n ** 70n]])
      assert.deepStrictEqual(Array.from(back.set), [3, 4])
      assert.isTrue(Equal.equals(back.option, Option.some(5)))
      assert.isFalse("missing" in back)
      assert.isTrue("nothing" in back)
      assert.strictEqual(back.text, "żółw 🐢")
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("the answer of a call may be undefined", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [nothing, maybe] })
      assert.strictEqual(yield* frank.run(nothing()), undefined)
      assert.strictEqual(yield* frank.run(maybe({ is: false })), undefined)
      assert.strictEqual(yield* frank.run(maybe({ is: true })), 1)
    })).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a field with a default may be left out of a call's payload, whether the call runs in this process or in an actor", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* times({ n: 4 }), 8)
      assert.strictEqual(yield* Actor.runInActor(times({ n: 4 })), 8)
      assert.strictEqual(yield* Actor.runInActor(times({ n: 4, by: 3 })), 12)
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G10: a call is data and an Effect: the same value runs in this process, in an actor, and twice", () =>
    Effect.gen(function*() {
      const call = isPrime({ n: 7 })
      assert.isTrue(Effect.isEffect(call))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(call)), {
        _id: "Furrow.Call",
        name: "isPrime",
        payload: { n: 7 }
      })
      assert.isTrue(Equal.equals(isPrime({ n: 7 }), isPrime({ n: 7 })))
      assert.isFalse(Equal.equals(isPrime({ n: 7 }), isPrime({ n: 8 })))
      assert.throws(() => structuredClone(call))
      assert.deepStrictEqual([yield* call, yield* call, yield* Actor.runInActor(call)], [true, true, true])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("a call that runs in this process fails with the handler's own typed error or defect", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.flip(isPrime({ n: 1 })), new TooSmall({ n: 1 }))
      const exit = yield* Effect.exit(boom())
      assert(Exit.isFailure(exit))
      assert.instanceOf(Cause.squash(exit.cause), TypeError)
    }))
})
