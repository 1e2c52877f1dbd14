import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import { whenClosed } from "@furrow/actor/internal/portal/Portal"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { stuckForEver } from "./fixtures/cancelling.ts"
import { hang } from "./fixtures/prime.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

describe("portal.closed resolves when the connection of the portal ends", () => {
  it.effect("G118: portal.closed resolves when the connection ends, before open calls fail and before the actor is reaped", () => {
    const theatre = Puppets.make({ stubborn: ["frank"] })
    return Effect.scoped(Effect.gen(function*() {
      const frank = yield* Actor.startScoped("frank", { expose: [stuckForEver] })
      const heard: Array<string> = []
      const note = (what: string) => () => Effect.sync(() => void heard.push(what))
      yield* Effect.forkChild(Effect.onExit(Effect.ignore(frank.run(stuckForEver())), note("call")))
      yield* Effect.forkChild(Effect.onExit(frank.closed, note("closed")))
      yield* Effect.forkChild(Effect.onExit(frank.wait, note("wait")))
      whenClosed(frank, () => heard.push("now"))
      const forget = whenClosed(frank, () => heard.push("forgotten"))
      yield* settle
      assert.deepStrictEqual(heard, [])
      forget()
      theatre.puppet("frank").unplug()
      yield* settle
      assert.deepStrictEqual(heard, ["now", "closed"])
      yield* pass(2000)
      assert.deepStrictEqual(heard, ["now", "closed", "call", "wait"])
      // Later it is known at once.
      yield* frank.closed
      whenClosed(frank, () => heard.push("late"))
      assert.strictEqual(heard.at(-1), "late")
    })).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G118: the Effect portal.closed resolves when the actor says its last word, and when the owner ends the actor", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const frank = yield* Scope.provide(Actor.startScoped("frank", { expose: [hang] }), scope)
      const closed = yield* Effect.forkChild(frank.closed)
      yield* settle
      assert.isUndefined(closed.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(closed)
    }).pipe(drained, Effect.provide(MemoryActor.layer)))
})
