/** Handles of processes, listeners and transports that throw or never answer: an owner says so in a log, and goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, type Spawner } from "@furrow/actor"
import { current } from "@furrow/actor/internal/local/LocalActor"
import * as Ladder from "@furrow/actor/internal/supervision/ShutdownLadder"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { work } from "./fixtures/cancelling.ts"
import { isPrime } from "./fixtures/prime.ts"
import * as Journal from "./support/Journal.ts"
import { captureLogs } from "./support/Logs.ts"
import { drained, pass, settle } from "./support/Time.ts"

const throws = () => {
  throw new Error("out of order")
}

const errorsOf = ({ lines }: ReturnType<typeof captureLogs>) =>
  lines.filter(({ level }) => level === "Error").map(({ message }) => String((message as ReadonlyArray<unknown>)[0]))

const start = Actor.start("frank", { expose: [work, isPrime] })

/** Its actor does not hear that it is to end. */
const broken = (handle: Partial<Spawner.ProcessHandle>, deaf = () => false) =>
  MemoryActor.layer({
    between: (process) => {
      const { connection } = process
      return {
        ...process,
        connection: { ...connection, write: (chunks) => deaf() || connection.write(chunks) },
        ...handle
      }
    }
  })

describe("An owner ends its actor even if the spawner's handle of the actor's process throws, or never reports the exit", () => {
  it.effect("G97: an actor whose process handle never reports the exit is given up after its kill, is lost, and is logged", () => {
    const logs = captureLogs()
    return Effect.gen(function*() {
      yield* Journal.fresh
      const region = yield* Effect.forkChild(Effect.flip(Actor.nursery(start)))
      yield* pass(1000)
      yield* pass(Ladder.reapBoundMillis - 1000, 1000)
      assert.isUndefined(region.pollUnsafe())
      yield* pass(1000)
      const error = yield* Fiber.join(region)
      assert.deepInclude(error, { _tag: "ActorLost" })
      assert.match(error.message, /the exit of its process is unseen: it may still be there/)
      assert.match(errorsOf(logs).join("\n"), /frank@\d+ was killed, and its exit is unseen/)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(drained, Effect.provide(broken({ whenExited: () => {} })), Effect.provide(logs.layer))
  })

  for (const member of ["whenExited", "signal", "lastLines"] as const) {
    it.effect(`G97: an actor answers calls and can be ended even if a function of its process handle throws (case: ${member})`, () => {
      const logs = captureLogs()
      let deaf = false
      return Effect.gen(function*() {
        yield* Journal.fresh
        const region = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
          const frank = yield* start
          assert.isTrue(yield* frank.run(isPrime({ n: 7 })))
          deaf = true
        }))))
        yield* pass(2000)
        yield* pass(Ladder.reapBoundMillis, 1000)
        assert.isDefined(region.pollUnsafe())
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
        assert.match(errorsOf(logs).join("\n"), new RegExp(`${member} of its process threw for frank@\\d+`))
      }).pipe(drained, Effect.provide(broken({ [member]: throws }, () => deaf)), Effect.provide(logs.layer))
    })
  }

  it.effect("G97: a process handle that reports its exit twice, or with nonsense, gives its actor one exit", () => {
    const callbacks: Array<(exit: any) => void> = []
    return Effect.gen(function*() {
      const region = yield* Effect.forkChild(Effect.flip(Actor.nursery(Effect.andThen(start, Effect.never))))
      yield* settle
      for (const exit of [undefined, { code: 0, signal: null }]) callbacks[0]!(exit)
      yield* pass(100)
      const error = yield* Fiber.join(region)
      assert.deepInclude(error, { _tag: "ActorLost" })
      assert.match(error.message, /exited with code -1/)
    }).pipe(drained, Effect.provide(broken({ whenExited: (callback) => void callbacks.push(callback) })))
  })
})

describe("An actor's end is reported to all listeners even if one of them throws", () => {
  it.effect("G97: a listener for the end of an actor may throw: all other listeners are called, and the nursery ends", () => {
    const logs = captureLogs()
    return Effect.gen(function*() {
      const local = yield* current
      const heard: Array<string> = []
      const off = local.events.subscribe(throws)
      yield* Effect.addFinalizer(() => Effect.sync(off))
      local.reach = { ...local.reach!, forget: throws }
      const region = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* start
        const [child] = Array.from(local.children) as unknown as ReadonlyArray<{ whenGone: (f: () => void) => void }>
        child!.whenGone(throws)
        child!.whenGone(() => heard.push("the second"))
        yield* frank.cancel()
        heard.push((yield* frank.wait)._tag)
      })))
      yield* pass(1000)
      yield* Fiber.join(region)
      assert.deepStrictEqual(heard, ["the second", "Cancelled"])
      const errors = errorsOf(logs).join("\n")
      for (const what of ["a callback for its end threw", "forget of a transport threw"]) assert.include(errors, what)
    }).pipe(Effect.scoped, drained, Effect.provide(MemoryActor.layer), Effect.provide(logs.layer))
  })
})
