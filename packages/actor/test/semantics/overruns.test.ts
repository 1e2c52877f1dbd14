/** Slow readers: credit by default, the OVR rules as policies on request (docs/parity.md, section 9). */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { until } from "../support/Time.ts"
import { stay } from "./fixtures/linked.ts"
import { echo, gush, slow, tell } from "./fixtures/talks.ts"

const expose = [echo, gush, slow, tell, stay] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(until(30_000)))

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe("A slow reader of a dialog slows its writer down", () => {
  it.effect("G31: a slow reader slows its writer down, nothing is lost, and nothing fails", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const seen = yield* bob.open(
        slow({ every: 10, window: 4, overflow: "wait" }),
        Effect.fnUntraced(function*({ result, stream }) {
          for (const n of numbers(1, 50)) yield* stream.send(n)
          yield* Journal.say("sent")
          yield* stream.end
          return yield* result
        })
      )
      assert.deepStrictEqual(seen, numbers(1, 50))
      // 50 messages at 10 ms each, less what fits into the window.
      assert.isAtLeast(Number.parseInt(journal[0]!, 10), 400)
    })))

  it.effect("G31: a callee that never reads stops its writer when the window of 1024 items is full, and not before", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      yield* bob.open(stay({}), ({ cancel, stream }) =>
        Effect.gen(function*() {
          for (const n of numbers(1, 65)) yield* stream.send(n)
          let sent = 65
          const writer = yield* Effect.forkChild(Effect.ignore(
            Effect.forever(Effect.tap(stream.send(0), () => Effect.sync(() => void sent++)))
          ))
          yield* Effect.sleep(1000)
          assert.strictEqual(sent, 1024)
          yield* Fiber.interrupt(writer)
          yield* cancel()
        }))
    })))

  it.effect("every message of a dialog arrives in both directions even if the window is set to one item", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        slow({ every: 0, window: 1, overflow: "wait" }),
        ({ result, stream }) => Effect.andThen(stream.sendAll(numbers(1, 40)), Effect.andThen(stream.end, result))
      )
      assert.deepStrictEqual(seen, numbers(1, 40))
      const told = yield* bob.open(
        tell({ count: 40 }),
        ({ stream }) => Stream.runCollect(stream.toStream),
        { window: { items: 1 } }
      )
      assert.deepStrictEqual(told, numbers(1, 40))
      const echoed = yield* bob.open(
        echo(),
        ({ stream }) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(Effect.andThen(stream.sendAll(numbers(1, 40)), stream.end))
            return yield* Stream.runCollect(stream.toStream)
          }),
        { window: { items: 1, bytes: 2 } }
      )
      assert.deepStrictEqual(echoed, numbers(1, 40))
    })))

  it.effect("G17: a cancel reaches the callee although the window is full, and is acknowledged while the writer waits", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(
        gush(),
        ({ cancel }) => Effect.andThen(Effect.sleep(100), cancel()),
        { window: { items: 8 } }
      )
      yield* bob.open(stay({}), ({ cancel, stream }) =>
        Effect.gen(function*() {
          const writer = yield* Effect.forkChild(Effect.exit(stream.sendAll(numbers(1, 5000))))
          yield* Effect.sleep(100)
          yield* cancel("full")
          // Whoever waits for credit hears of it as well.
          const exit = yield* Fiber.join(writer)
          assert(Exit.isFailure(exit))
          assert.instanceOf(Cause.squash(exit.cause), ActorError.ContextCancelled)
        }))
      assert.deepStrictEqual(journal, ["100 stopped after 9", "100 stay starts", "200 stay cancelled by root: full"])
    })))

  it.effect("G30: an error of the callee overtakes unread items", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const error = yield* Effect.flip(bob.open(gush(), ({ stream }) =>
        Effect.andThen(Effect.sleep(100), Effect.andThen(stream.send(3), Effect.never)), { window: { items: 8 } }))
      assert(error._tag === "Told" && error.n === 3)
    })))
})

describe("The policy `overflow: error`", () => {
  it.effect("G34: a slow opener with `overflow: error` fails with a StreamOverrun that names the opener's actor, and the callee is cancelled", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      let interrupted = false
      const error = yield* Effect.flip(bob.open(
        gush(),
        () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true))),
        { window: { items: 4 }, overflow: "error" }
      ))
      assert(error._tag === "StreamOverrun")
      assert.deepStrictEqual([error.actor.name, error.endpoint, interrupted], ["root", "gush", true])
      assert.match(journal.join(), /stopped after/)
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("a slow callee with the policy `error` of overflow dies of StreamOverrun, and its opener gets this error boxed", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(bob.open(
        slow({ every: 1000, window: 4, overflow: "error" }),
        ({ stream }) => Effect.andThen(stream.sendAll(numbers(1, 100)), Effect.never)
      ))
      assert(error._tag === "RemoteActorError")
      assert.deepStrictEqual([error.type, error.origin.name], ["StreamOverrun", "bob"])
    })))

  it.effect("a reader with the policy `error` of overflow that keeps up does not fail", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        tell({ count: 20, every: 10 }),
        ({ stream }) => Stream.runCollect(stream.toStream),
        { window: { items: 2 }, overflow: "error" }
      )
      assert.deepStrictEqual(seen, numbers(1, 20))
    })))
})

describe("The policies drop-oldest and drop-newest drop items for a slow reader", () => {
  it.effect("G34: the policy drop-oldest keeps the newest items in the callee, and drop-newest keeps the oldest items", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const run = (overflow: "drop-oldest" | "drop-newest") =>
        bob.open(
          slow({ pause: 100, every: 0, window: 4, overflow }),
          Effect.fnUntraced(function*({ result, stream }) {
            for (const n of numbers(1, 20)) yield* stream.send(n)
            yield* stream.end
            return yield* result
          })
        )
      assert.deepStrictEqual(yield* run("drop-oldest"), numbers(17, 20))
      assert.deepStrictEqual(yield* run("drop-newest"), numbers(1, 4))
    })))

  it.effect("the policy drop-oldest keeps the newest items in the opener, and drop-newest keeps the oldest items", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const run = (overflow: "drop-oldest" | "drop-newest") =>
        bob.open(
          tell({ count: 20 }),
          ({ stream }) => Effect.andThen(Effect.sleep(100), Stream.runCollect(stream.toStream)),
          { window: { items: 4 }, overflow }
        )
      assert.deepStrictEqual(yield* run("drop-oldest"), numbers(17, 20))
      assert.deepStrictEqual(yield* run("drop-newest"), numbers(1, 4))
    })))

  it.effect("a slow reader that drops items never slows its writer", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(
        slow({ every: 1000, window: 4, overflow: "drop-newest" }),
        Effect.fnUntraced(function*({ cancel, stream }) {
          yield* stream.sendAll(numbers(1, 1000))
          yield* Journal.say("sent")
          yield* cancel()
        })
      )
      assert.deepStrictEqual(journal, ["0 sent"])
    })))

  it.effect("G17: a caller's cancel ends a callee that sends items without end, makes `result` fail with ContextCancelled, and drops unread items", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      for (const overflow of ["wait", "drop-oldest", "drop-newest"] as const) {
        yield* Journal.fresh
        yield* bob.open(
          gush(),
          Effect.fnUntraced(function*({ cancel, result }) {
            yield* Effect.sleep(100)
            yield* cancel("enough")
            const error = yield* Effect.flip(result)
            assert(error._tag === "ContextCancelled" && error.acknowledged && error.by.name === "root")
          }),
          { window: { items: 4 }, overflow }
        )
      }
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))
})
