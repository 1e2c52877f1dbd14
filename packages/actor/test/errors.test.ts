import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { isPrime } from "./fixtures/prime.ts"
import {
  heavy,
  Known,
  malformed,
  messy,
  passes,
  passesTyped,
  throwing,
  thrown,
  twice,
  undeclared,
  unmasked,
  untidy,
  wraps
} from "./fixtures/throwing.ts"
import { inMemory } from "./support/InMemory.ts"
import { pass } from "./support/Time.ts"

const remote = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(call), (error) => {
    assert.instanceOf(error, ActorError.RemoteActorError)
    return error as ActorError.RemoteActorError
  })

const depth = (boxed: ActorError.RemoteActorError["boxed"]): number => boxed.cause === null ? 1 : 1 + depth(boxed.cause)

describe("A handler may throw a value of any kind", () => {
  it.effect("any thrown value arrives at the caller, and the actor goes on serving", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [throwing, isPrime] })
      for (const what of Object.keys(thrown)) {
        const error = yield* remote(frank.run(throwing({ what })))
        assert.strictEqual(error.origin.name, "frank", what)
        assert.isString(error.message, what)
        assert.isTrue(yield* frank.run(isPrime({ n: 7 })), what)
      }
    })).pipe(inMemory))

  const expected: ReadonlyArray<readonly [what: string, type: string, message: string]> = [
    ["a string", "string", "just text"],
    ["an empty string", "string", ""],
    ["null", "object", "null"],
    ["undefined", "undefined", "undefined"],
    ["a number", "number", "42"],
    ["a bigint", "bigint", "7"],
    ["a symbol", "symbol", "Symbol(sign)"],
    ["an object", "Object", `{"code":5,"why":"because"}`],
    ["a tagged object", "Odd", `{"_tag":"Odd","n":1}`],
    ["an object without prototype", "Object", `{"bare":true}`],
    ["an object that contains itself", "Object", "(a value that cannot be shown)"],
    ["an object with throwing getters", "Object", "(a value that cannot be shown)"],
    ["an error whose getters throw", "Error", "(its message cannot be read)"],
    ["a proxy that throws at everything", "Object", "(a value that cannot be shown)"],
    ["a revoked proxy", "Object", "(a value that cannot be shown)"],
    ["an aggregate", "AggregateError", "several"]
  ]
  it.effect.each(expected)(
    "$0 that a handler throws arrives with its type and its message",
    ([what, type, message]) =>
      Effect.gen(function*() {
        const { boxed } = yield* remote(Actor.runInActor(throwing({ what })))
        assert.deepStrictEqual([boxed.type, boxed.message], [type, message])
      }).pipe(inMemory)
  )

  it.effect("a chain of causes of a thrown error arrives, is cut when it is long, and may contain itself", () =>
    Effect.gen(function*() {
      const deep = yield* remote(Actor.runInActor(throwing({ what: "a deep chain" })))
      assert.strictEqual(deep.boxed.cause?.cause?.message, "level 28")
      assert.strictEqual(depth(deep.boxed), 9)
      const round = yield* remote(Actor.runInActor(throwing({ what: "an error in a circle" })))
      assert.strictEqual(round.boxed.cause?.message, "and round")
      assert.strictEqual(depth(round.boxed), 9)
      assert.strictEqual((round.cause.cause as Error).message, "and round")
    }).pipe(inMemory))

  it.effect("G104: own properties of an error that are plain data arrive, also those of its cause", () =>
    Effect.gen(function*() {
      const system = { code: "ENOENT", errno: -2, syscall: "open", path: "/nope/x" }
      const error = yield* remote(Actor.runInActor(throwing({ what: "a system error" })))
      assert.deepStrictEqual(error.boxed.properties, system)
      assert.deepInclude(error.cause as object, system)
      const response = yield* remote(Actor.runInActor(throwing({ what: "an error with a response" })))
      const said = { status: 503, body: { retry: [1, 2, null], why: "busy" }, errors: ["a", "b"] }
      assert.deepStrictEqual(response.boxed.properties, said)
      assert.deepStrictEqual({ ...response.cause, name: undefined, stack: undefined } as object, {
        ...said,
        name: undefined,
        stack: undefined
      })
      const bare = yield* remote(Actor.runInActor(throwing({ what: "an empty string" })))
      assert.notProperty(bare.boxed, "properties")
    }).pipe(inMemory))

  it.effect("G104: a property of an error that is cyclic, huge, deep, no data or that throws is left out, and the other properties arrive", () =>
    Effect.gen(function*() {
      const { boxed } = yield* remote(Actor.runInActor(throwing({ what: "an error with odd properties" })))
      assert.strictEqual(boxed.type, "Odd")
      assert.deepStrictEqual(boxed.properties, { code: "EODD", last: true })
    }).pipe(inMemory))

  it.effect("G104: the errors inside an AggregateError arrive as errors, and are shown with the AggregateError", () =>
    Effect.gen(function*() {
      const error = yield* remote(Actor.runInActor(throwing({ what: "an aggregate with causes" })))
      assert.deepStrictEqual(error.boxed.parts?.map(({ message, type }) => [type, message]), [
        ["TypeError", "one"],
        ["Error", "two"],
        ["string", "three"]
      ])
      assert.deepStrictEqual(error.boxed.parts?.[0]?.properties, { code: "E1" })
      assert.strictEqual(error.boxed.parts?.[1]?.cause?.message, "below two")
      const aggregate = error.cause as AggregateError & { readonly cause: Error }
      assert.instanceOf(aggregate, AggregateError)
      assert.strictEqual(aggregate.cause.message, "why")
      assert.deepStrictEqual(aggregate.errors.map((part: Error) => part.message), ["one", "two", "three"])
      assert.match(
        Cause.pretty(Cause.fail(error)),
        /\[errors 0\]: TypeError: one\n.*throwing\.ts[^]*\[errors 1\]: Error: two/
      )
    }).pipe(inMemory))

  it.effect("G104: the number of errors in one failure is bounded, even if AggregateErrors are nested or contain themselves", () =>
    Effect.gen(function*() {
      const count = (boxed: ActorError.RemoteActorError["boxed"]): number =>
        (boxed.parts ?? []).reduce((sum, part) => sum + 1 + count(part), 0)
      const many = yield* remote(Actor.runInActor(throwing({ what: "aggregates of aggregates" })))
      assert.strictEqual(count(many.boxed), 32)
      const round = yield* remote(Actor.runInActor(throwing({ what: "an aggregate in a circle" })))
      assert.strictEqual(count(round.boxed), 8)
    }).pipe(inMemory))

  it.effect("a huge message of a thrown error is cut, and ends with a note that it was cut", () =>
    Effect.gen(function*() {
      const { boxed } = yield* remote(Actor.runInActor(throwing({ what: "a long message" })))
      assert.isBelow(boxed.message.length, 70_000)
      assert.match(boxed.message, /^x+… \(cut\)$/)
      assert.isBelow(boxed.stack.length, 70_000)
    }).pipe(inMemory))

  it.effect("G25: an error that its contract does not declare arrives as text, which says why it is no typed error", () =>
    Effect.gen(function*() {
      const { boxed } = yield* remote(Actor.runInActor(undeclared() as never))
      assert.strictEqual(boxed.type, "Unknown")
      assert.match(boxed.message, /still readable/)
      assert.match(boxed.message, /\(it does not match the error schema of undeclared: .*\)$/s)
      const other = yield* remote(Actor.runInActor(malformed() as never))
      assert.strictEqual(other.type, "Known")
      assert.match(other.boxed.message, /does not match the error schema of malformed/)
    }).pipe(inMemory))

  it.effect("a typed error that is too large for a frame arrives as text, and the connection stays open", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [heavy, isPrime] })
      const small = yield* Effect.flip(frank.run(heavy({ size: 1_000_000 })))
      assert.strictEqual(small._tag, "Unknown")
      const { boxed } = yield* remote(frank.run(heavy({ size: 65 * 1024 * 1024 })))
      assert.strictEqual(boxed.type, "Unknown")
      assert.match(boxed.message, /above the limit of \d+ of one frame/)
      assert.isTrue(yield* frank.run(isPrime({ n: 7 })))
    })).pipe(inMemory))
})

describe("An error keeps its origin and its path on the way to its caller", () => {
  it.effect("G24: a defect keeps its origin over any number of hops, and lists the actors that passed it on", () =>
    Effect.gen(function*() {
      for (const hops of [0, 1, 2]) {
        const error = yield* remote(Actor.runInActor(passes({ hops }), { name: `hop-${hops}` }))
        assert.strictEqual(error.origin.name, "source")
        assert.strictEqual(error.actor.name, `hop-${hops}`)
        assert.strictEqual(error.type, "TypeError")
        assert.strictEqual(error.boxed.message, "boom")
        assert.strictEqual(error.boxed.cause?.type, "RangeError")
        assert.deepStrictEqual(error.path.map(({ name }) => name), ["hop-0", "hop-1", "hop-2"].slice(0, hops + 1))
        assert.match(error.remoteStack, /fixtures\/prime\.ts/)
      }
      const error = yield* remote(Actor.runInActor(passes({ hops: 1 }), { name: "hop-1" }))
      assert.match(error.message, /^TypeError in source@\d+ \(passed on by hop-0@\d+, hop-1@\d+\): boom$/)
    }).pipe(inMemory))

  it.effect("a typed error keeps its type over three hops", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(passesTyped({ hops: 3 })))
      assert.deepStrictEqual(error, new Known({ n: 7 }))
    }).pipe(inMemory))

  it.effect("an error whose cause is a remote error keeps the origin of its cause", () =>
    Effect.gen(function*() {
      const { boxed } = yield* remote(Actor.runInActor(wraps()))
      assert.strictEqual(boxed.origin.name, "wraps")
      assert.strictEqual(boxed.message, "the source failed")
      assert.strictEqual(boxed.cause?.origin.name, "source")
      assert.strictEqual(boxed.cause?.type, "TypeError")
      assert.deepStrictEqual(boxed.cause?.path.map(({ name }) => name), ["wraps"])
      assert.strictEqual(boxed.cause?.cause?.type, "RangeError")
    }).pipe(inMemory))
})

describe("a Cause that a handler fails with arrives at the caller with all its reasons", () => {
  const othersOf = (exit: Exit.Exit<unknown, unknown>) => {
    assert(Exit.isFailure(exit))
    assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Fail"])
    const context = Cause.annotations(exit.cause) as Context.Context<ActorError.OtherFailures>
    return Context.get(context, ActorError.OtherFailures).map((
      { message, origin, type }
    ) => [type, message, origin.name])
  }

  it.effect("G26: a defect beside a typed failure arrives together with the failure, which can still be caught", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(othersOf(yield* Effect.exit(Actor.runInActor(messy()))), [
        ["RangeError", "beside it", "messy"]
      ])
      const caught = Actor.runInActor(messy()).pipe(Effect.catchTag("Known", ({ n }) => Effect.succeed(n)))
      assert.strictEqual(yield* caught, 1)
    }).pipe(inMemory))

  it.effect("a finalizer that dies turns a typed failure into a defect, as in one process, and the caller gets the defect and the failure", () =>
    Effect.gen(function*() {
      const here = yield* Effect.exit(untidy())
      assert(Exit.isFailure(here))
      assert.deepStrictEqual(here.cause.reasons.map(({ _tag }) => _tag), ["Die", "Die"])
      const there = yield* Effect.exit(Actor.runInActor(untidy()))
      assert.deepStrictEqual(othersOf(there), [["RangeError", "in the finalizer", "untidy"]])
      const error = yield* Effect.flip(there)
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual((error as ActorError.RemoteActorError).type, "Known")
    }).pipe(inMemory))

  it.effect("a cause of several failures arrives with its first failure as the error, and with the other failures beside the error", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.runInActor(twice()))
      assert.deepStrictEqual(othersOf(exit), [["Known", `{"_tag":"Known","n":2}`, "twice"], [
        "string",
        "text",
        "twice"
      ]])
      assert.deepStrictEqual(yield* Effect.flip(exit), new Known({ n: 1 }))
    }).pipe(inMemory))

  it.effect("G19: a cancellation during the finalizers of a failed call does not hide the failure", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [unmasked] })
      const call = yield* Effect.forkChild(Effect.flip(frank.run(unmasked())))
      yield* pass(500)
      yield* Effect.forkChild(frank.cancel("too late"))
      yield* pass(2000)
      assert.deepStrictEqual(yield* Fiber.join(call), new Known({ n: 3 }))
    })).pipe(inMemory))
})
