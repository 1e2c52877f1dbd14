import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Digest from "@furrow/actor/internal/contract/Digest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isPrime } from "./fixtures/prime.ts"

const other = (payload: Record<string, any>) =>
  Actor.endpoint("isPrime", { payload, success: Schema.Boolean, error: Schema.Never })

describe("The two sides of a call compare their contracts", () => {
  const ask = (call: Actor.Call<any>) =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      const error = yield* Effect.flip(frank.run(call as never))
      // The next call is checked again.
      assert.deepStrictEqual(yield* Effect.flip(frank.run(call as never)), error)
      assert.isTrue(yield* frank.run(isPrime({ n: 7 })))
      return error
    })).pipe(Effect.provide(MemoryActor.layer))

  it.effect("G38: a call fails when the contracts of caller and callee differ, and the error names the field whose two types differ", () =>
    Effect.gen(function*() {
      const error: unknown = yield* ask(other({ n: Schema.String })({ n: "7" }))
      assert.instanceOf(error, ActorError.PayloadInvalid)
      assert.include((error as Error).message, "payload.n: String here, Number there")
      assert.include((error as Error).message, "the same version")
    }))

  it.effect("a call fails when the contracts of caller and callee differ, and the error names the field that only one contract has", () =>
    Effect.gen(function*() {
      const error: unknown = yield* ask(other({ n: Schema.Int, base: Schema.Int })({ n: 7, base: 10 }))
      assert.include((error as Error).message, "payload.base: only here")
    }))

  it("contracts of caller and callee that differ only in descriptions count as the same contract", () => {
    const plain = Actor.endpoint("x", { success: Schema.Int }).endpoint
    const described = Actor.endpoint("x", { success: Schema.Int.annotate({ description: "a number" }) }).endpoint
    assert.strictEqual(Digest.digest(plain), Digest.digest(described))
    assert.notStrictEqual(Digest.digest(plain), Digest.digest(Actor.endpoint("x", { success: Schema.String }).endpoint))
  })
})
