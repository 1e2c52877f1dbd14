import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { deep, echo, grow, growAll, measure, round, tangle, Tangled } from "./fixtures/deep.ts"
import { inMemory } from "./support/InMemory.ts"

const expected = {
  deep: /^Expected a value of fewer levels\n {2}at .*\["children"\]\[0\].*… \(\d+ steps\)$/,
  round: /^Expected a value that does not contain itself\n {2}at .*\["children"\]\[0\]\["children"\]\[0\]$/
}

const invalid = (error: unknown): ActorError.PayloadInvalid => {
  assert.instanceOf(error, ActorError.PayloadInvalid)
  return error as ActorError.PayloadInvalid
}

describe("A value that is nested too deep, or contains itself, cannot be sent", () => {
  for (const shape of ["deep", "round"] as const) {
    it.effect(`G105: a payload that is nested too deep fails at the caller with PayloadInvalid, which names the faulty field (shape: ${shape})`, () =>
      Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [measure] })
        const tree = shape === "deep" ? deep(1000) : round()
        const error = invalid(yield* Effect.flip(frank.run(measure({ tree }))))
        assert.deepInclude(error, { side: "caller", endpoint: "measure", part: "payload" })
        assert.match(error.issue, expected[shape])
        assert.strictEqual(yield* frank.run(measure({ tree: deep(100) })), 100)
      })).pipe(inMemory))

    it.effect(`G105: an answer that is nested too deep fails at the callee with PayloadInvalid, which names the faulty field (shape: ${shape})`, () =>
      Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [grow] })
        const error = invalid(yield* Effect.flip(frank.run(grow({ shape }))))
        assert.deepInclude(error, { side: "callee", endpoint: "grow", part: "success" })
        assert.match(error.issue, expected[shape])
        assert.deepStrictEqual(yield* frank.run(grow({ shape: "fine" })), deep(100))
      })).pipe(inMemory))

    it.effect(`G105: a stream item that is nested too deep fails at the callee with PayloadInvalid, which names the faulty field (${shape})`, () =>
      Effect.gen(function*() {
        const error = invalid(yield* Effect.flip(Stream.runDrain(Actor.streamInActor(growAll({ shape })))))
        assert.deepInclude(error, { side: "callee", endpoint: "growAll" })
        assert.match(error.issue, expected[shape])
      }).pipe(inMemory))

    it.effect(`G105: a declared error with a value that is nested too deep arrives as text that says why it could not be encoded (${shape})`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Actor.runInActor(tangle({ shape })))
        assert.instanceOf(error, ActorError.RemoteActorError)
        assert.match(
          (error as ActorError.RemoteActorError).message,
          shape === "deep"
            ? /error schema of tangle: Expected a value of fewer levels\n {2}at \["tree"\]/
            : /error schema of tangle: Expected a value that does not contain itself\n {2}at \["tree"\]/
        )
        assert.instanceOf(yield* Effect.flip(Actor.runInActor(tangle({ shape: "fine" }))), Tangled)
      }).pipe(inMemory))
  }
})

describe("A text with half of a surrogate pair cannot be sent", () => {
  it.effect("G108: text with half of a surrogate pair fails at its sender with PayloadInvalid, which names the field, and other text arrives whole", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [echo] })
      const sent = invalid(yield* Effect.flip(frank.run(echo({ text: "a\ud83db", json: null, breaks: false }))))
      assert.deepInclude(sent, { side: "caller", part: "payload" })
      assert.strictEqual(sent.issue, `Expected text without half of a surrogate pair\n  at ["text"]`)
      const made = invalid(yield* Effect.flip(frank.run(echo({ text: "", json: null, breaks: true }))))
      assert.deepInclude(made, { side: "callee", part: "success" })
      assert.strictEqual(made.issue, `Expected text without half of a surrogate pair\n  at ["texts"][0]`)
      for (const [text, json] of [["\ufffd", "\ufffd"], ["😀\ufffd", { "\ud83d": ["\ude00"] }]] as const) {
        assert.deepStrictEqual(yield* frank.run(echo({ text, json, breaks: false })), { texts: [text], json })
      }
    })).pipe(inMemory))
})
