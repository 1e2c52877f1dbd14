/** The end of a tree of several levels: what waits for the exit of a process, and what is done meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import { current } from "@furrow/actor/internal/local/LocalActor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { happened, inner } from "./fixtures/levels.ts"
import { drained, settle } from "./support/Time.ts"

/** Exits that have happened and are not yet reported to the parents, by the name of the actor. */
const held = new Map<string, () => void>()

const layer = MemoryActor.layer({
  between: (process) => ({
    ...process,
    whenExited: (callback) =>
      process.whenExited((exit) => {
        happened.push(`${process.actor.name} exits`)
        held.set(process.actor.name, () => callback(exit))
      })
  })
})

describe("a Scope that has started an actor closes only after the exit of the actor's process", () => {
  it.effect("G294: a finalizer that a Scope got before it started an actor runs only after the exit of the actor's process", () =>
    Effect.gen(function*() {
      happened.length = 0
      held.clear()
      const life = Effect.scoped(Effect.gen(function*() {
        const portal = yield* Actor.startScoped("inner", { expose: [inner] })
        yield* Effect.forkScoped(Effect.exit(portal.run(inner())))
        yield* settle
      }))
      const ending = yield* Effect.forkChild(life)
      yield* settle
      yield* settle
      assert.deepStrictEqual(happened, ["up", "leaf is interrupted", "leaf exits"])
      held.get("leaf")!()
      yield* settle
      assert.deepStrictEqual(happened.slice(3), ["finalizer of inner", "inner exits"])
      assert.isUndefined(ending.pollUnsafe())
      held.get("inner")!()
      yield* Fiber.join(ending)
    }).pipe(drained, Effect.provide(layer)))

  it.effect("a parent prepares the report of an actor's end between the last word of the actor and the exit of its process", () =>
    Effect.gen(function*() {
      happened.length = 0
      held.clear()
      const local = yield* current
      local.reach = { ...local.reach!, prepareGone: () => void happened.push("prepared") }
      const ending = yield* Effect.forkChild(Effect.scoped(Actor.startScoped("inner", { expose: [inner] })))
      yield* settle
      assert.sameMembers(happened, ["prepared", "inner exits"])
      assert.isUndefined(ending.pollUnsafe())
      held.get("inner")!()
      yield* Fiber.join(ending)
    }).pipe(drained, Effect.provide(layer)))
})
