import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { stuckForEver, work } from "./fixtures/cancelling.ts"
import { failsWhenCancelled, idle } from "./fixtures/failing.ts"
import { hang, isPrime } from "./fixtures/prime.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const failOf = <E>(exit: Exit.Exit<unknown, E>): E => {
  assert(Exit.isFailure(exit))
  assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Fail"])
  return (exit.cause.reasons[0] as Cause.Fail<E>).error
}

describe("A lost actor fails its nursery and the open calls to it", () => {
  it.effect("G53: a loss of an actor interrupts the body of its nursery, which fails with ActorLost, the exit code and the last lines of stderr", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        yield* Actor.start("frank", { expose: [isPrime] })
        const other = yield* Actor.start("other", { expose: [idle] })
        yield* Effect.forkDetach(Effect.ignore(other.run(idle({ name: "other", cleanup: 100 }))))
        yield* Journal.finalized("body", 0, Effect.never)
      }))))
      yield* pass(1000)
      theatre.puppet("frank").die({ code: 3 }, ["out of cheese", "giving up"])
      yield* pass(500)
      const error = failOf(yield* Fiber.join(fiber))
      assert.instanceOf(error, ActorError.ActorLost)
      assert.strictEqual(error.actor.name, "frank")
      assert.deepStrictEqual(error.how, { _tag: "Exited", code: 3 })
      assert.deepStrictEqual(error.stderr, ["out of cheese", "giving up"])
      assert.strictEqual(
        error.message,
        "frank@1 is lost: its process exited with code 3\n" +
          "its last lines on stderr:\n  | out of cheese\n  | giving up"
      )
      assert.deepStrictEqual(journal.slice(2), [
        "1000 body cancelled by nobody",
        "1000 other cancelled by root: nursery failed",
        "1100 other finalized"
      ])
      assert.deepStrictEqual(theatre.living(), [])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G7: a lost actor fails every open call and stream to it with the same ActorLost", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const scoped = Effect.scoped(Effect.gen(function*() {
        const frank = yield* Actor.startScoped("frank", { expose: [hang, isPrime] })
        const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.flip(frank.run(hang()))))
        yield* settle
        theatre.puppet("frank").die({ signal: "SIGKILL" })
        const errors = yield* Effect.forEach(calls, (call) => Fiber.join(call))
        for (const error of errors) {
          assert.instanceOf(error, ActorError.ActorLost)
          assert.deepStrictEqual(error.how, { _tag: "Signalled", signal: "SIGKILL" })
        }
        const later = yield* Effect.flip(frank.run(isPrime({ n: 7 })))
        assert(later._tag === "ActorLost")
        assert.deepStrictEqual([later.how, later.began], [{ _tag: "Signalled", signal: "SIGKILL" }, "no"])
        assert.deepStrictEqual(yield* frank.wait, { _tag: "Lost", error: errors[0]!, cleanup: [] })
      }))
      yield* scoped
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("the loss of the connection to an actor whose process stays is reported after 100 ms, and the process is ended", () => {
    const theatre = Puppets.make({ stubborn: ["frank"] })
    return Effect.gen(function*() {
      yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [stuckForEver] })
        yield* frank.run(stuckForEver())
      }))))
      yield* settle
      theatre.puppet("frank").unplug()
      yield* pass(50)
      assert.deepStrictEqual(theatre.puppet("frank").signals, [])
      yield* pass(100)
      assert.deepStrictEqual(theatre.puppet("frank").signals, ["SIGTERM"])
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1000)
      const error = failOf(yield* Fiber.join(fiber))
      assert.instanceOf(error, ActorError.ActorLost)
      assert.deepStrictEqual(error.how, { _tag: "ConnectionClosed" })
      assert.deepStrictEqual(theatre.puppet("frank").signals, ["SIGTERM", "SIGKILL"])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("an actor that exits with code 0 without being asked counts as lost", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.runInActor(hang())))
      yield* settle
      theatre.puppet("hang").die({ code: 0 })
      yield* pass(500)
      const error = failOf(yield* Fiber.join(fiber))
      assert.instanceOf(error, ActorError.ActorLost)
      assert.deepStrictEqual(error.how, { _tag: "Exited", code: 0 })
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G27: an uncaught error reaches the parent of its actor boxed, and the actor's finalizers run", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [work] })
        yield* frank.run(work({ cleanup: 200 }))
      }))))
      yield* settle
      theatre.puppet("frank").uncaught(new TypeError("x is not a function", { cause: "typo" }))
      yield* pass(1000)
      const error = failOf(yield* Fiber.join(fiber))
      assert.deepStrictEqual(journal, [
        "0 work starts",
        "0 work cancelled by frank: uncaught TypeError: x is not a function",
        "200 work finalized"
      ])
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.origin.name, "frank")
      assert.strictEqual(error.boxed.message, "x is not a function")
      assert.strictEqual(error.boxed.cause?.message, "typo")
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("an uncaught error of an actor without an open call fails its nursery with the error itself", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        yield* Actor.start("frank", { expose: [work] })
        yield* Effect.never
      }))))
      yield* settle
      theatre.puppet("frank").uncaught(new TypeError("x is not a function", { cause: "typo" }))
      yield* pass(1000)
      const error = failOf(yield* Fiber.join(fiber))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.type, "TypeError")
      assert.strictEqual(error.boxed.cause?.message, "typo")
      assert.match(error.message, /^TypeError in frank@\d+: x is not a function$/)
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("the error of a call whose caller is gone is dropped, and affects no other call", () => {
    const theatre = Puppets.make({ stubborn: ["frank"] })
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [failsWhenCancelled] })
        yield* frank.run(failsWhenCancelled({ name: "frank" }))
      }))))
      yield* settle
      theatre.puppet("frank").unplug()
      yield* settle
      // It ended in order, as an actor whose parent is gone.
      assert.deepStrictEqual(theatre.living(), [])
      const error = failOf(yield* Fiber.join(fiber))
      assert.instanceOf(error, ActorError.ActorLost)
      assert.deepStrictEqual(error.how, { _tag: "Exited", code: 1 })
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G20: work for a lost caller is interrupted with the reason caller-lost, and the actor ends by itself", () => {
    const theatre = Puppets.make({ stubborn: ["frank"] })
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [work] })
        yield* frank.run(work({ cleanup: 300 }))
      }))))
      yield* settle
      theatre.puppet("frank").unplug()
      yield* pass(250)
      assert.deepStrictEqual(theatre.living().length, 1)
      yield* pass(100)
      assert(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(journal, ["0 work starts", "0 work cancelled by frank: caller-lost", "300 work finalized"])
      assert.deepStrictEqual(theatre.living(), [])
      assert.deepStrictEqual(theatre.puppet("frank").signals, ["SIGTERM"])
    }).pipe(drained, Effect.provide(theatre.layer))
  })
})
