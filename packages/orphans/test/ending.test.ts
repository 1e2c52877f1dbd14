import { assert, describe, it } from "@effect/vitest"
import { Actor, Timeouts } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Path from "node:path"
import { hows, stuck } from "./fixtures/stuck.ts"
import { timed, withActors } from "./support.ts"

type How = typeof hows[number]

/** The bound for finalizers is short, because some actors must exceed it; the others are the defaults. */
const bounds = { ...Timeouts.defaults, finalizers: 1_000 }
/** Milliseconds: 0.5 s to answer, 1 s to finalize, 0.5 s to terminate, and more for a busy host. */
const withinBounds = 4_000

/** Waits until a process is stuck in the given way, and returns its pid. */
const doing = (file: string, how: How) =>
  Eventually.holds(`an actor ${how}`, () => {
    const line = Folder.lines(file).find((line) => line.startsWith(how))
    return line === undefined ? undefined : Number(line.slice(how.length))
  }, { within: "25 seconds" })

const endedInTime = (pid: number, millis: number) =>
  Effect.sync(() => {
    assert.isBelow(millis, withinBounds)
    // The check does not wait, because the process must have ended before its owner goes on.
    assert.isFalse(Processes.isAlive(pid))
  })

/** All tests run at once, because they wait more than they compute. */
const each = (test: (how: How, file: string) => Effect.Effect<void, unknown, any>) =>
  withActors(
    Effect.gen(function*() {
      const file = Path.join(yield* Folder.make(), "doing")
      yield* Effect.forEach(hows, (how) => test(how, file), { concurrency: "unbounded", discard: true })
    }).pipe(Effect.provideService(Timeouts.Timeouts, bounds)) as Effect.Effect<void, unknown, Actor.ActorRuntime>
  )

describe("An actor that ignores a cancel, computes for ever, blocks or is stopped is ended within the bound of the shutdown ladder", () => {
  it.live("portal.cancel ends a stubborn actor within the bound of the shutdown ladder", () =>
    each((how, file) =>
      Effect.scoped(Effect.gen(function*() {
        const portal = yield* Actor.startScoped("stuck", { expose: [stuck] })
        const call = yield* Effect.forkChild(Effect.exit(portal.run(stuck({ file, how }))))
        const pid = yield* doing(file, how)
        const [, millis] = yield* timed(portal.cancel("enough"))
        yield* endedInTime(pid, millis)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(call)))
      }))
    ))

  it.live("G1: leaving the nursery of a stubborn actor ends the actor within the bound of the shutdown ladder", () =>
    each((how, file) =>
      Effect.gen(function*() {
        const [[pid, left], returned] = yield* Effect.map(
          Actor.nursery(Effect.gen(function*() {
            const portal = yield* Actor.start("stuck", { expose: [stuck] })
            yield* Effect.forkChild(portal.run(stuck({ file, how })))
            return [yield* doing(file, how), performance.now()] as const
          })),
          (body) => [body, performance.now()] as const
        )
        yield* endedInTime(pid, returned - left)
      })
    ))

  it.live("a failure of the nursery of a stubborn actor ends the actor within the bound of the shutdown ladder", () =>
    each((how, file) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Actor.nursery(Effect.gen(function*() {
          yield* Actor.forkInActor(stuck({ file, how }))
          const pid = yield* doing(file, how)
          return yield* Effect.fail({ pid, at: performance.now() })
        })))
        if (!("pid" in error)) return assert.fail(error.message)
        yield* endedInTime(error.pid, performance.now() - error.at)
      })
    ))

  it.live("Effect.timeout around runInActor ends a stubborn actor within the bound of the shutdown ladder", () =>
    each((how, file) =>
      Effect.gen(function*() {
        const start = performance.now()
        const error = yield* Actor.runInActor(stuck({ file, how })).pipe(Effect.timeout("5 seconds"), Effect.flip)
        assert.strictEqual(error._tag, "TimeoutError")
        yield* endedInTime(yield* doing(file, how), performance.now() - start - 5_000)
      })
    ))
})
