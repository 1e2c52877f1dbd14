/** Promises and callbacks inside of handlers: who ends them, and what becomes of their ends. */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { beforeEach } from "vitest"
import { ask, both, doubles, feed, holds, notes, trust } from "./fixtures/foreign.ts"
import { inMemory } from "./support/InMemory.ts"
import { settle, within } from "./support/Time.ts"

beforeEach(() => {
  notes.length = 0
})

const expose = [ask, both, doubles, feed, holds, trust] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(within(30_000)(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body))))

/** Looks until foreign code has noticed so much: an event of it needs no time of the Clock. */
const noticed = (expected: ReadonlyArray<string>) => Effect.map(settle, () => assert.deepStrictEqual(notes, expected))

describe("A handler waits for foreign code, and aborts the foreign code's AbortSignal when the call is cancelled", () => {
  it.effect("G160: a promise in a handler resolves or rejects the call, and is aborted together with the call", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      assert.strictEqual(yield* bob.run(ask({ fate: "answers" })), "yes")
      const refused = yield* Effect.flip(bob.run(ask({ fate: "rejects" })))
      assert.deepInclude(refused, { _tag: "Refused", why: "RangeError: no" })
      const died = yield* Effect.flip(bob.run(trust({ fate: "rejects" })))
      assert(died._tag === "RemoteActorError")
      assert.deepInclude(died.boxed, { type: "RangeError", message: "no" })
      assert.deepStrictEqual(notes, [])
      const late = yield* Effect.flip(Effect.timeout(bob.run(ask({ fate: "hangs" })), "1 second"))
      assert.strictEqual(late._tag, "TimeoutError")
      // It has been aborted by the time its caller goes on.
      assert.deepStrictEqual(notes, ["aborted"])
      assert.strictEqual(yield* bob.run(ask({ fate: "answers" })), "yes")
    })))

  it.effect("G163: a handler's promise that is aborted has cleaned up before its caller continues", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Effect.flip(Effect.timeout(bob.run(holds({ waits: true })), "1 second"))
      assert.deepStrictEqual(notes, ["aborted", "closed"])
      // Effect's own promise is aborted, and left to itself.
      yield* Effect.flip(Effect.timeout(bob.run(holds({ waits: false })), "1 second"))
      assert.deepStrictEqual(notes, ["aborted", "closed", "aborted"])
      yield* noticed(["aborted", "closed", "aborted", "closed"])
    })))

  it.effect("the first failure of a handler's fiber or promise fails the call, and ends the fiber or promise that still runs", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      assert.deepInclude(yield* Effect.flip(bob.run(both({ first: "promise" }))), { why: "promise" })
      assert.deepStrictEqual(notes, ["interrupted"])
      assert.deepInclude(yield* Effect.flip(bob.run(both({ first: "fiber" }))), { why: "fiber" })
      assert.deepStrictEqual(notes, ["interrupted", "aborted"])
    })))

  it.effect("foreign code that rejects by itself fails its call, and does not count as cancelled", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const refused = yield* Effect.flip(bob.run(ask({ fate: "gives up" })))
      assert(refused._tag === "Refused")
      assert.match(refused.why, /^AbortError/)
      const died = yield* Effect.flip(bob.run(trust({ fate: "gives up" })))
      assert(died._tag === "RemoteActorError")
      assert.strictEqual(died.boxed.type, "AbortError")
      assert.isFalse(died.ending)
    })))
})

describe("A callback of foreign code produces the items of a stream until its reader leaves or the callback ends", () => {
  it.effect("a callback that feeds a stream is cleaned up when the reader leaves, and its end or failure ends or fails the stream", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const all = yield* Stream.runCollect(bob.stream(feed({ count: 100, fails: false })))
      assert.deepStrictEqual(all, Array.from({ length: 100 }, (_, i) => i))
      assert.deepStrictEqual(notes, ["left"])
      const some = yield* Stream.runCollect(Stream.take(bob.stream(feed({ count: null, fails: false })), 50))
      assert.strictEqual(some.length, 50)
      assert.deepStrictEqual(notes, ["left", "left"])
      const failed = yield* Effect.flip(Stream.runDrain(bob.stream(feed({ count: 50, fails: true }))))
      assert.deepInclude(failed, { _tag: "Refused", why: "the callback failed" })
      // A reader that fails half-way leaves, too.
      const ours = Stream.runForEach(
        bob.stream(feed({ count: null, fails: false })),
        (n) => n === 50 ? Effect.fail("enough" as const) : Effect.void
      )
      assert.strictEqual(yield* Effect.flip(ours), "enough")
      assert.deepStrictEqual(notes, ["left", "left", "left", "left"])
    })))
})

describe("Foreign code takes part in a dialog", () => {
  it.effect("foreign code that fails before its first value fails Portal.open, whose body never runs", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(bob.open(doubles({ fails: "before" }), () => Effect.die("it ran")))
      assert(error._tag === "RemoteActorError")
      assert.deepInclude(error.boxed, { type: "RangeError", message: "not today" })
      assert.deepStrictEqual(notes, ["aborted"])
    })))

  it.effect("a thousand numbers pass through foreign code in order, and the result of the dialog is the foreign code's count of the numbers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const numbers = Array.from({ length: 1000 }, (_, i) => i)
      const [answers, count] = yield* bob.open(
        doubles({ fails: "never" }),
        ({ first, result, stream }) =>
          Effect.gen(function*() {
            assert.strictEqual(first, "ready")
            const reading = yield* Effect.forkChild(Stream.runCollect(stream.toStream))
            yield* stream.sendAll(numbers)
            yield* stream.end
            return [yield* Fiber.join(reading), yield* result] as const
          })
      )
      assert.deepStrictEqual(answers, numbers.map((n) => n * 2))
      assert.strictEqual(count, 1000)
    })))

  it.effect("a dialog with foreign code is cancelled, ends with its actor, and fails like any other dialog", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const outcome = yield* bob.open(
        doubles({ fails: "never" }),
        (dialog) => Effect.andThen(dialog.cancel("no more numbers"), dialog.outcome)
      )
      const cancelled = Option.getOrThrow(Exit.findErrorOption(Option.getOrThrow(outcome)))
      assert(cancelled._tag === "ContextCancelled")
      assert.deepInclude(cancelled, { reason: "no more numbers", acknowledged: true })
      yield* noticed(["aborted"])

      const failed = yield* Effect.flip(
        bob.open(doubles({ fails: "after" }), ({ stream }) => Effect.andThen(stream.send(1), Effect.never))
      )
      assert(failed._tag === "RemoteActorError")
      assert.strictEqual(failed.boxed.message, "no numbers")
      yield* noticed(["aborted", "aborted"])

      const raised = yield* Effect.forkChild(Effect.flip(bob.open(doubles({ fails: "never" }), () => Effect.never)))
      yield* settle
      yield* bob.cancel("closing time")
      const error = yield* Fiber.join(raised)
      assert(error._tag === "ContextCancelled")
      assert.deepInclude(error, { reason: "closing time", ending: true })
      yield* noticed(["aborted", "aborted", "aborted"])
    })))
})
