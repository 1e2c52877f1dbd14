/**
 * Tests fibers of Effect as an observer sees them, and so the parts of Effect that are read although they are not
 * public.
 */
import { assert, describe, it } from "@effect/vitest"
import type { WaitInspection, Works } from "@furrow/actor/Inspect"
import { view } from "@furrow/node/internal/fiberView"
import * as Eventually from "@furrow/testing/Eventually"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(import.meta.url)

const worksOf = (fiber: Fiber.Fiber<unknown, unknown>, holds: Works["holds"] = new Map()): Works => ({
  fibers: new Set([fiber]),
  within: () => null,
  calls: new Map(),
  holds
})

/** Returns the things for which the fibers of an effect wait, except other fibers. */
const waits = (effect: Effect.Effect<unknown, unknown>, expected: ReadonlyArray<WaitInspection["on"]>) =>
  Effect.scoped(Effect.gen(function*() {
    const fiber = yield* Effect.forkScoped(effect, { startImmediately: true })
    yield* Eventually.succeeds(Effect.promise(async () => {
      const leaves = (await view(worksOf(fiber))).filter(({ children }) => children.length === 0)
      assert.deepStrictEqual(leaves.map(({ waits: { on } }) => on).toSorted(), expected)
    }))
  }))

const taken = Effect.gen(function*() {
  const lock = yield* Semaphore.make(1)
  yield* lock.take(1)
  return lock
})

describe("An observer sees the fibers of an actor, with their lines and their waits", () => {
  it.live("G253: a fiber that waits for a semaphore, by permits or as a lock, is shown as waiting for the semaphore", () =>
    Effect.gen(function*() {
      const lock = yield* taken
      yield* waits(lock.take(1), ["Semaphore"])
      yield* waits(lock.withPermits(1)(Effect.void), ["Semaphore"])
    }))

  it.live("G253: a fiber that sleeps, or waits for a value, a queue or something outside of Effect, is shown with its kind of wait", () =>
    Effect.gen(function*() {
      yield* waits(Effect.sleep("1 hour"), ["Timer"])
      yield* waits(Deferred.await(Deferred.makeUnsafe()), ["Deferred"])
      yield* waits(Effect.flatMap(Queue.unbounded<number>(), Queue.take), ["Queue"])
      yield* waits(Effect.promise(() => new Promise(() => {})), ["Unknown"])
      yield* waits(Effect.never, ["Unknown"])
    }))

  it.live("G253: a fiber that holds a lock is not shown as waiting for that lock", () =>
    Effect.gen(function*() {
      const lock = yield* Semaphore.make(1)
      yield* waits(lock.withPermits(1)(Effect.never), ["Unknown"])
      yield* waits(lock.withPermits(1)(Effect.sleep("1 hour")), ["Timer"])
      // The finalizer of this wait knows the lock, and the wait is for something else.
      yield* waits(lock.withPermits(1)(Effect.callback(() => Effect.sync(() => void lock))), ["Unknown"])
    }))

  it.live("G253: a fiber that waits for other fibers, as in a race, a timeout or a join, is shown with the waits of these fibers", () =>
    Effect.gen(function*() {
      const lock = yield* taken
      yield* waits(Effect.timeout(lock.take(1), "1 hour"), ["Semaphore", "Timer"])
      yield* waits(Effect.raceFirst(lock.take(1), Effect.never), ["Semaphore", "Unknown"])
      yield* waits(Effect.all([lock.take(1), lock.take(1)], { concurrency: 2 }), ["Semaphore", "Semaphore"])
      yield* waits(Effect.flatMap(Effect.forkChild(Effect.sleep("1 hour")), Fiber.join), ["Timer"])
      // A fiber in the Scope of the work also belongs to it.
      yield* waits(
        Effect.scoped(Effect.andThen(Effect.forkScoped(Effect.sleep("1 hour")), lock.take(1))),
        ["Semaphore", "Timer"]
      )
    }))

  it.live("G253: a fiber that waits in an operation of its actor, such as a read of a dialog, is shown with that wait", () =>
    Effect.scoped(Effect.gen(function*() {
      const first = Deferred.makeUnsafe<void>()
      const fiber = yield* Effect.forkScoped(Deferred.await(first), { startImmediately: true })
      const held: WaitInspection = { on: "Read", dialog: { peer: "p", id: 7, side: "caller" } }
      const [seen] = yield* Effect.promise(() => view(worksOf(fiber, new Map([[first, held]]))))
      assert.deepStrictEqual(seen?.waits, held)
    })))

  it.live("G253: a fiber is shown with the source lines of its generators, the innermost generator first", () =>
    Effect.scoped(Effect.gen(function*() {
      const inner = Effect.gen(function*() {
        yield* Effect.never
      })
      const fiber = yield* Effect.forkScoped(
        Effect.gen(function*() {
          yield* inner
        }),
        { startImmediately: true }
      )
      const [seen] = yield* Effect.promise(() => view(worksOf(fiber)))
      const [first, second] = seen!.frames
      // The tests run on transformed code with other line numbers, which are in the same order.
      assert.deepStrictEqual([first?.file, second?.file], [here, here])
      assert.isBelow(first!.line, second!.line)
    })))

  it.live("G253: a fiber whose internals are unknown is shown without lines and with an unknown wait", () =>
    Effect.scoped(Effect.gen(function*() {
      const fiber = yield* Effect.forkScoped(Effect.sleep("1 hour"), { startImmediately: true })
      const strange = Object.create(fiber, { _stack: { value: undefined } }) as Fiber.Fiber<unknown, unknown>
      const [seen] = yield* Effect.promise(() => view(worksOf(strange)))
      assert.deepStrictEqual([seen!.frames, seen!.waits.on, seen!.scoped], [[], "Unknown", true])
    })))
})
