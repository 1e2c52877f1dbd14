import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { work } from "./fixtures/cancelling.ts"
import * as Puppets from "./support/Puppets.ts"
import { settle } from "./support/Time.ts"

describe("The start of an actor fails if the actor's process exits before the spawner returns its handle", () => {
  it.effect("G4: the start of an actor fails, and lists no child, if the actor's process exits before the spawner returns its handle", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(Actor.startScoped("frank", { expose: [work] })))
      assert.strictEqual(exit._tag, "Failure")
      const { children } = yield* Actor.statistics
      assert.deepStrictEqual(children, [])
    }).pipe(Effect.provide(MemoryActor.layer({
      between: (process) => {
        // A driver that hands its process over late: the exit is behind it.
        process.signal("SIGKILL")
        return { ...process, whenExited: (callback) => callback({ code: null, signal: "SIGKILL" }) }
      }
    }))))
})

describe("Calls to an actor fail with ActorLost if its process is reaped before its connection ends", () => {
  it.effect("open and later calls fail with ActorLost, not ChannelClosed, if the actor's process is reaped before the connection ends", () => {
    const theatre = Puppets.make()
    return Effect.scoped(Effect.gen(function*() {
      const frank = yield* Actor.startScoped("frank", { expose: [work] })
      const open = yield* Effect.forkChild(Effect.flip(frank.run(work({ cleanup: 0 }))))
      yield* settle
      theatre.puppet("frank").reap({ signal: "SIGKILL" })
      for (const failure of [Fiber.join(open), Effect.flip(frank.run(work({ cleanup: 0 })))]) {
        const error = yield* failure
        assert.instanceOf(error, ActorError.ActorLost)
        assert.deepStrictEqual(error.how, { _tag: "Signalled", signal: "SIGKILL" })
      }
      const exit = yield* frank.wait
      assert.strictEqual(exit._tag, "Lost")
    })).pipe(Effect.provide(theatre.layer))
  })
})
