/** Unions whose members the layout cannot tell apart: they cross as the members they are, wherever a contract has one. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Any } from "./fixtures/unions.ts"
import { Apple, Basket, each, echo, Fruit, Fruits, once, Pear } from "./fixtures/unions.ts"
import { inMemory } from "./support/InMemory.ts"

const values: ReadonlyArray<Any> = [
  { a: 1 },
  { a: 1, b: new Date(5) },
  { c: Option.some("c") },
  new Apple({ size: 1 }),
  new Pear({ size: 1 }),
  new Date(7),
  "2020-01-01"
]
const pear = new Pear({ size: 2 })

describe("A union that SchemaBinary refuses can still cross to another actor", () => {
  it.effect("G115: a union that SchemaBinary refuses crosses as payload, answer and error of a call, as in one process", () =>
    inMemory(Actor.nursery(Effect.gen(function*() {
      const bob = yield* Actor.start("bob", { expose: [once] })
      for (const of of values) {
        assert.deepStrictEqual(yield* bob.run(once({ of })), of)
        assert.deepStrictEqual(yield* once({ of }), of)
      }
      assert.deepStrictEqual(yield* Effect.flip(bob.run(once({ of: "fail" }))), new Pear({ size: 1 }))
    }))))

  it.effect("G115: a stream, also a narrowed one, sends items of a union type for which Effect's SchemaBinary makes no codec", () =>
    inMemory(Actor.nursery(Effect.gen(function*() {
      const bob = yield* Actor.start("bob", { expose: [each, echo] })
      assert.deepStrictEqual(yield* Stream.runCollect(bob.stream(each({ of: values }))), values)
      const Fruit = Schema.Union([Schema.toType(Apple), Schema.toType(Pear)])
      const narrowed = yield* bob.open(echo(), ({ stream }) =>
        Effect.gen(function*() {
          const fruits = yield* stream.narrow(Fruit)
          yield* fruits.send(pear)
          return yield* fruits.receive
        }).pipe(Effect.scoped))
      assert.deepStrictEqual(narrowed, pear)
    }))))

  it.effect("G115: a union that SchemaBinary refuses crosses a dialog in both directions, as first value and as result", () =>
    inMemory(Actor.nursery(Effect.gen(function*() {
      const bob = yield* Actor.start("bob", { expose: [echo] })
      for (const value of values) {
        const heard = yield* bob.open(echo(), (dialog) =>
          Effect.gen(function*() {
            yield* dialog.stream.send(value)
            return [dialog.first, yield* dialog.stream.receive, yield* dialog.result]
          }))
        assert.deepStrictEqual(heard, [pear, value, value])
      }
    }))))

  it.effect("G115: a union that SchemaBinary refuses crosses through a Service", () =>
    Effect.gen(function*() {
      for (const of of values) assert.deepStrictEqual(yield* Fruit.calls.onceHere({ of }), of)
    }).pipe(Effect.provide(Fruit.layer), Effect.provide(MemoryActor.layer)))

  it.effect("G115: a union that SchemaBinary refuses crosses through an RpcGroup: answers, items and errors", () =>
    Effect.gen(function*() {
      const client = yield* Actor.rpcClient(yield* Basket, Fruits)
      // Effect's client makes the payload itself, of the first member that matches.
      const kept = values.filter((_, i) => i !== 1 && i !== 4)
      for (const of of kept) assert.deepStrictEqual(yield* client.One({ of }), of)
      assert.deepStrictEqual(yield* Stream.runCollect(client.Each({ of: kept })), kept)
      assert.deepStrictEqual(yield* Effect.flip(client.One({ of: "fail" })), { a: 1, b: new Date(5) })
    }).pipe(Effect.scoped, Effect.provide(Basket.layer), Effect.provide(MemoryActor.layer)))
})

describe("A schema that no codec can carry is refused", () => {
  const module = import.meta.url
  class Handle {}
  const handle = Schema.instanceOf(Handle)
  const says =
    "an instance without a codec. Annotate its schema with `toCodec`, or send data and make the instance from it"
  const inDialog = (contract: Parameters<typeof Actor.dialogEndpoint>[1]) => () =>
    Actor.dialogEndpoint("talk", contract)

  const refused: ReadonlyArray<readonly [where: string, define: () => unknown, message: string]> = [
    [
      "a payload",
      () => Actor.endpoint("put", { payload: { file: Schema.Struct({ handle }) } }),
      `the payload of put is refused: no value of it can cross: it has ${says}\n  at ["file"]["handle"]`
    ],
    [
      "a success",
      () => Actor.fn("get", { module, success: handle })(() => Effect.succeed(new Handle())),
      `the success of get is refused: no value of it can cross: it has ${says}`
    ],
    [
      "an error",
      () => Actor.streamEndpoint("all", { error: Schema.Struct({ of: handle }) }),
      `the error of all is refused: no value of it can cross: it has ${says}\n  at ["of"]`
    ],
    [
      "a first value",
      inDialog({ started: handle }),
      `the started of talk is refused: no value of it can cross: it has ${says}`
    ],
    [
      "an input",
      inDialog({ input: handle }),
      `the input of talk is refused: no value of it can cross: it has ${says}`
    ],
    [
      "an output",
      inDialog({ output: Schema.Array(handle) }),
      `the output of talk is refused: no value of it can cross: it has ${says}`
    ],
    [
      "a procedure of a group",
      () =>
        Actor.Service<never>()("Svc", {
          module,
          endpoints: RpcGroup.make(Rpc.make("Put", { payload: { file: handle } }))
        }),
      `the payload of Put is refused: no value of it can cross: it has ${says}\n  at ["file"]`
    ],
    [
      "an error of a procedure",
      () => Actor.Service<never>()("Svc", { module, endpoints: RpcGroup.make(Rpc.make("Put", { error: handle })) }),
      `the error of Put is refused: no value of it can cross: it has ${says}`
    ]
  ]
  for (const [where, define, message] of refused) {
    it(`G116: an endpoint with a schema for which no codec can be made is refused when it is defined, with the schema's place (case: ${where})`, () => {
      assert.throws(define, message)
    })
  }
})
