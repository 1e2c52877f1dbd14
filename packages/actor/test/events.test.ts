import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Nursery } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { short, ticks, work } from "./fixtures/cancelling.ts"
import { audit, reports } from "./fixtures/family.ts"
import { failing } from "./fixtures/layered.ts"
import { hang, isPrime } from "./fixtures/prime.ts"
import { numbers } from "./fixtures/streaming.ts"
import { collectEvents } from "./support/Events.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

const spell = (event: Actor.ActorEvent): string => {
  switch (event._tag) {
    case "ActorEnding":
      return `ending ${event.rung}`
    case "ActorEnded":
      return `ended ${event.exit._tag}`
    case "ActorReady":
      return `ready ${event.actor.name}`
    case "ActorSpawning":
      return `spawning ${event.name}`
    default:
      return event._tag
  }
}

describe("An actor reports its events to several readers", () => {
  it.effect("G277: every reader gets the events of an actor, even if another reader dies or leaves", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const dying = yield* Effect.forkChild(
        Effect.exit(Stream.runForEach(Actor.events, (): Effect.Effect<void> => {
          throw new Error("the reader threw")
        })),
        { startImmediately: true }
      )
      const leaving = yield* Effect.forkChild(Stream.runHead(Actor.events), { startImmediately: true })
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Actor.runInActor(short({ millis: 100 }), { name: "frank" }))
      yield* pass(200)
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* Fiber.join(dying))._tag, "Failure")
      assert.strictEqual((yield* Fiber.join(leaving))._tag, "Some")
      assert.includeMembers(events.map(spell), ["spawning frank", "ready frank", "ended Cancelled"])
    }).pipe(inMemory))

  it.effect("G63: Actor.events reports the life of an actor, each rung of the shutdown ladder included", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Actor.runInActor(short({ millis: 100 }), { name: "frank" }))
      yield* pass(200)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(events.map(spell), [
        "spawning frank",
        "ready frank",
        "ending Asked",
        "ending Finalizing",
        "ending Leaving",
        "ending Gone",
        "ended Cancelled"
      ])
    }).pipe(inMemory))

  it.effect("Actor.events reports a lost actor and a failed start", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.runInActor(hang())))
      yield* settle
      theatre.puppet("hang").die({ code: 3 })
      yield* settle
      yield* Fiber.join(fiber)
      const lost = events.find((event) => event._tag === "ActorLost")
      assert(lost?._tag === "ActorLost" && lost.error._tag === "ActorLost")
      assert.deepStrictEqual(lost.error.how, { _tag: "Exited", code: 3 })
      assert.deepStrictEqual(events.map(spell).slice(-1), ["ended Lost"])
      yield* Effect.exit(Actor.runInActor(failing()))
      yield* settle
      const failed = events.find((event) => event._tag === "ActorSpawnFailed")
      assert.strictEqual(failed?._tag === "ActorSpawnFailed" && failed.name, "failing")
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a reader that leaves Actor.events is removed, and two readers get the same events", () =>
    Effect.gen(function*() {
      const first = yield* collectEvents
      const brief = yield* Effect.forkChild(Stream.runCollect(Stream.take(Actor.events, 2)))
      yield* settle
      yield* Actor.runInActor(isPrime({ n: 7 }))
      yield* settle
      const two = yield* Fiber.join(brief)
      assert.strictEqual(two.length, 2)
      assert.deepStrictEqual(first.slice(0, 2), two)
      assert.isAbove(first.length, 2)
    }).pipe(inMemory))
})

describe("Actor.statistics returns the identity, the endpoints and the children of the running actor", () => {
  it.effect("G63: Actor.statistics shows the actor's identity, what it serves, its children and their rungs of the shutdown ladder", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [work] })
        yield* frank.run(work({ cleanup: 200 }))
      })))
      yield* settle
      const running = yield* Actor.statistics
      assert.deepStrictEqual(running.actor, (yield* Actor.current).id)
      assert.deepStrictEqual(running.children.map(({ actor, state }) => [actor.name, state]), [["frank", "Running"]])
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      assert.deepStrictEqual((yield* Actor.statistics).children.map(({ state }) => state), ["Finalizing"])
      assert.deepStrictEqual(running.children.map(({ state }) => state), ["Running"])
      yield* pass(300)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("portal.statistics shows open dialogs, frames and bytes in both directions", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Journal.fresh
      const frank = yield* Actor.start("frank", { expose: [isPrime, hang, ticks, numbers] })
      const before = yield* frank.statistics
      assert.deepStrictEqual(before.actor, frank.actor)
      assert.deepStrictEqual(before.exposed, ["isPrime", "hang", "ticks", "numbers"])
      assert.deepStrictEqual(before.channel.peer, frank.actor)
      assert.deepStrictEqual([before.channel.state, before.channel.dialogs, before.channel.stuck], ["Open", 0, 0])
      yield* frank.run(isPrime({ n: 7 }))
      const after = yield* frank.statistics
      assert.strictEqual(after.channel.sent.frames, before.channel.sent.frames + 1)
      assert.strictEqual(after.channel.received.frames, before.channel.received.frames + 1)
      assert.isAbove(after.channel.sent.bytes, before.channel.sent.bytes)
      assert.isAbove(after.channel.received.bytes, before.channel.received.bytes)
      const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(frank.run(hang())))
      yield* settle
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 3)
      yield* Fiber.interruptAll(calls)
      assert.strictEqual((yield* frank.statistics).channel.dialogs, 0)
      assert.isFalse((yield* frank.statistics).channel.full)
    })).pipe(inMemory))

  it.effect("the statistics of both sides of a connection keep nothing of a thousand ended calls, however they ended", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime, hang, reports] })
      // Downwards this side calls, upwards it is called.
      for (let round = 0; round < 250; round++) {
        yield* frank.run(isPrime({ n: 7 }))
        yield* Effect.flip(frank.run(isPrime({ n: 1 })))
        yield* frank.run(reports())
        const call = yield* Effect.forkChild(frank.run(hang()), { startImmediately: true })
        yield* Fiber.interrupt(call)
      }
      yield* settle
      const { dialogs, received, stuck } = (yield* frank.statistics).channel
      assert.isAtLeast(received.frames, 1000)
      assert.deepStrictEqual({ dialogs, stuck }, { dialogs: 0, stuck: 0 })
      assert.deepStrictEqual((yield* Actor.statistics).children.map(({ channel }) => channel!.dialogs), [0])
    })).pipe(drained, Effect.provide(MemoryActor.layer({ name: "root", expose: [audit] }))))

  it.effect("the statistics of an actor are plain data, which can be cloned and do not change afterwards", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      const picture = yield* frank.statistics
      const copy = structuredClone(picture)
      yield* frank.run(isPrime({ n: 7 }))
      assert.deepStrictEqual(picture, copy)
      assert.deepStrictEqual(structuredClone(yield* Actor.statistics), yield* Actor.statistics)
      assert.deepStrictEqual(
        structuredClone(yield* (yield* Nursery.Nursery).statistics),
        yield* (yield* Nursery.Nursery).statistics
      )
    })).pipe(inMemory))
})
