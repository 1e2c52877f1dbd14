/** Dialogs (docs/parity.md, section 6). */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Dialog } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { until } from "../support/Time.ts"
import { fall, greet, introspect, stay } from "./fixtures/linked.ts"
import { forgets, twice, waits } from "./fixtures/misuse.ts"
import { echo, flash, pingPong, tell } from "./fixtures/talks.ts"

const expose = [stay, greet, fall, introspect, echo, flash, pingPong, tell, twice, forgets, waits] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(until(30_000)))

describe("A dialog begins with a first value of its callee", () => {
  it.effect("G40: Portal.open waits for the first value of the dialog, and passes this value to the body", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(
        stay({ before: 500 }),
        (dialog) => Effect.andThen(Journal.say(`first ${dialog.first}`), dialog.cancel())
      )
      assert.deepStrictEqual(journal.slice(0, 2), ["0 stay starts", "500 first 11"])
    })))

  it.effect("G40: a callee that sends the first value twice fails with a defect that names the second call", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(bob.open(twice(), () => Effect.never))
      assert(error._tag === "RemoteActorError")
      assert.match(error.boxed.message, /started was called twice in twice/)
    })))

  it.effect("G40: a dialog handler that ends without a first value fails, so that its caller does not wait", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(bob.open(forgets(), () => Effect.never))
      assert(error._tag === "RemoteActorError")
      assert.match(error.boxed.message, /ended without calling started/)
    })))

  it.effect("G44: a dialog's body gets the first value, the result and the current dialog, and the callee's cleanup has run afterwards", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      assert.isTrue(Option.isNone(yield* Dialog.current))
      const result = yield* bob.open(
        greet({}),
        Effect.fnUntraced(function*(dialog) {
          assert.strictEqual(dialog.first, 11)
          const current = Option.getOrThrow(yield* Dialog.current)
          assert.deepStrictEqual([current.side, current.endpoint, current.peer.name], ["caller", "greet", "bob"])
          const nested = yield* bob.open(
            introspect({ hops: 0 }),
            (inner) => Effect.map(Dialog.current, (it) => [Option.getOrThrow(it).endpoint, inner.first] as const)
          )
          assert.deepStrictEqual(nested, ["introspect", { side: "callee", endpoint: "introspect", peer: "root" }])
          assert.strictEqual(Option.getOrThrow(yield* Dialog.current).endpoint, "greet")
          return yield* dialog.result
        })
      )
      assert.strictEqual(result, "yo")
      assert.isTrue(Option.isNone(yield* Dialog.current))
      assert.include(journal, "0 greet done")
    })))
})

describe("A dialog ends after its body has ended", () => {
  it.effect("G41: a body that returns waits for the callee of its dialog, and fails with the callee's failure", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      assert.strictEqual(yield* bob.open(greet({ after: 700 }), () => Effect.succeed("mine")), "mine")
      yield* Journal.say("left")
      assert.deepStrictEqual(journal, ["0 greet starts", "700 greet done", "700 left"])
      const error = yield* Effect.flip(bob.open(fall({ when: "after", how: "typed" }), () => Effect.succeed("mine")))
      assert.strictEqual(error._tag, "Refused")
    })))

  it.effect("G41: unread items of a dialog are dropped when its body returns, whatever their number", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      assert.strictEqual(yield* bob.open(tell({ count: 5000 }), () => Effect.succeed("mine")), "mine")
      assert.strictEqual(
        yield* bob.open(tell({ count: 5000 }), (dialog) =>
          dialog.stream.close.pipe(
            Effect.andThen(dialog.result)
          )),
        "done"
      )
    })))

  it.effect("G43: the result of a dialog can be read repeatedly, in its body and afterwards, and a read of its `outcome` never waits", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const dialog = yield* bob.open(
        greet({ after: 100 }),
        Effect.fnUntraced(function*(dialog) {
          assert.isTrue(Option.isNone(yield* dialog.outcome))
          assert.deepStrictEqual(yield* dialog.state, { state: "open", cancelCalled: false, cancelAcknowledged: false })
          assert.deepStrictEqual([yield* dialog.result, yield* dialog.result], ["yo", "yo"])
          return dialog
        })
      )
      assert.strictEqual(yield* dialog.result, "yo")
      assert.deepStrictEqual(yield* dialog.outcome, Option.some(Exit.succeed("yo")))
      assert.strictEqual((yield* dialog.state).state, "returned")
      const closed = yield* Effect.flip(dialog.stream.send(1))
      assert(closed._tag === "ChannelClosed" && closed.side === "peer")
      assert.match(closed.message, /^bob@\d+ has ended the dialog greet: it reads no more$/)
    })))

  it.effect("dialog.state shows a cancel first as called, and as acknowledged after the callee's finalizers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      yield* bob.open(
        stay({ cleanup: 100 }),
        Effect.fnUntraced(function*(dialog) {
          const cancel = yield* Effect.forkChild(dialog.cancel())
          yield* Effect.sleep(50)
          assert.deepStrictEqual(yield* dialog.state, {
            state: "cancelling",
            cancelCalled: true,
            cancelAcknowledged: false
          })
          yield* Fiber.join(cancel)
          assert.strictEqual((yield* dialog.state).state, "cancelled")
        })
      )
    })))

  it.effect("a dialog whose stream is never used works like any other dialog", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(stay({ cleanup: 100 }), (dialog) => dialog.cancel("unused"))
      assert.deepStrictEqual(journal.slice(1), ["0 stay cancelled by root: unused", "100 stay finalized"])
      assert.strictEqual(yield* bob.open(flash(), () => Effect.succeed(1)), 1)
    })))

  it.effect("G45: the end and the cancel of a dialog leave the connection and the actor untouched", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      yield* bob.open(stay({}), (dialog) => dialog.cancel())
      yield* Effect.flip(bob.open(fall({ when: "before", how: "defect" }), () => Effect.never))
      yield* Effect.timeoutOption(bob.open(stay({}), () => Effect.never), 100)
      assert.strictEqual(yield* bob.open(greet({}), (dialog) => dialog.result), "yo")
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("a callee that is cancelled and still returns a value counts as cancelled, and its value is lost", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(
        waits(),
        Effect.fnUntraced(function*(dialog) {
          yield* dialog.cancel()
          yield* Journal.say("cancel returns")
          const error = yield* Effect.flip(dialog.result)
          assert(error._tag === "ContextCancelled" && error.acknowledged)
        })
      )
      assert.deepStrictEqual(journal, ["100 cancel returns"])
    })))
})

describe("One portal carries several dialogs", () => {
  it.effect("G44: any number of dialogs on one portal, nested or in parallel, each get their own answer", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const answers = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        (i) =>
          bob.open(echo(), (dialog) =>
            Effect.gen(function*() {
              yield* dialog.stream.sendAll([i, i + 1])
              const both = [yield* dialog.stream.receive, yield* dialog.stream.receive]
              yield* dialog.stream.end
              return [...both, yield* dialog.result]
            })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers, Array.from({ length: 50 }, (_, i) => [i, i + 1, 2]))
    })))

  it.effect("G46: when another fiber cancels a dialog, the waiting body ends, and Portal.open fails with a cancel whose author is the caller's actor", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      let dialog: any
      const fiber = yield* Effect.forkChild(Effect.exit(bob.open(stay({}), (it) => {
        dialog = it
        return Effect.never
      })))
      yield* Effect.sleep(100)
      yield* dialog.cancel("from outside") as Effect.Effect<void>
      yield* bob.cancel()
      const exit = yield* Fiber.join(fiber)
      assert(Exit.isFailure(exit))
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, ActorError.ContextCancelled)
      assert.deepStrictEqual([error.by.name, error.reason, error.acknowledged], ["root", "from outside", true])
      const result = yield* Effect.flip(dialog.result as Effect.Effect<string, ActorError.ContextCancelled>)
      assert.deepStrictEqual([result.by.name, result.reason], ["root", "from outside"])
    })))

  it.effect("a dialog fails with a cancel whose author is the root when another fiber of the root cancels the whole actor", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.flip(bob.open(stay({}), () => Effect.never)))
      yield* Effect.sleep(100)
      yield* bob.cancel()
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "ContextCancelled")
      assert.strictEqual(error.by.name, "root")
    })))

  it.effect("G47: a dialog from Portal.openScoped lives as long as its Scope, and a failure of the callee fails its next use but interrupts no fiber", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* Effect.scoped(Effect.gen(function*() {
        const dialog = yield* bob.openScoped(stay({}))
        assert.strictEqual(dialog.first, 11)
        yield* Effect.sleep(100)
      }))
      assert.deepStrictEqual(journal, ["0 stay starts", "100 stay cancelled by root: interrupted"])
      yield* Effect.scoped(Effect.gen(function*() {
        const dialog = yield* bob.openScoped(fall({ when: "after", how: "typed" }))
        yield* Effect.sleep(1000)
        const error = yield* Effect.flip(dialog.result)
        assert.strictEqual(error._tag, "Refused")
        assert.strictEqual(yield* Effect.flip(dialog.stream.receive), error)
      }))
    })))
})

describe("Two actors play ping-pong in a dialog", () => {
  it.effect("a ping-pong dialog runs with the Effect `receive` or a Stream at either side, ten times each", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      for (const style of ["receive", "stream"] as const) {
        for (const ours of ["receive", "stream"] as const) {
          const count = yield* bob.open(
            pingPong({ style }),
            Effect.fnUntraced(function*({ first, result, stream }) {
              assert.strictEqual(first, 11)
              if (ours === "receive") {
                for (let i = 0; i < 10; i++) {
                  yield* stream.send("ping")
                  assert.strictEqual(yield* stream.receive, "pong")
                }
              } else {
                let count = 0
                yield* stream.send("ping")
                yield* Stream.runForEachWhile(
                  stream.toStream,
                  () => ++count === 10 ? Effect.succeed(false) : Effect.as(stream.send("ping"), true)
                )
              }
              yield* stream.end
              return yield* result
            })
          )
          assert.strictEqual(count, 10, `${style} and ${ours}`)
        }
      }
    })))
})

describe("Deadlines of dialogs", () => {
  it.effect("G21: a deadline crosses dialogs of three actors, less the time that was used on the way", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const at = yield* Actor.timeout("1 second")(bob.open(introspect({ hops: 2 }), (dialog) => dialog.result))
      // Test actors share the clock: the same moment is known everywhere.
      assert.strictEqual(at, 1000)
      assert.strictEqual(yield* bob.open(introspect({ hops: 2 }), (dialog) => dialog.result), -1)
    })))

  it.effect("a deadline over a dialog that opens further dialogs cancels all of them, the innermost first, and fails with TimeoutError", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const late = yield* Effect.flip(
        Actor.timeout("150 millis")(
          bob.open(introspect({ hops: 3 }), (dialog) => dialog.result)
        )
      )
      assert.strictEqual(late._tag, "TimeoutError")
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))
})
