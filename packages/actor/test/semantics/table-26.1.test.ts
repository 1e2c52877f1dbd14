/** The table of cancellation of docs/semantics.md: the view of each side when a dialog is cancelled or fails. */
import { assert, describe, it } from "@effect/vitest"
import type { Dialog } from "@furrow/actor"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import * as Puppets from "../support/Puppets.ts"
import { drained, pass, until } from "../support/Time.ts"
import { betray, failsSlowly, fall, greet, lie, masks, quit, Refused, stay, stuck } from "./fixtures/linked.ts"
import { canceller, dismiss, empower, Sleeper, watch, Watcher } from "./fixtures/services.ts"

const expose = [stay, greet, quit, fall, lie, masks, failsSlowly, stuck, betray] as const
type Portal = Actor.Portal<typeof expose[number]>

/** A body with an actor named bob. */
const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(until(30_000)))

const cancelled = (error: unknown): ActorError.ContextCancelled => {
  assert.instanceOf(error, ActorError.ContextCancelled)
  return error as ActorError.ContextCancelled
}

const state = (cancelCalled: boolean, cancelAcknowledged: boolean, name: Dialog.DialogState["state"]) => ({
  state: name,
  cancelCalled,
  cancelAcknowledged
})

describe("A dialog that its opener cancels ends without an error of Portal.open unless the body fails", () => {
  it.effect("G15, 26.1 row 1 of docs/semantics.md: a dialog that its body cancels fails Portal.open with no error, and `result`, `outcome` and `state` show the cancel", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const value = yield* bob.open(
        stay({ cleanup: 200 }),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.sleep(100)
          yield* dialog.cancel("enough")
          yield* Journal.say("cancel returns")
          const error = cancelled(yield* Effect.flip(dialog.result))
          assert.deepStrictEqual([error.by.name, error.actor.name, error.reason], ["root", "bob", "enough"])
          assert.isTrue(error.acknowledged)
          const outcome = Option.getOrThrow(yield* dialog.outcome)
          assert.isTrue(Exit.isFailure(outcome) && Cause.squash(outcome.cause) === error)
          assert.deepStrictEqual(yield* dialog.state, state(true, true, "cancelled"))
          return "the body goes on"
        })
      )
      assert.strictEqual(value, "the body goes on")
      assert.deepStrictEqual(journal, [
        "0 stay starts",
        "100 stay cancelled by root: enough",
        "300 stay finalized",
        "300 cancel returns"
      ])
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("G16, 26.1 row 1 of docs/semantics.md: of two cancels, one after the other or from two fibers at the same time, the first reason counts", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(
        stay({ cleanup: 100 }),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.all([dialog.cancel("first"), dialog.cancel("second")], { concurrency: "unbounded" })
          yield* dialog.cancel("third")
          assert.strictEqual(cancelled(yield* Effect.flip(dialog.result)).reason, "first")
          assert.deepStrictEqual(yield* dialog.state, state(true, true, "cancelled"))
        })
      )
      assert.deepStrictEqual(journal.slice(1), ["0 stay cancelled by root: first", "100 stay finalized"])
    })))

  it.effect("26.1 row 1 of docs/semantics.md: a cancel before, during or after the use of a dialog's stream has the same result", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      for (const when of ["before", "while", "after"]) {
        yield* bob.open(
          stay({}),
          Effect.fnUntraced(function*(dialog) {
            if (when !== "before") yield* dialog.stream.send(1)
            if (when === "after") yield* dialog.stream.close
            yield* dialog.cancel()
            const { by } = cancelled(yield* Effect.flip(dialog.result))
            assert.strictEqual(by.name, "root")
            for (const use of [dialog.stream.send(2), dialog.stream.receive]) {
              const error = yield* Effect.flip(use)
              if (when === "after" && Cause.isDone(error)) continue
              assert.strictEqual(cancelled(error).by.name, "root", `${when}: ${String(error)}`)
            }
          })
        )
      }
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("26.1 row 1 of docs/semantics.md: a fiber of the body that cancels the dialog fails the body's `receive`, and a body that catches the error continues", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const value = yield* bob.open(
        stay({}),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(100), dialog.cancel("by a fiber")))
          return yield* dialog.stream.receive.pipe(
            Effect.catchTag("ContextCancelled", ({ reason }) => Effect.succeed(reason)),
            Effect.orDie
          )
        })
      )
      assert.strictEqual(value, "by a fiber")
      const error = yield* Effect.flip(bob.open(
        stay({}),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(100), dialog.cancel("by a fiber")))
          return yield* dialog.stream.receive
        })
      ))
      assert.strictEqual(cancelled(error).by.name, "root")
    })))

  it.effect("G12, 26.1 row 1 of docs/semantics.md: a callee that never ends delays the author of its cancel no longer than the bound of a cancel", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const error = yield* Effect.flip(bob.open(
        stuck(),
        Effect.fnUntraced(function*(dialog) {
          yield* dialog.cancel("now")
          yield* Journal.say("cancel returns")
          return yield* dialog.result
        })
      ))
      assert.deepStrictEqual([cancelled(error).reason, cancelled(error).acknowledged], ["now", false])
      // Nothing is absorbed that was not acknowledged: whoever leaves is told that somebody may still be at work there.
      const left = yield* Effect.flip(bob.open(stuck(), (dialog) => dialog.cancel("now")))
      assert.isFalse(cancelled(left).acknowledged)
      yield* Journal.say("left")
      assert.deepStrictEqual(journal, ["5000 cancel returns", "10000 left"])
      assert.strictEqual((yield* bob.statistics).channel.stuck, 2)
    })))

  it.effect("G18, 26.1 row 2 of docs/semantics.md: a cancel after the callee has returned changes nothing", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const result = yield* bob.open(
        greet({}),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.sleep(100)
          yield* dialog.cancel("too late")
          assert.deepStrictEqual(yield* dialog.state, state(false, false, "returned"))
          assert.deepStrictEqual(yield* dialog.outcome, Option.some(Exit.succeed("yo")))
          return yield* dialog.result
        })
      )
      assert.strictEqual(result, "yo")
    })))

  it.effect("26.1 row 2 of docs/semantics.md: a cancel that crosses the Return is answered by the Return, and the dialog keeps its result", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const result = yield* bob.open(
        greet({ after: 100 }),
        Effect.fnUntraced(function*(dialog) {
          // Both sides wake at the same moment; whoever is first, the answer is one of two.
          yield* Effect.sleep(100)
          yield* dialog.cancel("crossing")
          return yield* Effect.exit(dialog.result)
        })
      )
      if (Exit.isFailure(result)) cancelled(Cause.squash(result.cause))
      else assert.strictEqual(result.value, "yo")
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))
})

describe("A cancel of a whole actor fails the dialogs with the actor, and the error names the author of the cancel", () => {
  it.effect("G15, 26.1 row 3 of docs/semantics.md: a dialog fails with a cancel whose author is the opener's actor when this actor cancels the callee's whole actor", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      let seen: Dialog.DialogState | undefined
      const error = yield* Effect.flip(
        bob.open(
          stay({}),
          (dialog) =>
            Effect.forkChild(Effect.andThen(Effect.sleep(100), bob.cancel("no more bob"))).pipe(
              Effect.andThen(Effect.never),
              Effect.onExit(() => Effect.map(dialog.state, (now) => void (seen = now)))
            )
        )
      )
      const { actor, by, reason } = cancelled(error)
      assert.deepStrictEqual([by.name, actor.name, reason], ["root", "bob", "no more bob"])
      assert.deepStrictEqual(seen, state(false, false, "cancelled"))
    })))

  it.effect("26.1 row 4 of docs/semantics.md: Portal.open returns the body's value if the body cancels the dialog, and then cancels the callee's whole actor", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const value = yield* bob.open(
        stay({}),
        (dialog) => Effect.andThen(dialog.cancel("first"), Effect.as(bob.cancel("second"), "left"))
      )
      assert.strictEqual(value, "left")
    })))

  const graph = Watcher.layer.pipe(Layer.provideMerge(Sleeper.layer))

  it.effect("26.1 row 5 of docs/semantics.md: a third actor's cancel of the callee's actor fails the opener with an error that names the third actor", () =>
    inMemory(
      Effect.gen(function*() {
        yield* Journal.fresh
        const third = yield* Sleeper
        const fiber = yield* Effect.forkChild(Watcher.calls.report())
        yield* Effect.sleep(100)
        yield* third.cancel("needed elsewhere")
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["root", "Sleeper", "needed elsewhere", "false", "false"])
      }).pipe(Effect.provide(graph), until(10_000))
    ))

  it.effect("26.1 row 5 of docs/semantics.md: a third actor's cancel that comes before the opener's cancel fails the dialog, and the opener's cancel stays unacknowledged", () =>
    inMemory(
      Effect.gen(function*() {
        const journal = yield* Journal.fresh
        const third = yield* Sleeper
        const fiber = yield* Effect.forkChild(Watcher.calls.joins())
        yield* Effect.sleep(100)
        yield* third.cancel("needed elsewhere")
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["root", "Sleeper", "needed elsewhere", "true", "false"])
        assert.match(
          journal.join(", "),
          /dozer cancelled by root: needed elsewhere, \d+ watcher cancels, \d+ dozer finalized/
        )
      }).pipe(Effect.provide(graph), until(10_000))
    ))

  it.effect("G59, 26.1 row 1 of docs/semantics.md: an actor that cancels its own dialog with a sibling fails with no error, also if the dialog passes through the parent", () =>
    inMemory(
      Effect.gen(function*() {
        const journal = yield* Journal.fresh
        assert.deepStrictEqual(yield* Watcher.calls.leave(), ["Sleeper", "cancelled", "true", "true"])
        assert.match(journal.join(", "), /^\d+ sleeper starts, \d+ sleeper cancelled by Watcher: enough$/)
      }).pipe(Effect.provide(graph), until(10_000))
    ))

  it.effect("26.1 row 5 of docs/semantics.md: an actor with a portal from its parent cancels its sibling through a call", () =>
    drained(
      Effect.gen(function*() {
        yield* Journal.fresh
        const third = yield* Sleeper
        empower(third.cancel("as asked by a sibling"))
        const fiber = yield* Effect.forkChild(Watcher.calls.report())
        yield* Actor.runInActor(canceller({ after: 100 }))
        assert.deepStrictEqual((yield* Fiber.join(fiber)).slice(0, 3), ["root", "Sleeper", "as asked by a sibling"])
      }).pipe(Effect.provide(graph), until(10_000))
    ).pipe(Effect.provide(MemoryActor.layer({ expose: [dismiss] }))))

  it.effect("G15, 26.1 row 6 of docs/semantics.md: a callee that cancels itself, before or after its first value, fails Portal.open with a cancel whose author is the callee", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      for (const when of ["before", "after"] as const) {
        const journal = yield* Journal.fresh
        let body = 0
        const error = yield* Effect.flip(bob.open(quit({ when }), () => {
          body++
          return Effect.never
        }))
        const { by, message } = cancelled(error)
        assert.strictEqual(by.name, "bob")
        assert.match(message, /was cancelled by itself: had enough/)
        assert.strictEqual(body, when === "before" ? 0 : 1)
        assert.lengthOf(journal, 2)
        assert.match(journal[1]!, /quit cancelled by bob: had enough/)
      }
    })))

  it.effect("26.1 row 7 of docs/semantics.md: the end of the callee's actor, without a cancel, fails the dialog with ActorLost", () => {
    const theatre = Puppets.make()
    return drained(
      Effect.gen(function*() {
        yield* Journal.fresh
        const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(Effect.flatMap(
          Actor.startScoped("bob", { expose }),
          (bob) => bob.open(stay({}), () => Effect.never)
        ))))
        yield* pass(100)
        theatre.puppet("bob").die({ code: 0 })
        yield* pass(1000)
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "ActorLost")
        assert.deepStrictEqual(error.how, { _tag: "Exited", code: 0 })
      })
    ).pipe(Effect.provide(theatre.layer))
  })
})

describe("Portal.open fails with the first failure of the caller's body or of the callee", () => {
  it.effect("26.1 row 8 of docs/semantics.md: a callee that fails before its first value fails Portal.open, and the body never runs", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      let body = 0
      const run = (how: "typed" | "defect") =>
        Effect.flip(bob.open(fall({ how, when: "before" }), () => Effect.sync(() => void body++)))
      const typed = yield* run("typed")
      assert(typed._tag === "Refused" && typed.why === "before")
      const defect = yield* run("defect")
      assert(defect._tag === "RemoteActorError")
      assert.deepStrictEqual([defect.type, defect.boxed.message, defect.origin.name], ["RangeError", "before", "bob"])
      assert.strictEqual(body, 0)
    })))

  it.effect("G42, 26.1 row 8 of docs/semantics.md: a callee that fails after its first value interrupts the caller's body, and Portal.open and each use of the dialog fail with its error", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      for (const how of ["typed", "defect"] as const) {
        let dialog: any
        let interrupted = false
        const error = yield* Effect.flip(bob.open(fall({ how, when: "after" }), (it) => {
          dialog = it
          return Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
        }))
        assert.strictEqual(error._tag, how === "typed" ? "Refused" : "RemoteActorError")
        assert.isTrue(interrupted)
        for (const use of [dialog.result, dialog.stream.receive, dialog.stream.send(1)] as const) {
          assert.strictEqual(yield* Effect.flip(use as Effect.Effect<unknown, unknown>), error)
        }
        assert.deepStrictEqual(yield* dialog.state as Effect.Effect<Dialog.DialogState>, state(false, false, "failed"))
      }
    })))

  it.effect("G35, 26.1 row 9 of docs/semantics.md: a first value that breaks the contract fails in the callee with PayloadInvalid, which fails Portal.open unless the callee catches it", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(bob.open(lie({ part: "started" }), () => Effect.void))
      assert(error._tag === "PayloadInvalid")
      assert.deepStrictEqual([error.side, error.part, error.endpoint], ["callee", "started", "lie"])
      // Nothing was sent: a callee that catches it can still say another one.
      assert.strictEqual(yield* bob.open(lie({ part: "started, caught" }), (dialog) => dialog.result), 1)
    })))

  it.effect("26.1 row 9 of docs/semantics.md: a message or result of the callee that breaks the contract fails with PayloadInvalid, after the valid messages have arrived", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const item = yield* Effect.flip(bob.open(lie({ part: "output" }), () => Effect.never))
      assert(item._tag === "PayloadInvalid")
      assert.deepStrictEqual([item.side, item.part], ["callee", "output"])
      const success = yield* Effect.flip(bob.open(lie({ part: "success" }), (dialog) => dialog.result))
      assert(success._tag === "PayloadInvalid")
      assert.deepStrictEqual([success.side, success.part], ["callee", "success"])
    })))

  it.effect("G35, 26.1 row 9 of docs/semantics.md: an opener's `send` of a message that breaks the contract fails with PayloadInvalid, and the dialog continues", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const result = yield* bob.open(
        greet({ after: 100 }),
        Effect.fnUntraced(function*(dialog) {
          const error = yield* Effect.flip(dialog.stream.send("ten" as unknown as number))
          assert(error._tag === "PayloadInvalid")
          assert.deepStrictEqual([error.side, error.part], ["caller", "input"])
          return yield* dialog.result
        })
      )
      assert.strictEqual(result, "yo")
    })))

  it.effect("G41, 26.1 row 10 of docs/semantics.md: a failing body fails Portal.open with its own error, and the callee is cancelled", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      let dialog: any
      const mine = new Error("mine")
      const error = yield* Effect.flip(bob.open(stay({ cleanup: 100 }), (it) => {
        dialog = it
        return Effect.andThen(Effect.sleep(100), Effect.fail(mine))
      }))
      yield* Journal.say("left")
      assert.strictEqual(error, mine as never)
      assert.deepStrictEqual(journal.slice(1), [
        "100 stay cancelled by root: the caller failed",
        "200 stay finalized",
        "200 left"
      ])
      assert.strictEqual(
        cancelled(yield* Effect.flip(dialog.result as Effect.Effect<unknown, unknown>)).by.name,
        "root"
      )
      assert.deepStrictEqual(yield* dialog.state as Effect.Effect<Dialog.DialogState>, state(true, true, "cancelled"))
      const defect = yield* Effect.exit(bob.open(stay({}), () => Effect.die("dead")))
      assert.deepStrictEqual(defect, Exit.die("dead"))
    })))

  it.effect("G11, 26.1 row 11 of docs/semantics.md: an interrupted or late opener cancels the callee and waits for it, and its Scope ends as always", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(bob.open(stay({ cleanup: 100, name: "one" }), () => Effect.never))
      yield* Effect.sleep(100)
      yield* Fiber.interrupt(fiber)
      yield* Journal.say("interrupted")
      const exit = fiber.pollUnsafe()!
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      const late = yield* Effect.flip(
        Effect.timeout(bob.open(stay({ cleanup: 100, name: "two" }), () => Effect.never), 500)
      )
      assert.strictEqual(late._tag, "TimeoutError")
      yield* Journal.say("timed out")
      const starting = yield* Effect.timeoutOption(
        bob.open(stay({ before: 60_000, name: "three" }), () => Effect.never),
        500
      )
      assert.isTrue(Option.isNone(starting))
      yield* Journal.say("never started")
      assert.deepStrictEqual(journal, [
        "0 one starts",
        "100 one cancelled by root: interrupted",
        "200 one finalized",
        "200 interrupted",
        "200 two starts",
        "700 two cancelled by root: interrupted",
        "800 two finalized",
        "800 timed out",
        "800 three starts",
        "1300 three cancelled by root: interrupted",
        "1300 never started"
      ])
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))
})

describe("Table 26.1, several dialogs", () => {
  const three = Effect.gen(function*() {
    const [sleeper, caller, other] = yield* Effect.all(
      ["sleeper", "caller", "other"].map((name) => Actor.start(name, { expose }))
    )
    return { sleeper: sleeper!, caller: caller!, other: other! }
  })

  it.effect("26.1 row 1 of docs/semantics.md: a cancel of an outer dialog in the body of an inner dialog interrupts neither body", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        yield* Journal.fresh
        const { caller, other } = yield* three
        const value = yield* caller.open(stay({}), (outer) =>
          Effect.zip(
            other.open(stay({}), (inner) =>
              Effect.gen(function*() {
                yield* outer.cancel("from inside")
                yield* Effect.sleep(100)
                yield* inner.cancel()
                return "inner"
              })),
            Effect.map(outer.state, (it) => it.state)
          ))
        assert.deepStrictEqual(value, ["inner", "cancelled"])
      })).pipe(until(10_000))
    ))

  it.effect("G22, 26.1 row 12 of docs/semantics.md: a failure while a cancellation is handled wins over the cancellation, and cancels the other dialogs of the Scope", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        const journal = yield* Journal.fresh
        const { caller, other, sleeper } = yield* three
        const states: Array<Effect.Effect<Dialog.DialogState>> = []
        const error = yield* Effect.flip(
          caller.open(stay({ name: "caller" }), (first) =>
            other.open(stay({ name: "other" }), (second) => {
              states.push(first.state, second.state)
              return sleeper.open(stay({ name: "sleeper" }), (third) => {
                states.push(third.state)
                return Effect.andThen(
                  Effect.forkChild(Effect.andThen(Effect.sleep(100), sleeper.cancel("third"))),
                  Effect.never
                )
              }).pipe(Effect.catchTag("ContextCancelled", () => Effect.fail(new Refused({ why: "handling" }))))
            }))
        )
        assert(error._tag === "Refused" && error.why === "handling")
        assert.deepStrictEqual(yield* Effect.all(states), [
          state(true, true, "cancelled"),
          state(true, true, "cancelled"),
          state(false, false, "cancelled")
        ])
        assert.deepStrictEqual(journal.slice(3), [
          "100 sleeper cancelled by root: third",
          "100 other cancelled by root: the caller failed",
          "100 caller cancelled by root: the caller failed"
        ])
      })).pipe(until(10_000))
    ))

  it.effect("G22, 26.1 row 13 of docs/semantics.md: a cancel that fails the innermost of nested dialogs cancels the dialogs around it too, and keeps its author", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        const journal = yield* Journal.fresh
        const { caller, other, sleeper } = yield* three
        const error = yield* Effect.flip(
          caller.open(
            stay({ name: "caller" }),
            () =>
              other.open(stay({ name: "other" }), () =>
                sleeper.open(stay({ name: "sleeper" }), () =>
                  Effect.andThen(
                    Effect.forkChild(Effect.andThen(Effect.sleep(100), sleeper.cancel("third"))),
                    Effect.never
                  )))
          )
        )
        assert.deepStrictEqual([cancelled(error).actor.name, cancelled(error).reason], ["sleeper", "third"])
        assert.deepStrictEqual(journal.slice(4), [
          "100 other cancelled by root: the caller failed",
          "100 caller cancelled by root: the caller failed"
        ])
      })).pipe(until(10_000))
    ))

  it.effect("G14, 26.1 row 14 of docs/semantics.md: a callee that passes on a cancellation from another actor keeps the author of the cancellation", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* Journal.fresh
      const error = cancelled(yield* Effect.flip(bob.open(betray({ after: 100, hops: 2 }), () => Effect.never)))
      // The victim's parent is the innermost hop.
      assert.deepStrictEqual([error.by.name, error.actor.name, error.reason], ["hop-1", "victim", "not needed"])
    })))

  it.effect("26.1 row 14 of docs/semantics.md: a cancel of a Service that an actor reaches through its parent keeps its author", () =>
    inMemory(
      Effect.gen(function*() {
        yield* Journal.fresh
        const watcher = yield* Watcher
        const error = yield* Effect.flip(watcher.open(watch(), () =>
          Effect.andThen(
            Effect.sleep(100),
            Effect.flatMap(Sleeper, (it) => Effect.andThen(it.cancel("gone"), Effect.never))
          )))
        assert.deepStrictEqual([cancelled(error).by.name, cancelled(error).actor.name], ["root", "Sleeper"])
      }).pipe(
        Effect.provide(Watcher.layer.pipe(Layer.provideMerge(Sleeper.layer))),
        until(10_000)
      )
    ))

  it.effect("G19, 26.1 row 15 of docs/semantics.md: a callee that fails, and cancels a dialog of its own in a finalizer, fails its caller with the first error", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const typed = yield* Effect.flip(bob.open(masks({ how: "typed" }), () => Effect.never))
      assert(typed._tag === "Refused" && typed.why === "the first failure")
      assert.deepStrictEqual(journal, [
        "0 nested starts",
        "0 nested cancelled by bob: the caller failed",
        "100 nested finalized"
      ])
      const illegal = yield* Effect.flip(bob.open(masks({ how: "illegal first value" }), () => Effect.never))
      assert(illegal._tag === "PayloadInvalid", String(illegal))
    })))

  it.effect("G19, 26.1 row 15 of docs/semantics.md: a failure whose cleanup is cancelled is not hidden by the cancellation", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const exit = yield* bob.open(
        failsSlowly({ cleanup: 1000, fails: true }),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.sleep(100)
          yield* dialog.cancel("while it cleans up")
          return yield* Effect.exit(dialog.result)
        })
      ).pipe(Effect.exit)
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit.value
      assert.instanceOf(error, Refused)
    })))

  it.effect("26.1 row 15 of docs/semantics.md: a cancelled dialog without another failure ends as cancelled", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* bob.open(
        failsSlowly({ cleanup: 1000, fails: false }),
        Effect.fnUntraced(function*(dialog) {
          yield* Effect.sleep(100)
          yield* dialog.cancel()
          return yield* Effect.flip(dialog.result)
        })
      )
      assert.strictEqual(cancelled(error).by.name, "root")
    })))
})

describe("A connection that is lost or closed fails its dialogs with ActorLost or ChannelClosed", () => {
  it.effect("G7, 26.1 rows 16 and 17 of docs/semantics.md: a lost peer fails the dialog with ActorLost, whether the peer was sending or not", () => {
    const theatre = Puppets.make()
    return drained(
      Effect.gen(function*() {
        yield* Journal.fresh
        const lost = (body: (dialog: any) => Effect.Effect<unknown, unknown>) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(Effect.flatMap(
              Actor.startScoped("bob", { expose }),
              (bob) => bob.open(stay({}), body)
            ))))
            yield* pass(200)
            theatre.puppet("bob").die({ signal: "SIGKILL" })
            yield* pass(1000)
            return yield* Fiber.join(fiber) as Effect.Effect<unknown>
          })
        const silent = yield* lost(() => Effect.never)
        const sending = yield* lost((dialog) =>
          Effect.forever(Effect.andThen(dialog.stream.send(1) as Effect.Effect<void>, Effect.sleep(10)))
        )
        const waiting = yield* lost((dialog) => dialog.result)
        for (const error of [silent, sending, waiting]) {
          assert.instanceOf(error, ActorError.ActorLost)
          assert.deepStrictEqual((error as ActorError.ActorLost).how, { _tag: "Signalled", signal: "SIGKILL" })
        }
      })
    ).pipe(Effect.provide(theatre.layer))
  })

  it.effect("G8, 26.1 row 16 of docs/semantics.md: a dialog on a connection that the caller's actor has closed fails with ChannelClosed, whose `side` is `local`", () =>
    inMemory(Effect.gen(function*() {
      const bob = yield* Actor.nursery(Actor.start("bob", { expose }))
      const error = yield* Effect.flip(bob.open(stay({}), () => Effect.never))
      assert(error._tag === "ChannelClosed", String(error))
      assert.strictEqual(error.side, "local")
    })))
})
