/** What an actor may already do before it is ready, while its layers are built. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Counter } from "./fixtures/counter.ts"
import { curious, Follower, impatient } from "./fixtures/curious.ts"
import { audit, waits } from "./fixtures/family.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import { captureLogs } from "./support/Logs.ts"
import { drained, until } from "./support/Time.ts"

const rootThatServes = MemoryActor.layer({ expose: [audit, waits] })

describe("An actor can make calls before it is ready", () => {
  it.effect("an actor whose layers are being built can call its parent, and write logs", () =>
    Effect.gen(function*() {
      const logs = captureLogs()
      const answer = yield* Actor.runInActor(curious()).pipe(
        until(10_000),
        drained,
        Effect.provide(rootThatServes),
        Effect.provide(logs.layer)
      )
      assert.strictEqual(answer, "root heard a question")
      assert.deepStrictEqual(logs.lines.map(({ message }) => String(message)), ["building", "running"])
    }))

  it.effect("an actor whose handlers are being built can call the Services that it uses", () =>
    inMemory(
      Effect.gen(function*() {
        assert.strictEqual(yield* Follower.calls.increment({ by: 1 }), 106)
        assert.strictEqual(yield* Counter.calls.increment({ by: 0 }), 105)
      }).pipe(Effect.provide(Follower.layer.pipe(Layer.provideMerge(Counter.layer))), until(10_000))
    ))

  it.effect("the calls of an actor that is not ready end when its start is given up", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* Effect.gen(function*() {
        const starting = yield* Effect.forkChild(Actor.runInActor(impatient()))
        yield* Effect.sleep(500)
        yield* Fiber.interrupt(starting)
        yield* Effect.sleep(500)
      }).pipe(until(10_000), drained, Effect.provide(rootThatServes))
      assert.include(journal, "0 parent's work starts")
      assert.isTrue(journal.some((line) => line.includes("parent's work cancelled")), journal.join("; "))
    }))
})
