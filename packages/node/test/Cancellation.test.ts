import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isPrime } from "./fixtures/arithmetic.ts"
import { delegate, hold, remaining, remainingInside, stored, storedAgain, ticks } from "./fixtures/evidence.ts"
import { evidence, timed, withActors } from "./support.ts"

/** The file is read once, on purpose: a caller that goes on before the finalizer has run would see too few lines. */
const lines = Folder.lines

const runs = (file: string, label: string) =>
  Eventually.holds(`${label} runs`, () => lines(file).includes(`${label} runs`))

describe("The interruption of a call interrupts the call's work in the actor", () => {
  it.live("G11: interrupting a call waits for the finalizer in the callee's process, which can read the author and the reason of the cancel", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const portal = yield* Actor.start("worker", { expose: [hold, isPrime] })
        const call = yield* Effect.forkChild(portal.run(hold({ file, label: "call", millis: 300 })))
        yield* runs(file, "call")
        const [, millis] = yield* timed(Fiber.interrupt(call))
        assert.deepStrictEqual(lines(file), ["call runs", "call ended by root: interrupted"])
        assert.isAtLeast(millis, 300)
        // The actor itself goes on.
        assert.strictEqual(yield* portal.run(isPrime({ n: 7 })), true)
      }))
    })))

  it.live("interrupting a call in an actor of its own waits for the call's finalizer and for the end of the actor's process", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const call = yield* Effect.forkChild(Actor.runInActor(hold({ file, label: "own", millis: 300 })))
      yield* runs(file, "own")
      const [actor] = Processes.titled("furrow[hold@")
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(lines(file), ["own runs", "own ended by root: interrupted"])
      assert.isFalse(Processes.isAlive(actor!.pid))
    })))

  it.live("interrupting a call through two actors reaches the last actor with the name of the first caller, and the finalizers run in order", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const call = yield* Effect.forkChild(Actor.runInActor(delegate({ file, label: "outer", millis: 200 })))
      yield* runs(file, "outer/inner")
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(lines(file), [
        "outer/inner runs",
        "outer/inner ended by root: interrupted",
        "outer ended by root: interrupted"
      ])
    })))

  it.live("interrupting a call to an actor by a timeout is bounded, and fails with the timeout's error", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const portal = yield* Actor.start("late", { expose: [hold] })
        const [exit, millis] = yield* timed(
          Effect.exit(Effect.timeout(portal.run(hold({ file, label: "late", millis: 100 })), "1 second"))
        )
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) assert.isTrue(Cause.isTimeoutError(Cause.squash(exit.cause)))
        assert.deepStrictEqual(lines(file), ["late runs", "late ended by root: interrupted"])
        assert.isBelow(millis, 5000)
      }))
      // A call of an actor that is still starting is interrupted as well.
      const error = yield* Effect.flip(Effect.timeout(Actor.runInActor(isPrime({ n: 7 })), "100 millis"))
      assert.isTrue(Cause.isTimeoutError(error))
    })))

  it.live("an actor that a call reaches through another actor learns how much time the deadline of the call leaves", () =>
    withActors(Effect.gen(function*() {
      assert.strictEqual(yield* Actor.runInActor(remaining()), null)
      const left = yield* Actor.timeout("20 seconds")(Actor.runInActor(remainingInside()))
      assert.isAtMost(left!, 20_000)
      assert.isAtLeast(left!, 1_000)
    })))

  it.live("interrupting or leaving a stream of an actor waits for the finalizer of the stream's producer", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const portal = yield* Actor.start("ticker", { expose: [ticks] })
        const few = yield* portal.stream(ticks({ file, label: "left early", millis: 200 })).pipe(
          Stream.take(2500),
          Stream.runCount
        )
        assert.strictEqual(few, 2500)
        assert.deepStrictEqual(lines(file), ["left early ended by root: interrupted"])
      }))
      let seen = 0
      const own = yield* Actor.streamInActor(ticks({ file, label: "interrupted", millis: 200 })).pipe(
        Stream.runForEach(() => Effect.sync(() => seen++)),
        Effect.forkChild
      )
      yield* Eventually.holds("it streams", () => seen > 0)
      yield* Fiber.interrupt(own)
      assert.strictEqual(lines(file)[1], "interrupted ended by root: stream closed")
    })))
})

describe("The cancel of an actor ends all work of the actor", () => {
  it.live("cancelling an actor interrupts all its work with the reason of the cancel, closes its resources, and fails its callers", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", {
          expose: [hold, stored, storedAgain],
          env: { set: { EVIDENCE: file } }
        })
        // One layer that two endpoints use is built once.
        assert.deepStrictEqual([yield* frank.run(stored()), yield* frank.run(storedAgain())], [file, file])
        const call = yield* Effect.forkChild(Effect.flip(frank.run(hold({ file, label: "call", millis: 100 }))))
        yield* runs(file, "call")
        yield* frank.cancel("done for today")
        assert.deepStrictEqual(lines(file), [
          "store opened",
          "call runs",
          "call ended by root: done for today",
          "store closed"
        ])
        assert.isFalse(Processes.isAlive(frank.actor.pid))
        const error = yield* Fiber.join(call)
        assert.deepInclude(error, { _tag: "ContextCancelled", reason: "done for today", acknowledged: true })
        assert.deepInclude(yield* frank.wait, { _tag: "Cancelled", reason: "done for today", cleanup: [] })
        yield* frank.cancel("again")
      }))
    })))

  it.live("an actor that is cancelled at the end of its nursery learns that the nursery is done", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const daemon = yield* Actor.start("daemon", { expose: [hold] })
        yield* Effect.forkDetach(Effect.exit(daemon.run(hold({ file, label: "daemon", millis: 100 }))))
        yield* runs(file, "daemon")
      }))
      assert.deepStrictEqual(lines(file), ["daemon runs", "daemon ended by root: nursery done"])
    })))

  it.live("cancelling the eight actors of a failed nursery ends them in parallel, not one after the other", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const labels = Array.from({ length: 8 }, (_, i) => `actor ${i}`)
      const ending = yield* Actor.nursery(Effect.gen(function*() {
        yield* Effect.forEach(
          labels,
          (label) => Actor.forkInActor(hold({ file, label, millis: 1500 })),
          { concurrency: 8, discard: true }
        )
        yield* Eventually.holds("all of them run", () => lines(file).length === 8)
        return yield* Effect.fail(performance.now())
      })).pipe(Effect.flip)
      assert.isNumber(ending)
      const millis = performance.now() - (ending as number)
      assert.isAtLeast(millis, 1500)
      assert.isBelow(millis, 6000)
      assert.deepStrictEqual(
        lines(file).filter((line) => line.endsWith("ended by root: nursery failed")).length,
        8
      )
    })))

  it.live("cancelling an actor does not affect its siblings", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const [one, two] = yield* Effect.all([
          Actor.start("one", { expose: [isPrime] }),
          Actor.start("two", { expose: [isPrime, hold] })
        ], { concurrency: 2 })
        const call = yield* Effect.forkChild(two.run(hold({ file, label: "two", millis: 0 })))
        yield* runs(file, "two")
        yield* one.cancel("only this one")
        assert.isTrue(Option.isNone(Option.fromUndefinedOr(call.pollUnsafe())))
        assert.strictEqual(yield* two.run(isPrime({ n: 7 })), true)
        yield* Fiber.interrupt(call)
      }))
    })))
})
