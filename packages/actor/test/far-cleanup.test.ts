/** A caller sees failed finalizers of the actor it calls as it would see its own. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Timeouts } from "@furrow/actor"
import { codecs } from "@furrow/actor/internal/contract/Endpoint"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  broke,
  runsAhead,
  spills,
  spillsLater,
  Spilt,
  tidy,
  untidy,
  untidyCount,
  untidyTalk
} from "./fixtures/far-cleanup.ts"
import { callee, startOf } from "./support/Callee.ts"
import { collectEvents } from "./support/Events.ts"
import { inMemory } from "./support/InMemory.ts"
import { captureLogs, type Line } from "./support/Logs.ts"
import { settle, until } from "./support/Time.ts"

const expose = [untidy, tidy, runsAhead, spills, spillsLater, untidyCount, untidyTalk] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(until(30_000)))

/** The reasons of an exit, in a few words. */
const reasons = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ? ["Success"] : exit.cause.reasons.map((reason) => {
    if (reason._tag === "Interrupt") return "Interrupt"
    const error = reason._tag === "Die" ? reason.defect : reason.error
    if (error instanceof ActorError.RemoteActorError) return `${reason._tag} ${error.boxed.message}`
    return `${reason._tag} ${error instanceof Error ? error.message : String(error)}`
  })

/** How work ends that is interrupted after a while. */
const interrupted = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(work)
    yield* Effect.sleep(50)
    yield* Fiber.interrupt(fiber)
    return reasons(yield* Fiber.await(fiber))
  })

/** True when an Error line names the endpoint. */
const told = (lines: ReadonlyArray<Line>, endpoint: string): boolean =>
  lines.some(({ level, message }) => level === "Error" && String(message).includes(endpoint))

const untidied = ["Interrupt", `Die ${broke}`]

describe("A callee's finalizer that dies after a cancel fails the call of the caller", () => {
  it.effect("G82: a finalizer that dies after a cancel is in the cause of the call, as in one process", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      assert.deepStrictEqual(yield* interrupted(untidy({ millis: 0 })), untidied)
      assert.deepStrictEqual(yield* interrupted(bob.run(untidy({ millis: 0 }))), untidied)
      assert.deepStrictEqual(yield* interrupted(bob.run(untidy({ millis: 100 }))), untidied)
      assert.deepStrictEqual(yield* interrupted(Actor.runInActor(untidy({ millis: 0 }))), untidied)
      assert.deepStrictEqual(yield* interrupted(bob.run(tidy())), ["Interrupt"])
    })))

  it.effect("G82: a failure of uninterruptible work after a cancel is in the cause beside the interruption, unchanged", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const fiber = yield* Effect.forkChild(bob.run(spills()))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.deepStrictEqual(reasons(exit).map((reason) => reason.split(" ")[0]), ["Interrupt", "Fail"])
      assert(Exit.isFailure(exit))
      assert.instanceOf(exit.cause.reasons.find(Cause.isFailReason)?.error, Spilt)
    })))

  it.effect("G82: a finalizer that dies after a cancel fails a stream that its reader left early, as in one process", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const first = <E, R>(stream: Stream.Stream<number, E, R>) =>
        Effect.map(Effect.exit(Stream.runCollect(Stream.take(stream, 1))), reasons)
      assert.deepStrictEqual(yield* first(untidyCount()), [`Die ${broke}`])
      assert.deepStrictEqual(yield* first(bob.stream(untidyCount())), [`Die ${broke}`])
      assert.deepStrictEqual(yield* first(Actor.streamInActor(untidyCount())), [`Die ${broke}`])
    })))

  it.effect("G82, G83: a producer that fails ahead of its reader does not fail a reader that leaves early, and the failure is logged", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const logs = captureLogs()
      const first = <R>(stream: Stream.Stream<number, unknown, R>) =>
        Effect.map(Effect.exit(Stream.runCollect(Stream.take(stream, 1))), reasons)
      assert.deepStrictEqual(yield* first(runsAhead()), ["Success"])
      assert.deepStrictEqual(yield* Effect.provide(first(bob.stream(runsAhead())), logs.layer), ["Success"])
      assert.isTrue(told(logs.lines, "runsAhead"))
      const own = captureLogs()
      assert.deepStrictEqual(yield* Effect.provide(first(Actor.streamInActor(runsAhead())), own.layer), ["Success"])
      assert.isTrue(told(own.lines, "runsAhead"))
    })))

  it.effect("G82: a finalizer that dies after a cancel is in the cause of the dialog's opener, whether the opener was interrupted or died", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      assert.deepStrictEqual(yield* interrupted(bob.open(untidyTalk(), () => Effect.never)), untidied)
      const exit = yield* Effect.exit(bob.open(untidyTalk(), () => Effect.die("the body")))
      assert.deepStrictEqual(reasons(exit), ["Die the body", `Die ${broke}`])
      const scoped = yield* Effect.exit(Effect.scoped(bob.openScoped(untidyTalk())))
      assert.deepStrictEqual(reasons(scoped), [`Die ${broke}`])
    })))

  it.effect("G41, G82: a dying finalizer of an interrupted body adds its defect to the callee's defect, or an annotation to the callee's typed error", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const dirty = Effect.ensuring(Effect.never, Effect.andThen(Effect.sleep(10), Effect.die("here")))
      const both = ["Interrupt", "Die here", `Die ${broke}`]
      assert.deepStrictEqual(yield* interrupted(bob.open(untidyTalk(), () => dirty)), both)
      const exit = yield* Effect.exit(bob.open(spillsLater(), () => dirty))
      assert.deepStrictEqual(reasons(exit), ["Fail "])
      assert(Exit.isFailure(exit))
      const others = Context.getOption(Cause.annotations(exit.cause), ActorError.OtherFailures)
      assert.deepStrictEqual(Option.map(others, (all) => all.map(({ message }) => message)), Option.some(["here"]))
    })))

  it.effect("G82: a dying finalizer of an interrupted call is in the cause of the nursery around the call, whether the portal is owned or borrowed", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const nursery = Actor.nursery(Effect.gen(function*() {
        const own = yield* Actor.start("own", { expose: [untidy] })
        yield* own.run(untidy({ millis: 10 }))
      }))
      assert.deepStrictEqual(new Set(yield* interrupted(nursery)), new Set(untidied))
      assert.deepStrictEqual(
        new Set(yield* interrupted(Actor.nursery(bob.run(untidy({ millis: 10 }))))),
        new Set(untidied)
      )
    })))

  it.effect("G82: when a body fails and then the callee's finalizer dies, Portal.open fails with the body's error, and the finalizer's failure is logged", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const logs = captureLogs()
      const events = yield* collectEvents
      const exit = yield* Effect.exit(bob.open(untidyTalk(), () => Effect.fail("the body" as const))).pipe(
        Effect.provide(logs.layer)
      )
      assert.deepStrictEqual(reasons(exit), ["Fail the body"])
      assert(Exit.isFailure(exit))
      const others = Context.get(
        Cause.annotations(exit.cause) as Context.Context<ActorError.OtherFailures>,
        ActorError.OtherFailures
      )
      assert.include(others[0]!.message, broke)
      yield* settle
      assert.lengthOf(events.filter(({ _tag }) => _tag === "FailureSuppressed"), 1)
      assert.isTrue(told(logs.lines, "untidyTalk"))
    })))

  it.effect("G82: Portal.open fails with the failure of the callee's finalizer when the body has cancelled the dialog and returned", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const exit = yield* Effect.exit(bob.open(untidyTalk(), (dialog) => dialog.cancel("enough")))
      assert.deepStrictEqual(reasons(exit), [`Fail ${broke}`])
    })))
})

describe("A callee's finalizer that dies after the caller is gone is reported", () => {
  it.effect("G83: a callee's finalizer that fails after the bound of the cancel causes an event and an Error log", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const logs = captureLogs()
      const events = yield* collectEvents
      const call = Effect.provide(bob.run(untidy({ millis: 500 })), logs.layer)
      const ended = yield* Timeouts.provide(interrupted(call), { cancel: 100 })
      assert.deepStrictEqual(ended, ["Interrupt"])
      yield* settle
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["CancelUnacknowledged"])
      yield* Effect.sleep(1000)
      yield* settle
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["CancelUnacknowledged", "FailureSuppressed"])
      assert.isTrue(told(logs.lines, "untidy"))
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("G83: a callee's finalizer that fails after the caller is gone causes an event and an Error log", () =>
    Effect.gen(function*() {
      const logs = captureLogs()
      const { cut, dispatcher, events, say } = yield* Effect.provide(callee([untidy]), logs.layer)
      const payload = codecs(untidy.endpoint).payload.encode({ millis: 0 })
      assert(payload.ok)
      say(startOf(untidy, 1, payload.value))
      yield* settle
      assert.strictEqual(dispatcher.size, 1)
      cut()
      yield* settle
      assert.strictEqual(dispatcher.size, 0)
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["FailureSuppressed"])
      assert.isTrue(told(logs.lines, "untidy"))
    }))
})
