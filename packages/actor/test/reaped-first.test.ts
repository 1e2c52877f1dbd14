import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { work } from "./fixtures/cancelling.ts"
import * as Puppets from "./support/Puppets.ts"
import { settle } from "./support/Time.ts"

describe("A process that exits before its owner gets its handle", () => {
  it.effect("G4: a process that exits before its owner gets its handle fails its start and is not listed among the children", () =>
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

describe("A process that is reaped before its connection ends", () => {
  it.effect("an actor that is reaped before its connection ends is lost, not closed, for open calls and for later calls", () => {
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
