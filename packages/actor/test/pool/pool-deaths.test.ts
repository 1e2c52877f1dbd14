import { assert, describe, it } from "@effect/vitest"
import type { Actor } from "@furrow/actor"
import { MemoryActor, Pool, Timeouts } from "@furrow/actor"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { fragile, fragileStarts, noted, redo, work } from "../fixtures/pooled.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { captureLogs } from "../support/Logs.ts"
import * as Puppets from "../support/Puppets.ts"
import { drained, pass, settle, within } from "../support/Time.ts"
import { begin, beginAll, type Crew, now, type Options, ready, states, withCrew } from "./Pools.ts"

/** A pool whose workers the test can let die. */
const withPuppets = <A, E>(
  options: Options,
  program: (pool: Crew, theatre: Puppets.Theatre) => Effect.Effect<A, E, Scope.Scope | Actor.ActorRuntime>
) => {
  const theatre = Puppets.make()
  const logs = captureLogs()
  return withCrew(options, (pool) => program(pool, theatre)).pipe(
    drained,
    Effect.provide(theatre.layer),
    Effect.provide(logs.layer)
  )
}

describe("A pool replaces a worker that dies", () => {
  it.effect("G144: a worker that dies fails only its own tasks, with ActorLost, and is replaced", () =>
    withPuppets({ size: 2 }, (pool, theatre) =>
      Effect.gen(function*() {
        const tasks = yield* Effect.forEach([1, 2, 3, 4], () => begin(Effect.exit(pool.run(work({ millis: 1000 })))))
        yield* pass(500)
        theatre.puppet("crew-1").die({ signal: "SIGKILL" })
        yield* pass(2000)
        const exits = yield* Effect.forEach(tasks, now)
        const lost = exits.filter(Exit.isFailure)
        assert.strictEqual(lost.length, 1)
        const [error] = lost.flatMap(({ cause }) => cause.reasons)
        assert.isTrue(
          error?._tag === "Fail" && error.error._tag === "ActorLost" && error.error.how._tag === "Signalled"
        )
        assert.deepStrictEqual((yield* ready(pool)).toSorted(), ["crew-2", "crew-3"])
        assert.strictEqual((yield* pool.statistics).replaced.lost, 1)
      })))

  it.effect("G145: a worker gets no task after the end of its connection, even if its exit is not known yet", () => {
    const handles = new Map<string, ProcessHandle>()
    const exits: Array<() => void> = []
    const between = (handle: ProcessHandle): ProcessHandle => {
      handles.set(handle.actor.name, handle)
      // Its exit is not seen before the test says so.
      return { ...handle, whenExited: (told) => handle.whenExited((exit) => void exits.push(() => told(exit))) }
    }
    const release = Effect.sync(() => exits.splice(0).forEach((tell) => tell()))
    return Effect.gen(function*() {
      yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sleep("1 second"), release)))
      yield* withCrew({ size: 1 }, (pool) =>
        Effect.gen(function*() {
          yield* pool.run(work({ millis: 0 }))
          handles.get("crew-1")!.signal("SIGKILL")
          yield* settle
          const next = yield* begin(pool.run(work({ millis: 0 })))
          yield* settle
          assert.strictEqual(yield* now(next), "crew-2")
          const { replaced, retried } = yield* pool.statistics
          assert.deepStrictEqual([replaced.lost, retried], [1, 0])
        }))
    }).pipe(drained, Effect.provide(Layer.orDie(MemoryActor.layer({ between }))))
  })

  it.effect("an idle worker that dies is replaced, and the next task is answered", () =>
    withPuppets({ size: 1 }, (pool, theatre) =>
      Effect.gen(function*() {
        yield* begin(pool.run(work({ millis: 0 })))
        yield* settle
        theatre.puppet("crew-1").die({ code: 3 })
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* settle
        assert.strictEqual(yield* now(next), "crew-2")
      })))

  it.effect("a worker that dies before its first task is replaced after a delay, at most three times", () =>
    withPuppets({ size: 1 }, (pool, theatre) =>
      Effect.gen(function*() {
        theatre.puppet("crew-1").die({ code: 1 })
        yield* settle
        assert.include(yield* states(pool), "backing")
        yield* pass(100)
        theatre.puppet("crew-2").die({ code: 1 })
        yield* pass(199)
        assert.deepStrictEqual(yield* ready(pool), [])
        yield* pass(1)
        theatre.puppet("crew-3").die({ code: 1 })
        yield* pass(60_000, 1000)
        assert.deepStrictEqual(theatre.living(), [])
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* settle
        assert.strictEqual(yield* now(next), "crew-4")
      })))

  it.effect(
    "G165: workers that die with every task do not cause endless starts: waiting tasks fail, and a later task gets one start",
    () =>
      withPuppets({ size: 1 }, (pool, theatre) =>
        Effect.gen(function*() {
          let deaths = 0
          // A worker that is up dies with the task it was given just now.
          const killing = yield* begin(Effect.forever(Effect.gen(function*() {
            yield* Effect.sleep(5)
            const { workers } = yield* pool.statistics
            for (const { actor, state } of workers) {
              if (state !== "busy") continue
              deaths++
              theatre.puppet(actor!.name).die({ signal: "SIGSEGV" })
            }
          })))
          const tasks = yield* beginAll(1000, Effect.flip(pool.run(work({ millis: 1000 }))))
          yield* pass(1000, 10)
          assert.strictEqual(deaths, 3)
          const errors = yield* Effect.forEach(tasks, now)
          const told = errors.filter((error) => error._tag === "ActorUnreachable")
          assert.strictEqual(told.length, 997)
          assert.match(told[0]!.message, /its workers die before a task of theirs is over, the last one was crew-3/)
          assert.strictEqual(errors.filter(({ _tag }) => _tag === "ActorLost").length, 3)
          const later = yield* begin(Effect.flip(pool.run(work({ millis: 1000 }))))
          yield* pass(1000, 10)
          assert.strictEqual((yield* now(later))._tag, "ActorLost")
          assert.strictEqual(deaths, 4)
          yield* Fiber.interrupt(killing)
          const last = yield* beginAll(3, pool.run(work({ millis: 10 })))
          yield* pass(1000)
          assert.strictEqual((yield* Effect.forEach(last, now)).length, 3)
        })),
    60_000
  )

  it.effect("a worker is replaced if its process ends before its connection", () =>
    withPuppets({ size: 1, recycle: { age: "1 hour" } }, (pool, theatre) =>
      Effect.gen(function*() {
        yield* begin(pool.run(work({ millis: 0 })))
        yield* settle
        theatre.puppet("crew-1").reap({ signal: "SIGKILL" })
        yield* settle
        const next = yield* begin(pool.run(work({ millis: 0 }), { key: "a" }))
        yield* pass(1000)
        assert.strictEqual(yield* now(next), "crew-2")
        assert.strictEqual((yield* pool.statistics).replaced.lost, 1)
      })))

  it.effect("a worker that dies frees its keys: another worker runs their waiting tasks in order", () =>
    withPuppets({ size: 2 }, (pool, theatre) =>
      Effect.gen(function*() {
        const task = (millis: number) => Effect.exit(pool.run(work({ millis }), { key: "a" }))
        const tasks = yield* Effect.forEach([1000, 100, 100], (millis) => begin(task(millis)))
        yield* settle
        const { workers } = yield* pool.statistics
        const [holder] = workers.filter(({ state }) => state === "busy")
        theatre.puppet(holder!.actor!.name).die({ signal: "SIGSEGV" })
        yield* pass(150)
        assert.isTrue(Exit.isFailure(yield* now(tasks[0]!)))
        const second = yield* now(tasks[1]!)
        assert.isUndefined(tasks[2]!.pollUnsafe())
        yield* pass(100)
        assert.deepStrictEqual(yield* now(tasks[2]!), second)
        assert.isTrue(Exit.isSuccess(second))
      })))

  it.effect("G146: the task of a worker that dies is repeated if its endpoint is idempotent, as often as the option `retries` allows", () =>
    withPuppets({ size: 1 }, (pool, theatre) =>
      Effect.gen(function*() {
        const again = yield* begin(pool.run(redo({ millis: 1000 })))
        yield* settle
        theatre.puppet("crew-1").die({ signal: "SIGKILL" })
        yield* pass(1100)
        assert.strictEqual(yield* now(again), "crew-2")
        const never = yield* begin(Effect.flip(pool.run(redo({ millis: 1000 }), { retries: 0 })))
        yield* settle
        theatre.puppet("crew-2").die({ signal: "SIGKILL" })
        yield* pass(200)
        assert.strictEqual((yield* now(never))._tag, "ActorLost")
        const twice = yield* begin(Effect.flip(pool.run(redo({ millis: 1000 }), { retries: 2 })))
        for (const name of ["crew-3", "crew-4", "crew-5"]) {
          yield* pass(200)
          theatre.puppet(name).die({ signal: "SIGKILL" })
        }
        yield* pass(200)
        assert.strictEqual((yield* now(twice))._tag, "ActorLost")
        assert.strictEqual((yield* pool.statistics).retried, 3)
      })))

  it.effect("G146: the death of several workers at the same moment costs a task only one retry", () =>
    withPuppets({ size: 4 }, (pool, theatre) =>
      Effect.gen(function*() {
        const again = yield* begin(pool.run(redo({ millis: 1000 })))
        yield* settle
        for (const name of ["crew-1", "crew-2", "crew-3"]) theatre.puppet(name).die({ signal: "SIGKILL" })
        yield* pass(1100)
        assert.strictEqual(yield* now(again), "crew-4")
        assert.strictEqual((yield* pool.statistics).retried, 1)
      })))

  it.effect("the death of a worker is logged, with its exit", () => {
    const theatre = Puppets.make()
    const logs = captureLogs()
    return withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        yield* begin(pool.run(work({ millis: 0 })))
        yield* settle
        theatre.puppet("crew-1").die({ signal: "SIGSEGV" })
        yield* settle
      })).pipe(
        drained,
        Effect.provide(theatre.layer),
        Effect.provide(logs.layer),
        Effect.andThen(
          Effect.sync(() =>
            assert.deepStrictEqual(logs.lines.map(({ level, message }) => [level, message]), [
              ["Warn", ["the pool \"crew\" has lost a worker: crew-1@1 is lost: its process was killed by SIGSEGV"]]
            ])
          )
        )
      )
  })
})

describe("A worker of a pool gets no task while the worker ends", () => {
  it.effect("G145: a worker gets no more tasks once its owner ends it, though its connection is open", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* withCrew({ size: 1 }, (pool) =>
        Effect.gen(function*() {
          const worker = yield* pool.use(Effect.succeed)
          yield* begin(Effect.exit(worker.run(noted({ name: "it", millis: 60_000, cleanup: 1000 }))))
          yield* settle
          yield* begin(worker.cancel("dismissed"))
          yield* settle
          const next = yield* begin(pool.run(work({ millis: 0 })))
          yield* settle
          assert.strictEqual(yield* now(next), "crew-2")
          const { replaced, retried } = yield* pool.statistics
          assert.deepStrictEqual([replaced.left, retried], [1, 0])
          yield* pass(1500)
          assert.deepStrictEqual(journal.slice(-2), ["0 it cancelled by root: dismissed", "1000 it finalized"])
        }))
    }).pipe(inMemory))
})

describe("A pool tries a failed start of a worker again", () => {
  const withFragile = <A, E>(
    size: Pool.Size,
    program: (pool: Pool.Pool<typeof fragile | typeof work>) => Effect.Effect<A, E, Scope.Scope | Actor.ActorRuntime>
  ) =>
    Effect.gen(function*() {
      fragileStarts.count = 0
      fragileStarts.fail = false
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Pool.make({ name: "crew", expose: [fragile, work], size }), scope)
      const exit = yield* Effect.exit(Scope.provide(program(pool), scope))
      yield* within(60_000)(Scope.close(scope, Exit.void))
      return yield* exit
    }).pipe(inMemory, Effect.ensuring(Effect.sync(() => fragileStarts.fail = false)))

  it.effect("G143: a worker that cannot start is tried three times with growing delays, then the tasks that wait for it fail", () =>
    withFragile({ max: 2 }, (pool) =>
      Effect.gen(function*() {
        fragileStarts.fail = true
        const task = yield* begin(Effect.flip(pool.run(fragile())))
        yield* settle
        assert.strictEqual(fragileStarts.count, 1)
        yield* pass(100)
        assert.strictEqual(fragileStarts.count, 2)
        yield* pass(199)
        assert.isUndefined(task.pollUnsafe())
        yield* pass(1)
        const error = yield* now(task)
        assert.strictEqual(error._tag === "SpawnFailed" && error.step, "layer")
        yield* pass(60_000, 1000)
        assert.strictEqual(fragileStarts.count, 3)
      })))

  it.effect("G143: a worker that cannot start is tried once for each later task, until a start succeeds", () =>
    withFragile({ min: 0, max: 2 }, (pool) =>
      Effect.gen(function*() {
        fragileStarts.fail = true
        const task = yield* begin(Effect.flip(pool.run(fragile())))
        yield* pass(1000)
        yield* now(task)
        const next = yield* begin(Effect.flip(pool.run(fragile())))
        yield* settle
        assert.strictEqual((yield* now(next))._tag, "SpawnFailed")
        assert.strictEqual(fragileStarts.count, 4)
        fragileStarts.fail = false
        const tasks = yield* beginAll(4, pool.run(work({ millis: 100 })))
        yield* pass(300)
        yield* Effect.forEach(tasks, now)
        assert.strictEqual((yield* ready(pool)).length, 2)
      })))

  it.effect("a worker that fails to start fails no task that another worker can run", () =>
    withFragile({ min: 1, max: 2 }, (pool) =>
      Effect.gen(function*() {
        fragileStarts.fail = true
        const tasks = yield* beginAll(3, pool.run(work({ millis: 1000 })))
        yield* pass(4000)
        assert.deepStrictEqual(yield* Effect.forEach(tasks, now), ["crew-1", "crew-1", "crew-1"])
      })))
})

describe("A pool ends its workers when its Scope closes", () => {
  it.effect("G141: a pool whose Scope closes during the start of a worker ends that start and leaves no worker", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const theatre = Puppets.make()
      yield* Effect.gen(function*() {
        const pool = yield* Scope.provide(Pool.make({ name: "crew", expose: [work], size: { max: 1 } }), scope)
        const task = yield* begin(Effect.flip(pool.run(work({ millis: 0 }))))
        const closing = yield* begin(Scope.close(scope, Exit.void))
        yield* pass(1000)
        yield* now(closing)
        assert.strictEqual((yield* now(task))._tag, "ActorUnreachable")
        assert.deepStrictEqual(theatre.living(), [])
      }).pipe(Effect.provide(theatre.layer))
    }).pipe(drained))

  it.effect("a pool whose Scope closes waits no longer than the shutdown ladder for a worker that does not answer", () =>
    withPuppets({ size: 1 }, (pool, theatre) =>
      Effect.gen(function*() {
        const task = yield* begin(Effect.exit(pool.run(work({ millis: 60_000 }))))
        yield* settle
        theatre.puppet("crew-1").deafen()
        const draining = yield* begin(pool.drain(0))
        yield* pass(1000)
        yield* now(draining)
        yield* now(task)
        assert.deepStrictEqual(theatre.living(), [])
      })).pipe(Timeouts.provide({ cancelAck: 500, terminate: 400 })))

  it.effect("an interrupted Pool.make ends the workers that it has started", () =>
    Effect.gen(function*() {
      const theatre = Puppets.make()
      yield* Effect.gen(function*() {
        const making = yield* Effect.forkChild(Effect.scoped(Pool.make({ expose: [work], size: 3 })))
        yield* Effect.yieldNow
        const ending = yield* begin(Fiber.interrupt(making))
        yield* pass(5000)
        yield* now(ending)
        assert.deepStrictEqual(theatre.living(), [])
      }).pipe(Effect.provide(theatre.layer))
    }).pipe(drained))
})
