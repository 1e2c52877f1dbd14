import { assert, describe, it } from "@effect/vitest"
import { ActorError } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { short, work } from "./fixtures/cancelling.ts"
import { acquireHangs, handlerHangs, releaseDies } from "./fixtures/cleanup.ts"
import * as Journal from "./support/Journal.ts"
import { child, parent, start } from "./support/Parent.ts"
import { drained, pass, settle } from "./support/Time.ts"

/** The actor, once it is ready. */
const serving = (...definitions: Parameters<typeof start>[0]) =>
  Effect.gen(function*() {
    yield* Journal.fresh
    const actor = yield* start(definitions)
    yield* settle
    assert.include(actor.said(), "Ready")
    return actor
  })

const failing = (actor: Effect.Success<ReturnType<typeof serving>>, call: unknown) =>
  Effect.forkChild(Effect.flip(actor.call(call)), { startImmediately: true })

describe("An actor says with its last word how it ended", () => {
  it.effect("G87: the Bye of an actor says who ended the actor and why, and what failed in its cleanup", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(releaseDies)
      actor.cancel(parent, "done for today")
      // Its logs have no reader here, before and after its platform.
      yield* pass(2000)
      assert.deepStrictEqual(yield* actor.ended, { how: "cancelled", code: 0 })
      yield* settle
      const exit = actor.farewell()
      assert.deepInclude(exit, { _tag: "Cancelled", by: parent, reason: "done for today" })
      assert.deepStrictEqual(exit?.cleanup.map(({ message }) => message), ["the release broke"])
    })))

  it.effect("G87: the Bye of an actor names the finalizers that were cut off", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(handlerHangs)
      yield* failing(actor, handlerHangs())
      actor.cancel(parent, "done")
      yield* pass(6000)
      yield* actor.ended
      yield* settle
      assert.deepStrictEqual(actor.farewell()?.cleanup.map(({ message }) => message.replace(/ \(.*/, "")), [
        "the handler of handlerHangs did not end within 4750 ms",
        "the release broke"
      ])
    })))

  it.effect("G87: the Bye of an actor with an uncaught error contains this error", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work)
      actor.uncaught(new TypeError("beside"))
      assert.deepStrictEqual(yield* actor.ended, { how: "failed", code: 70 })
      yield* settle
      const exit = actor.farewell()
      assert.strictEqual(exit?._tag, "Failed")
      if (exit?._tag === "Failed") assert.deepInclude(exit.error.boxed, { type: "TypeError", message: "beside" })
    })))
})

describe("The error of a call says whether the called actor is ending", () => {
  it.effect("G91: work that is cancelled together with its whole actor fails with an error whose field `ending` is true", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work)
      const call = yield* failing(actor, work({ cleanup: 0 }))
      yield* settle
      actor.cancel(parent, "done")
      assert.deepInclude(yield* Fiber.join(call), { _tag: "ContextCancelled", reason: "done", ending: true })
    })))

  it.effect("G91: work that fails together with its whole actor fails with an error whose field `ending` is true", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work)
      const call = yield* failing(actor, work({ cleanup: 0 }))
      yield* settle
      actor.uncaught(new TypeError("beside"))
      assert.deepInclude(yield* Fiber.join(call), { _tag: "RemoteActorError", ending: true })
    })))

  it.effect("G91: a call that arrives while an actor ends is refused in the name of the author of the actor's end", () =>
    drained(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const actor = yield* start([work])
      yield* settle
      yield* failing(actor, work({ cleanup: 1000 }))
      yield* settle
      actor.cancel(parent, "done")
      yield* pass(100)
      const late = yield* failing(actor, work({ cleanup: 0, name: "late" }))
      yield* settle
      const error = late.pollUnsafe() === undefined ? undefined : yield* Fiber.join(late)
      assert.deepInclude(error, { _tag: "ContextCancelled", by: parent, reason: "done", ending: true })
      // Its layers may be released already: no handler begins.
      assert.notInclude(journal.join("\n"), "late")
      yield* pass(1000)
      yield* actor.ended
    })))

  it.effect("G91: an error of an actor that lives on has the value false in its field `ending`", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work, releaseDies)
      const call = yield* Effect.forkChild(actor.call(work({ cleanup: 0 })), { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(call)
      assert.isFalse(
        new ActorError.ContextCancelled({ actor: child, by: child, reason: "", acknowledged: true }).ending
      )
      const lives = yield* failing(actor, { ...work({ cleanup: 0 }), input: { cleanup: "none" } })
      assert.notProperty(yield* Fiber.join(lives), "ending")
    })))
})

describe("An actor that gets a signal asks its parent for its end", () => {
  it.effect("G90: an actor that gets a signal asks its parent to end it, and serves until then", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(short)
      actor.signal("SIGTERM", 143)
      yield* settle
      assert.strictEqual(actor.said().at(-1), "Leave")
      const call = yield* Effect.forkChild(actor.call(short({ millis: 4000 })))
      yield* pass(4000)
      assert.strictEqual(yield* Fiber.join(call), 4000)
      actor.cancel(parent, "nursery done")
      assert.deepStrictEqual(yield* actor.ended, { how: "cancelled", code: 0 })
      yield* settle
      assert.deepInclude(actor.farewell(), { _tag: "Cancelled", by: parent, reason: "nursery done" })
    })))

  it.effect("G90: an actor that gets SIGTERM asks its parent for its end, and exits with code 143 when the parent cancels it for SIGTERM", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work)
      actor.signal("SIGTERM", 143)
      actor.signal("SIGHUP", 129)
      yield* settle
      assert.deepStrictEqual(actor.said().filter((word) => word === "Leave"), ["Leave"])
      actor.cancel(child, "SIGTERM")
      assert.deepStrictEqual(yield* actor.ended, { how: "cancelled", code: 143 })
      yield* settle
      assert.deepInclude(actor.farewell(), { _tag: "Cancelled", by: child, reason: "SIGTERM" })
    })))

  it.effect("G90: an actor that gets a signal ends by itself after Timeouts.finalizers if its parent does not answer", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work)
      yield* failing(actor, work({ cleanup: 100 }))
      actor.signal("SIGTERM", 143)
      yield* pass(4950)
      assert.isUndefined(actor.life.pollUnsafe())
      yield* pass(150)
      assert.isDefined(actor.life.pollUnsafe())
      assert.deepStrictEqual(yield* actor.ended, { how: "cancelled", code: 143 })
      yield* settle
      assert.deepInclude(actor.farewell(), { _tag: "Cancelled", by: child, reason: "SIGTERM" })
    })))

  it.effect("G90: an actor that gets a signal ends at once if its parent is lost after the signal", () =>
    drained(Effect.gen(function*() {
      const actor = yield* serving(work)
      actor.signal("SIGTERM", 143)
      yield* settle
      actor.channel.destroy()
      yield* settle
      assert.deepStrictEqual(yield* actor.ended, { how: "parent-lost", code: 143 })
    })))

  it.effect("an actor that gets a signal before it is ready fails its start with the signal and its sender", () =>
    drained(Effect.gen(function*() {
      const told = (actor: Effect.Success<ReturnType<typeof start>>) =>
        actor.failures().map((failure) => "boxed" in failure ? failure.boxed.message : failure._tag)
      const signalled = yield* start([acquireHangs])
      yield* settle
      signalled.signal("SIGTERM", 143)
      yield* pass(6000)
      assert.deepStrictEqual(yield* signalled.ended, { how: "boot-failed", code: 143 })
      assert.deepStrictEqual(told(signalled), ["ended before it was ready: SIGTERM"])
      const cancelled = yield* start([acquireHangs])
      yield* settle
      cancelled.cancel(parent, "changed its mind")
      yield* pass(6000)
      assert.deepStrictEqual(yield* cancelled.ended, { how: "boot-failed", code: 1 })
      assert.deepStrictEqual(told(cancelled), ["ended before it was ready by parent@1: changed its mind"])
    })))
})
