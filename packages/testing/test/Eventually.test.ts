import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

describe("The module Eventually", () => {
  it.effect("Eventually polls until the condition holds, even while the program's Clock stands still", () =>
    Effect.gen(function*() {
      let looked = 0
      const answer = yield* Eventually.holds("the third look", () => ++looked === 3 && "found", { every: 1 })
      assert.deepStrictEqual([answer, looked], ["found", 3])
    }))

  it.effect("Eventually tries again after an assertion that throws, and reports the last assertion at its deadline", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Eventually.succeeds(Effect.sync(() => assert.strictEqual(1, 2)), { within: 20, every: 5, what: "one is two" })
      )
      assert.strictEqual(error._tag, "NotInTime")
      assert.match(
        error.message,
        /^one is two: not within 20 ms \(looked \d+ times\); the last time: expected 1 to equal 2/
      )
    }))

  it.effect("Eventually shows the name and the fields of the last error if that error has no message", () =>
    Effect.gen(function*() {
      class Full extends Data.TaggedError("Full")<{ readonly shelf: number }> {}
      const error = yield* Effect.flip(
        Eventually.succeeds(new Full({ shelf: 3 }), { within: 10, every: 5, what: "room" })
      )
      assert.match(error.message, /the last time: Full \{"shelf":3\}$/)
    }))

  it.effect("Eventually ends at once when its fiber is interrupted", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Eventually.holds("never", () => false, { every: "1 minute" }))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
    }))
})
