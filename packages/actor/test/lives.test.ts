import { assert, describe, it } from "@effect/vitest"
import type { ActorError } from "@furrow/actor"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Background, Broken, causes, detach, greet, hold, Name, Poller, strings, Stubborn } from "./fixtures/lives.ts"
import { collectEvents } from "./support/Events.ts"
import * as Journal from "./support/Journal.ts"
import { captureLogs } from "./support/Logs.ts"
import { drained, pass, settle, until } from "./support/Time.ts"

type Events = ReadonlyArray<Actor.ActorEvent>

const background = (events: Events) =>
  events.flatMap((event) => event._tag === "BackgroundFailed" ? [event.failure.message] : [])
const cleanups = (events: Events) =>
  events.flatMap((event) => event._tag === "ActorCleanupFailed" ? [event.failure.message.replace(/ \(.*/, "")] : [])
/** The events without their times: importing takes the time it takes. */
const steps = (journal: ReadonlyArray<string>) => journal.map((line) => line.replace(/^\d+ /, ""))

const stage = <A, E>(test: Effect.Effect<A, E, any>) => {
  const { layer, lines } = captureLogs()
  const errors = () => lines.filter(({ level }) => level === "Error").map(({ message }) => String(message))
  return {
    errors,
    run: drained(test as Effect.Effect<A, E>).pipe(Effect.provide(MemoryActor.layer), Effect.provide(layer))
  }
}

describe("An actor that has an Effect as its `main` runs the Effect from its start, and ends when the Effect ends", () => {
  it.effect("G88: an actor runs its main Effect when it is ready, with the services of its layer, and answers calls meanwhile", () =>
    stage(Effect.scoped(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const poller = yield* until(1000)(Actor.startScoped(Poller))
      assert.strictEqual(yield* poller.run(greet()), "I am poller")
      assert.deepStrictEqual(steps(journal), ["main starts", "poller"])
    }))).run)

  it.effect("G88: an actor ends when its main Effect returns, and cancels its open calls with itself as the author", () => {
    const { errors, run } = stage(Effect.scoped(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const poller = yield* until(1000)(Actor.startScoped(Poller))
      const call = yield* Effect.forkChild(Effect.flip(poller.run(hold())))
      const waiting = yield* Effect.forkChild(poller.wait)
      yield* settle
      strings.main(causes.returns)
      yield* pass(200)
      const error = (yield* Fiber.join(call)) as ActorError.ContextCancelled
      assert.deepInclude(error, { _tag: "ContextCancelled", reason: "its main has ended", ending: true })
      assert.strictEqual(error.by.uuid, poller.actor.uuid)
      assert.isDefined(waiting.pollUnsafe())
      assert.deepStrictEqual(steps(journal).slice(2), [
        "hold starts",
        "main done",
        "hold cancelled by Poller: its main has ended",
        "hold finalized",
        "layer released"
      ])
    })))
    return Effect.map(run, () => assert.deepStrictEqual(errors(), []))
  })

  it.effect("G88: an actor fails when its main Effect fails, with an Error log and a failure at its owner", () => {
    const { errors, run } = stage(Effect.scoped(Effect.gen(function*() {
      const poller = yield* until(1000)(Actor.startScoped(Poller))
      const call = yield* Effect.forkChild(Effect.flip(poller.run(hold())))
      yield* settle
      strings.main(causes.dies)
      yield* pass(200)
      assert.deepInclude(yield* Fiber.join(call), { _tag: "ContextCancelled", reason: "its main has ended" })
      const exit = yield* poller.wait
      assert.strictEqual(exit._tag === "Failed" && exit.error.boxed.message, "out of ink")
    })))
    return Effect.map(run, () => assert.include(errors()[0], "the main of this actor failed"))
  })

  it.effect("G88: when an actor's main Effect fails, the owner of the actor's Layer logs an Error at once if no Actor.launch runs the Layer", () => {
    const { errors, run } = stage(Effect.scoped(Effect.gen(function*() {
      yield* until(1000)(Layer.build(Poller.layer))
      strings.main(causes.fails)
      yield* pass(200)
      assert.deepStrictEqual(errors(), [
        "the main of this actor failed,Error: no paper",
        "the Layer of \"Poller\" has lost its actor. string in Poller@10000001: no paper"
      ])
    })))
    return run
  })

  it.effect("G88: a cancel of an actor interrupts its main Effect, which sees the author of the cancel, before the layers are released", () =>
    stage(Effect.scoped(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const poller = yield* until(1000)(Actor.startScoped(Poller))
      yield* poller.cancel("done for today")
      assert.deepStrictEqual(steps(journal).slice(2), [
        "main cancelled by root: done for today",
        "layer released"
      ])
    }))).run)

  it.effect("G72: an actor whose main Effect cannot be interrupted ends within its bound, and names the main Effect", () =>
    stage(Effect.scoped(Effect.gen(function*() {
      const events = yield* collectEvents
      const stubborn = yield* until(1000)(Actor.startScoped(Stubborn))
      const cancelling = yield* Effect.forkChild(stubborn.cancel("done"))
      yield* pass(5000)
      assert.isDefined(cancelling.pollUnsafe())
      assert.deepStrictEqual(cleanups(events), ["its main did not end within 4750 ms"])
    }))).run)

  it.effect("G72: an actor reports failures in the cleanup of its main Effect", () =>
    stage(Effect.gen(function*() {
      const events = yield* collectEvents
      const region = Effect.scoped(Effect.flatMap(Actor.startScoped(Broken), (broken) => broken.cancel("done")))
      yield* until(1000)(Effect.exit(region))
      yield* settle
      assert.deepStrictEqual(cleanups(events), ["main broke"])
    })).run)
})

describe("A failed background fiber of an actor is logged in the actor, and causes an event at the owner", () => {
  const places = [["build", "build"], ["layer", "layer"], ["main", "beside"], ["handler", "handler"]] as const
  for (const [where, string] of places) {
    for (const [how, message] of [["dies", "out of ink"], ["fails", "no paper"]] as const) {
      it.effect(`G89: a failed background fiber of an actor is logged once, and causes an event at the owner (case: the fiber of the ${where} ${how})`, () => {
        const { errors, run } = stage(Effect.scoped(Effect.gen(function*() {
          const events = yield* collectEvents
          const actor = yield* until(1000)(Actor.startScoped(Background))
          yield* actor.run(detach())
          strings[string](causes[how])
          yield* settle
          assert.deepStrictEqual(background(events), [message])
          assert.strictEqual(yield* actor.run(greet()), "I am poller")
        })))
        return Effect.map(run, () =>
          assert.deepStrictEqual(errors().map((line) => line.split(",")[0]), [
            "a fiber in the background of this actor failed"
          ]))
      })
    }

    for (const how of ["is interrupted", "returns"] as const) {
      it.effect(`G89: a background fiber of an actor that is interrupted or returns causes no event and no log (case: the fiber of the ${where} ${how})`, () => {
        const { errors, run } = stage(Effect.scoped(Effect.gen(function*() {
          const events = yield* collectEvents
          const actor = yield* until(1000)(Actor.startScoped(Background))
          yield* actor.run(detach())
          strings[string](causes[how])
          yield* settle
          assert.deepStrictEqual(background(events), [])
        })))
        return Effect.map(run, () => assert.deepStrictEqual(errors(), []))
      })
    }
  }

  it.effect("G89: a failed background fiber of a Service from layerTest, which runs in the caller's process, is logged as an Error", () => {
    const { errors, run } = stage(Effect.gen(function*() {
      const build = Effect.as(Effect.forkScoped(causes.dies), {
        greet: () => Effect.succeed("here"),
        hold: () => Effect.never
      })
      const greeting = yield* Effect.provide(Effect.andThen(settle, Poller.calls.greet()), Poller.layerTest(build))
      yield* settle
      assert.strictEqual(greeting, "here")
    }))
    return Effect.map(run, () => assert.strictEqual(errors().length, 1))
  })

  it.effect("G89: a root reports failed background fibers in the layers of its exposed endpoints", () => {
    const { layer, lines } = captureLogs()
    const exposed = Actor.fn("exposed", {
      module: import.meta.url,
      layer: Layer.effect(Name, Effect.as(Effect.forkScoped(causes.dies), "root"))
    })(() => Effect.void)
    return Effect.provide(settle, MemoryActor.layer({ expose: [exposed] })).pipe(
      Effect.andThen(Effect.sync(() => assert.strictEqual(lines.filter(({ level }) => level === "Error").length, 1))),
      Effect.provide(layer)
    )
  })
})
