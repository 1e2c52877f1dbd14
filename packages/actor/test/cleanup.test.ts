import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { above, acquireHangs, answers, bootFails, handlerHangs, releaseDies, releaseHangs } from "./fixtures/cleanup.ts"
import { collectEvents } from "./support/Events.ts"
import { captureLogs } from "./support/Logs.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

type Events = ReadonlyArray<Actor.ActorEvent>

/** The failed cleanups that the owner heard of. */
const failures = (events: Events) =>
  events.flatMap((event) => event._tag === "ActorCleanupFailed" ? [event.failure.message] : [])

const cutOff = /^the release of its layers did not end within 4750 ms/

describe("An actor ends within a bound even if its cleanup fails or hangs", () => {
  for (
    const [how, call, message, millis] of [
      ["dies", releaseDies, /^the release broke$/, 0],
      ["never ends", releaseHangs, cutOff, 4750]
    ] as const
  ) {
    it.effect(`G72: portal.cancel returns, and the owner gets the failure, when a finalizer of the actor is broken (case: a finalizer ${how})`, () => {
      const { layer, lines } = captureLogs()
      return Effect.gen(function*() {
        const events = yield* collectEvents
        const region = yield* Effect.exit(Actor.nursery(Effect.gen(function*() {
          const frank = yield* Actor.start("frank", { expose: [call] })
          const waiting = yield* Effect.forkChild(frank.wait)
          const cancelling = yield* Effect.forkChild(frank.cancel("done"))
          yield* pass(millis + 50)
          yield* Fiber.join(cancelling)
          const exit = yield* Fiber.join(waiting)
          assert.deepInclude(exit, { _tag: "Cancelled", reason: "done" })
          assert.strictEqual(exit.cleanup.length, 1)
          assert.match(exit.cleanup[0]!.message, message)
        })))
        // A release that dies would fail a Scope here, too; what is cut off at its bound has raised nothing.
        assert.strictEqual(region._tag, how === "dies" ? "Failure" : "Success")
        assert.strictEqual(failures(events).length, 1)
        assert.match(failures(events)[0]!, message)
        const logged = lines.filter(({ level }) => level === "Error").map(({ message }) => String(message))
        assert.strictEqual(logged.length, 1)
        assert.match(logged[0]!, /the cleanup of this actor failed/)
        // It said Bye: it was not killed for it.
        assert.notInclude(events.flatMap((event) => event._tag === "ActorEnding" ? [event.rung] : []), "Terminating")
      }).pipe(drained, Effect.provide(MemoryActor.layer), Effect.provide(layer))
    })

    it.effect(`G72: an uncaught error ends an actor and fails its nursery even if a finalizer of the actor is broken (case: a finalizer ${how})`, () => {
      const theatre = Puppets.make()
      return Effect.gen(function*() {
        const events = yield* collectEvents
        const region = yield* Effect.forkChild(Effect.flip(Actor.nursery(Effect.gen(function*() {
          yield* Actor.start("frank", { expose: [call] })
          return yield* Effect.never
        }))))
        yield* settle
        theatre.puppet("frank").uncaught(new TypeError("beside"))
        yield* pass(millis + 50)
        assert.isDefined(region.pollUnsafe())
        const error = yield* Fiber.join(region)
        assert.instanceOf(error, ActorError.RemoteActorError)
        assert.strictEqual(error.boxed.message, "beside")
        assert.match(failures(events)[0]!, message)
        assert.deepStrictEqual(theatre.living(), [])
      }).pipe(drained, Effect.provide(theatre.layer))
    })

    it.effect(`G72: an actor ends when its parent is lost, even if a finalizer of the actor is broken (case: a finalizer ${how})`, () => {
      const theatre = Puppets.make()
      return Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.exit(Actor.runInActor(call(), { name: "frank" })))
        yield* settle
        theatre.puppet("frank").unplug()
        yield* pass(millis + 50)
        assert.deepStrictEqual(theatre.living(), [])
        yield* pass(1000)
        yield* Fiber.join(fiber)
      }).pipe(drained, Effect.provide(theatre.layer))
    })
  }

  it.effect("G72: runInActor returns its answer once the bound has passed for the release of a layer that never ends", () =>
    Effect.gen(function*() {
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Actor.runInActor(answers()))
      yield* pass(4700)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(50)
      assert.isDefined(fiber.pollUnsafe())
      yield* Fiber.join(fiber)
      assert.match(failures(events)[0]!, cutOff)
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G72: an ending actor reports an uninterruptible handler by name, and releases its layers all the same", () =>
    Effect.gen(function*() {
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Actor.runInActor(handlerHangs()))
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(4800)
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual(failures(events).map((text) => text.replace(/ \(.*/, "")), [
        "the handler of handlerHangs did not end within 4750 ms",
        "the release broke"
      ])
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G4: an interrupted start of an actor whose layer is never built ends within the bounds of the shutdown ladder", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Actor.runInActor(acquireHangs()))
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(1000)
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("a start that fails reports its reason, and also the failed release of a layer", () =>
    Effect.gen(function*() {
      const events = yield* collectEvents
      const error = yield* Effect.flip(Actor.runInActor(bootFails()))
      assert.deepInclude(error, { _tag: "SpawnFailed", step: "layer", reason: "the boot broke" })
      yield* settle
      assert.deepStrictEqual(failures(events), ["the release broke"])
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("G13: a parent waits for a child that cleans up too long, and ends within the parent's own bound", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Actor.runInActor(above()))
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(4800)
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(drained, Effect.provide(MemoryActor.layer)))
})
