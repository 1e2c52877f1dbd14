import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { chat, flood, Kicked, park } from "./fixtures/chat.ts"

const withActor = <A, E, R>(
  body: (portal: Actor.Portal<typeof chat | typeof park | typeof flood>) => Effect.Effect<A, E, R>
) =>
  Actor.nursery(Effect.flatMap(Actor.start("bob", { expose: [chat, park, flood] }), body)).pipe(
    Effect.provide(MemoryActor.layer)
  )

describe("A dialog ends together with its body and its callee", () => {
  it.effect("a dialog gives a first value, sends items in both directions, and ends once with a result", () =>
    withActor(Effect.fnUntraced(function*(bob) {
      const result = yield* bob.open(
        chat({ room: "abc" }),
        Effect.fnUntraced(function*(dialog) {
          assert.strictEqual(dialog.first.members, 3)
          yield* dialog.stream.send({ _tag: "Ping" })
          assert.strictEqual((yield* dialog.stream.receive).text, "pong")
          yield* dialog.stream.send({ _tag: "Say", text: "hi" })
          assert.strictEqual((yield* dialog.stream.receive).text, "HI")
          yield* dialog.stream.end
          return yield* dialog.result
        })
      )
      assert.strictEqual(result, 2)
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("a failing callee of a dialog interrupts the body, and the dialog fails with the callee's error", () =>
    withActor(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(bob.open(
        chat({ room: "a" }),
        Effect.fnUntraced(function*(dialog) {
          yield* dialog.stream.send({ _tag: "Say", text: "rude" })
          return yield* Effect.never
        })
      ))
      assert.instanceOf(error, Kicked)
    })))

  it.effect("a cancel by the body of a dialog does not fail the body, and is the outcome of the dialog", () =>
    withActor(Effect.fnUntraced(function*(bob) {
      const state = yield* bob.open(
        park(),
        Effect.fnUntraced(function*(dialog) {
          yield* dialog.cancel("enough")
          const error = yield* Effect.flip(dialog.result)
          assert.instanceOf(error, ActorError.ContextCancelled)
          const outcome = yield* dialog.outcome
          assert.isTrue(outcome._tag === "Some" && Exit.isFailure(outcome.value))
          return yield* dialog.state
        })
      )
      assert.deepStrictEqual(state, { state: "cancelled", cancelCalled: true, cancelAcknowledged: true })
    })))

  it.effect("an interrupted body of a dialog cancels the callee", () =>
    withActor(Effect.fnUntraced(function*(bob) {
      const fiber = yield* Effect.forkChild(bob.open(park(), () => Effect.never), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("a dialog drops unread items when its body returns early", () =>
    withActor(Effect.fnUntraced(function*(bob) {
      assert.strictEqual(
        yield* bob.open(flood({ items: 5000 }), (dialog) => Effect.map(dialog.stream.receive, (n) => n)),
        1
      )
      const all = yield* bob.open(flood({ items: 5000 }), (dialog) =>
        Stream.runCount(dialog.stream.toStream).pipe(
          Effect.zip(dialog.result)
        ))
      assert.deepStrictEqual(all, [5000, 5000])
      void Cause
    })))

  it.effect("a dialog gives every subscriber every item", () =>
    withActor(Effect.fnUntraced(function*(bob) {
      const counts = yield* bob.open(flood({ items: 1000 }), (dialog) =>
        Effect.scoped(Effect.gen(function*() {
          const streams = yield* Effect.all(Array.from({ length: 5 }, () => dialog.stream.subscribe()))
          return yield* Effect.all(streams.map(Stream.runCount), { concurrency: "unbounded" })
        })))
      assert.deepStrictEqual(counts, [1000, 1000, 1000, 1000, 1000])
    })))
})
