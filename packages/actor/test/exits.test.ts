import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { answersAndDies, releaseDies, releasesElsewhere } from "./fixtures/cleanup.ts"
import { Counter } from "./fixtures/counter.ts"
import { collectEvents } from "./support/Events.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const start = (name: string) => Actor.start(name, { expose: [releaseDies] })

/** The reasons of a cause, one by one. */
const reasonsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ? [] : exit.cause.reasons.map((reason) => {
    if (reason._tag === "Interrupt") return "Interrupt"
    const raised = reason._tag === "Fail" ? reason.error : reason.defect
    return `${reason._tag} ${raised instanceof ActorError.RemoteActorError ? raised.boxed.message : String(raised)}`
  })

const othersOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ? [] : Option.getOrElse(
    Context.getOption(
      Cause.annotations(exit.cause) as Context.Context<ActorError.OtherFailures>,
      ActorError.OtherFailures
    ),
    () => []
  ).map(({ message }) => message)

describe("The exit of an actor is equal for all its readers", () => {
  it.effect("G93: the exit of an actor is the same for its owner, for another actor's portal, and in the events", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const events = yield* collectEvents
      const region = yield* Effect.forkChild(Effect.exit(Actor.nursery(
        Effect.gen(function*() {
          const frank = yield* start("frank")
          const borrowed = yield* Actor.portal(frank.ref)
          const waiting = yield* Effect.forkDetach(Effect.all([frank.wait, borrowed.wait]))
          yield* settle
          theatre.puppet("frank").uncaught(new TypeError("beside"))
          return yield* Fiber.join(waiting)
        }).pipe(Effect.scoped)
      )))
      yield* pass(1000)
      const exit = yield* Fiber.join(region)
      const [ended, ...rest] = events.flatMap((event) => event._tag === "ActorEnded" ? [event.exit] : [])
      if (ended?._tag !== "Failed") return assert.fail(`ended: ${ended?._tag}`)
      assert.deepStrictEqual(rest, [])
      assert.deepStrictEqual(reasonsOf(exit), ["Fail beside"])
      const reason = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
      assert.strictEqual(reason?._tag === "Fail" && reason.error, ended.error)
      assert.deepStrictEqual(ended.cleanup.map(({ message }) => message), ["the release broke"])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G93: portal.wait returns the exit Cancelled when the Scope of a Service from layerTest, which has no process of its own, closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const counter = Counter.layerTest(Effect.succeed({
        increment: () => Effect.succeed(1),
        ticks: () => Stream.empty,
        die: () => Effect.void
      }))
      const portal = Context.get(yield* Layer.buildWithScope(counter, scope), Counter)
      const waiting = yield* Effect.forkChild(portal.wait)
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "Cancelled", reason: "scope closed", cleanup: [] })
    }))
})

describe("A failed cleanup of an actor is reported to the owner that ended the actor", () => {
  it.effect("G94: a failed cleanup of an ended actor fails Actor.runInActor, although the call had succeeded", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.runInActor(answersAndDies()))
      assert.deepStrictEqual(reasonsOf(exit), ["Fail the release broke"])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G91: a failed cleanup of an actor sets the field `ending` of the caller's error, even if another actor was the origin of the error", () =>
    Effect.gen(function*() {
      const own = yield* Effect.flip(Actor.runInActor(answersAndDies(), { name: "frank" }))
      assert.deepInclude(own, { _tag: "RemoteActorError", ending: true })
      assert.strictEqual(own.actor?.name, "frank")
      const passedOn = yield* Effect.flip(Actor.runInActor(releasesElsewhere(), { name: "bob" }))
      if (passedOn._tag !== "RemoteActorError") return assert.fail(passedOn.message)
      assert.isTrue(passedOn.ending)
      assert.deepStrictEqual([passedOn.actor.name, passedOn.origin.name], ["bob", "below"])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G94: a failed cleanup fails a nursery whose body had succeeded, once all its actors are reaped", () =>
    Effect.gen(function*() {
      let bodyReturned = false
      const exit = yield* Effect.exit(Actor.nursery(Effect.gen(function*() {
        const frank = yield* start("frank")
        yield* frank.cancel("early")
        // As a Scope that is closed early: what follows still runs.
        yield* start("bob")
        bodyReturned = true
      })))
      assert.isTrue(bodyReturned)
      assert.deepStrictEqual(reasonsOf(exit), ["Fail the release broke"])
      assert.deepStrictEqual(othersOf(exit), ["the release broke"])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G94: a failed cleanup of an ended actor is attached as data to the failure of a nursery", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.nursery(Effect.andThen(start("frank"), Effect.fail("mine"))))
      assert.deepStrictEqual(reasonsOf(exit), ["Fail mine"])
      assert.deepStrictEqual(othersOf(exit), ["the release broke"])
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G94: a failed cleanup is in the cause of an interrupted nursery, as a finalizer's defect would be", () =>
    Effect.gen(function*() {
      const region = yield* Effect.forkChild(Actor.nursery(Effect.andThen(start("frank"), Effect.never)))
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(region))
      yield* pass(100)
      assert.deepStrictEqual(reasonsOf(yield* Fiber.await(region)), ["Interrupt", "Die the release broke"])
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G94: an actor's failed cleanup is a defect of its Scope, but a Scope that failed already keeps its own failure alone", () =>
    Effect.gen(function*() {
      const scoped = Actor.startScoped("frank", { expose: [releaseDies] })
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(Effect.scoped(scoped))), ["Die the release broke"])
      const failing = Effect.scoped(Effect.andThen(scoped, Effect.fail("mine")))
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(failing)), ["Fail mine"])
    }).pipe(Effect.provide(MemoryActor.layer)))
})
