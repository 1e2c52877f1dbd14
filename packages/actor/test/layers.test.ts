import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Timeouts } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import {
  CounterLive,
  dying,
  endless,
  failing,
  first,
  helped,
  lasting,
  scoped,
  second,
  slow,
  third
} from "./fixtures/layered.ts"
import { collectEvents } from "./support/Events.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const count = (journal: ReadonlyArray<string>, word: string) => journal.filter((line) => line.includes(word)).length

const spawnFailed = <A, E, R>(start: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(start), (error) => {
    assert.instanceOf(error, ActorError.SpawnFailed)
    return error as ActorError.SpawnFailed
  })

describe("An actor builds its layers once, and releases the layers at its end", () => {
  it.effect("a layer is built once per actor, shared by the actor's endpoints, and released at its end", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [first, second, third] })
        assert.deepStrictEqual(journal, ["0 built"])
        const [instance, one] = (yield* frank.run(first())).split(":")
        assert.strictEqual(one, "1")
        assert.strictEqual(yield* frank.run(second()), `${instance}:2`)
        const items = yield* Stream.runCollect(frank.stream(third()))
        assert.deepStrictEqual(items, [`${instance}:3`, `${instance}:4`, `${instance}:5`])
        assert.strictEqual(yield* frank.run(first()), `${instance}:6`)
        yield* Journal.say("body done")
      }))
      assert.strictEqual(count(journal, "built"), 1)
      assert.strictEqual(count(journal, "released"), 1)
      assert.match(journal.at(-1)!, /released/)
    }).pipe(inMemory))

  it.effect("G5: two actors share no layer: each actor builds its own layer", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const [a, b] = yield* Effect.all([Actor.runInActor(first()), Actor.runInActor(first())], { concurrency: 2 })
      assert.deepStrictEqual([a!.split(":")[1], b!.split(":")[1]], ["1", "1"])
      assert.notStrictEqual(a, b)
      assert.strictEqual(count(journal, "built"), 2)
      assert.strictEqual(count(journal, "released"), 2)
    }).pipe(inMemory))

  it.effect("a call that runs in its own process gets the services of its handler from the Layer of the program", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const both = Effect.all([first(), second()])
      const [one, two] = yield* Effect.provide(both, CounterLive)
      assert.deepStrictEqual([one.split(":")[1], two.split(":")[1]], ["1", "2"])
      assert.strictEqual(count(journal, "built"), 1)
    }))

  it.effect("G3: a start resolves when the layers are built, and the end of the actor waits for their release", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.andThen(
        Actor.nursery(Effect.andThen(Actor.start("frank", { expose: [slow] }), Journal.say("started"))),
        Journal.say("nursery done")
      ))
      yield* pass(2000)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal.map((line) => line.replace(/released \d+/, "released")), [
        "0 building",
        "500 started",
        "500 releasing",
        "1000 released",
        "1000 nursery done"
      ])
    }).pipe(inMemory))

  it.effect("a handler that ends with its actor uses its layer until it has ended, and the layer is released afterwards", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const region = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [lasting] })
        yield* Effect.forkDetach(Effect.ignore(frank.run(lasting())))
        yield* settle
        yield* frank.cancel("enough")
        yield* Journal.say("ended")
      })))
      yield* pass(1000)
      yield* Fiber.join(region)
      assert.deepStrictEqual(journal.map((line) => line.replace(/released \d+/, "released")), [
        "200 lasting asked 1",
        "200 releasing",
        "200 released",
        "200 ended"
      ])
    }).pipe(inMemory))

  it.effect("G4: a layer that fails makes its start fail with SpawnFailed at the step layer and the error as text, and leaves no actor", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const events = yield* collectEvents
      const error = yield* spawnFailed(Actor.runInActor(failing()))
      assert.strictEqual(error.step, "layer")
      assert.strictEqual(error.actor.name, "failing")
      assert.isAbove(error.actor.pid, 0)
      assert.strictEqual(error.failure?.type, "NoDatabase")
      assert.strictEqual(error.failure?.origin.name, "failing")
      assert.match(error.message, /^actor "failing" did not start \(step: layer\): .*nowhere/)
      // The layers built before it are released.
      assert.strictEqual(count(journal, "built"), 1)
      assert.strictEqual(count(journal, "released"), 1)
      assert.deepStrictEqual(theatre.living(), [])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
      yield* settle
      assert.deepStrictEqual(events.map(({ _tag }) => _tag).filter((tag) => tag !== "ActorEnding"), [
        "ActorSpawning",
        "ActorSpawnFailed",
        "ActorEnded"
      ])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a layer that dies makes its start fail with SpawnFailed at the step layer", () =>
    Effect.gen(function*() {
      const error = yield* spawnFailed(Effect.scoped(Actor.startScoped("frank", { expose: [dying] })))
      assert.strictEqual(error.step, "layer")
      assert.strictEqual(error.failure?.type, "RangeError")
      assert.strictEqual(error.failure?.cause?.message, "full")
      assert.match(error.message, /^actor "frank" did not start \(step: layer\): no room/)
    }).pipe(inMemory))

  it.effect("a layer that never finishes its build is interrupted after Timeouts.spawn, and the start fails with SpawnFailed", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(spawnFailed(Actor.runInActor(endless())))
      yield* pass(950)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(100)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.step, "layer")
      assert.match(error.message, /it was not ready after 1000 ms; raise Timeouts\.spawn if it needs longer/)
      assert.deepStrictEqual(journal, ["1000 endless interrupted"])
      assert.deepStrictEqual(theatre.living(), [])
    }).pipe(
      Timeouts.provide({ spawn: 1000 }),
      drained,
      Effect.provide(theatre.layer)
    )
  })

  it.effect("interrupting a start interrupts the building of its layers", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(endless()))
      yield* pass(200)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(journal, ["200 endless interrupted"])
      assert.deepStrictEqual(theatre.living(), [])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a layer may start an actor of its own, which is gone when the actor that has built the layer is gone", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Actor.runInActor(helped({ n: 7 })), { helper: "helper", prime: true })
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("every call has its own Scope, in this process and in an actor", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* Effect.andThen(scoped(), Journal.say("after here"))
      yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [scoped] })
        yield* Effect.andThen(frank.run(scoped()), Journal.say("after there"))
      }))
      assert.deepStrictEqual(journal, [
        "0 call runs",
        "0 call closed",
        "0 after here",
        "0 call runs",
        "0 call closed",
        "0 after there"
      ])
    }).pipe(inMemory))
})
