import { assert, describe, it } from "@effect/vitest"
import { Actor, Pool } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { bug, fragile, fragileStarts, half, hold, noted, ticks, twice, work } from "../fixtures/pooled.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { pass, settle, within } from "../support/Time.ts"
import { begin, beginAll, crew, now, ready, states, withCrew } from "./Pools.ts"

describe("A pool runs tasks on its workers", () => {
  it.effect("G135: a task of a pool runs on a free worker, and waits its turn if no worker is free", () =>
    inMemory(withCrew({}, (pool) =>
      Effect.gen(function*() {
        const tasks = yield* beginAll(4, pool.run(work({ millis: 100 })))
        yield* settle
        const { running, waiting } = yield* pool.statistics
        assert.deepStrictEqual([running, waiting], [2, 2])
        yield* pass(200)
        assert.deepStrictEqual((yield* Effect.forEach(tasks, now)).toSorted(), ["crew-1", "crew-1", "crew-2", "crew-2"])
      }))))

  it.effect("a task of a pool fails with the error of its endpoint, and its worker continues", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(pool.run(half({ n: 7 }))))._tag, "Odd")
        assert.strictEqual((yield* Effect.flip(pool.run(bug())))._tag, "RemoteActorError")
        assert.strictEqual((yield* Effect.flip(pool.run(half({ n: 0.5 }))))._tag, "PayloadInvalid")
        assert.strictEqual(yield* pool.run(half({ n: 8 })), 4)
        assert.deepStrictEqual(yield* ready(pool), ["crew-1"])
        const { tasks } = yield* pool.statistics
        assert.deepStrictEqual(tasks, { succeeded: 1, failed: 3, interrupted: 0, timedOut: 0, refused: 0 })
      }))))

  it.effect("G136: a task of a pool is refused at once if the queue is full", () =>
    inMemory(withCrew({ size: 1, queue: 1 }, (pool) =>
      Effect.gen(function*() {
        yield* beginAll(2, pool.run(work({ millis: 100 })))
        const error = yield* Effect.flip(pool.run(work({ millis: 0 })))
        assert.deepInclude(error, { _tag: "PoolFull", pool: "crew", waiting: 1 })
        yield* pass(100)
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* pass(200)
        assert.strictEqual(yield* now(next), "crew-1")
      }))))

  it.effect("G137: the caller of a task continues at its deadline, and a worker that does not let go is replaced", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const task = yield* begin(Effect.flip(pool.run(hold({ millis: 3_600_000 }), { within: 100 })))
        yield* pass(99, 1)
        assert.strictEqual(task.pollUnsafe(), undefined)
        yield* pass(1, 1)
        const error = yield* now(task)
        assert.strictEqual(error._tag === "TaskTimeout" && error.phase, "running")
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* pass(499)
        assert.strictEqual(next.pollUnsafe(), undefined)
        yield* pass(1)
        assert.strictEqual(yield* now(next), "crew-2")
        const { replaced, tasks } = yield* pool.statistics
        assert.strictEqual(replaced.stuck, 1)
        assert.strictEqual(tasks.timedOut, 1)
      }))))

  it.effect("G137: a worker that lets go of a late task stays in its pool, once the finalizers of the task have run", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* withCrew({ size: 1 }, (pool) =>
        Effect.gen(function*() {
          const task = yield* begin(
            Effect.flip(pool.run(noted({ name: "it", millis: 60_000, cleanup: 300 }), { within: 100 }))
          )
          yield* pass(100, 1)
          assert.strictEqual((yield* now(task))._tag, "TaskTimeout")
          const next = yield* begin(pool.run(work({ millis: 0 })))
          yield* pass(400)
          assert.strictEqual(yield* now(next), "crew-1")
          assert.strictEqual(journal.at(-1), "400 it finalized")
        }))
    }).pipe(inMemory))

  it.effect("a task that waits for a free worker fails at its deadline, and waits no longer", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        yield* begin(pool.run(work({ millis: 1000 })))
        const late = yield* begin(Effect.flip(pool.run(work({ millis: 0 }), { within: 100 })))
        yield* pass(100)
        const error = yield* now(late)
        assert.strictEqual(error._tag === "TaskTimeout" && error.phase, "waiting")
        assert.strictEqual((yield* pool.statistics).waiting, 0)
      }))))

  it.effect("G138: a task of a pool leaves the queue when its caller is interrupted, from any position in the queue", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const first = yield* begin(pool.run(work({ millis: 100 })))
        const [second, third, fourth] = yield* beginAll(3, pool.run(work({ millis: 100 })))
        yield* settle
        yield* Fiber.interrupt(third!)
        assert.strictEqual((yield* pool.statistics).waiting, 2)
        yield* pass(300)
        yield* Effect.forEach([first, second!, fourth!], now)
        const { tasks } = yield* pool.statistics
        assert.deepInclude(tasks, { succeeded: 3, interrupted: 1 })
      }))))

  it.effect("G138: an interrupted caller interrupts its task, and waits for the task's finalizers no longer than the option `letGo` says", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* withCrew({ size: 2, letGo: 400 }, (pool) =>
        Effect.gen(function*() {
          const quick = yield* begin(pool.run(noted({ name: "quick", millis: 60_000, cleanup: 300 })))
          const slow = yield* begin(pool.run(noted({ name: "slow", millis: 60_000, cleanup: 3000 })))
          yield* settle
          const ends = yield* begin(Fiber.interrupt(quick))
          const gives = yield* begin(Fiber.interrupt(slow))
          yield* pass(299, 1)
          assert.strictEqual(ends.pollUnsafe(), undefined)
          yield* pass(1, 1)
          yield* now(ends)
          yield* pass(99, 1)
          assert.strictEqual(gives.pollUnsafe(), undefined)
          yield* pass(1, 1)
          yield* now(gives)
          yield* pass(3000)
          // The worker that did not let go is asked to end, and its finalizers are not cut off.
          assert.strictEqual(journal.at(-1), "3000 slow finalized")
          assert.deepStrictEqual((yield* ready(pool)).toSorted(), ["crew-1", "crew-3"])
        }))
    }).pipe(inMemory))

  it.effect("G139: a task with a key goes to the worker of that key, and waits for this worker even if another worker is free", () =>
    inMemory(withCrew({}, (pool) =>
      Effect.gen(function*() {
        const task = (key: string) => pool.run(work({ millis: 100 }), { key })
        const a = yield* beginAll(3, task("a"))
        const b = yield* beginAll(1, task("b"))
        yield* pass(100)
        const [of] = yield* Effect.forEach(b, now)
        assert.strictEqual((yield* pool.statistics).running, 1)
        yield* pass(200)
        const names = yield* Effect.forEach(a, now)
        assert.strictEqual(new Set(names).size, 1)
        assert.notStrictEqual(names[0], of)
        const again = yield* begin(task("a"))
        yield* pass(100)
        assert.strictEqual(yield* now(again), names[0])
      }))))
})

describe("A pool starts, replaces and ends its workers", () => {
  it.effect("G140: the number of workers of a pool grows with the waiting tasks, and shrinks after a long idle time", () =>
    inMemory(withCrew({ size: { min: 1, max: 3, idle: "10 seconds" } }, (pool) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* states(pool), ["idle"])
        const tasks = yield* beginAll(5, pool.run(work({ millis: 1000 })))
        yield* pass(2000)
        assert.strictEqual((yield* ready(pool)).length, 3)
        yield* Effect.forEach(tasks, now)
        yield* pass(8900)
        assert.strictEqual((yield* ready(pool)).length, 3)
        yield* pass(1200)
        assert.strictEqual((yield* ready(pool)).length, 1)
        yield* pass(60_000, 1000)
        assert.strictEqual((yield* ready(pool)).length, 1)
        assert.strictEqual((yield* pool.statistics).replaced.spare, 2)
      }))))

  it.effect("a pool without a minimum starts its workers with the first task", () =>
    inMemory(withCrew({ size: { max: 2 } }, (pool) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* states(pool), [])
        const task = yield* begin(pool.run(half({ n: 8 })))
        yield* settle
        assert.strictEqual(yield* now(task), 4)
      }))))

  it.effect("a pool replaces its workers after the number of tasks that its options allow", () =>
    inMemory(withCrew({ size: 1, recycle: { tasks: 2 } }, (pool) =>
      Effect.gen(function*() {
        const tasks = yield* beginAll(5, pool.run(work({ millis: 100 })))
        yield* pass(1000)
        const names = yield* Effect.forEach(tasks, now)
        assert.deepStrictEqual(names, ["crew-1", "crew-1", "crew-2", "crew-2", "crew-3"])
        assert.strictEqual((yield* pool.statistics).replaced.tasks, 2)
      }))))

  it.effect("G170: workers of a pool that are replaced complete their last tasks, also tasks that waited for them", () =>
    inMemory(withCrew({ size: { max: 2 }, concurrency: 2, recycle: { tasks: 2 } }, (pool) =>
      Effect.gen(function*() {
        const tasks = yield* beginAll(6, pool.run(work({ millis: 1000 })))
        yield* pass(2500)
        const names = yield* Effect.forEach(tasks, now)
        assert.deepStrictEqual(names, ["crew-1", "crew-1", "crew-2", "crew-2", "crew-3", "crew-3"])
        const { replaced, tasks: counted } = yield* pool.statistics
        assert.deepStrictEqual([replaced.tasks, counted.succeeded], [3, 6])
      }))))

  it.effect("a pool replaces its workers at their maximum age, when their tasks have ended", () =>
    inMemory(withCrew({ size: 1, recycle: { age: "1 minute" } }, (pool) =>
      Effect.gen(function*() {
        yield* pass(59_000, 1000)
        const task = yield* begin(pool.run(work({ millis: 5000 })))
        yield* pass(2000)
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* pass(100)
        assert.strictEqual(yield* now(next), "crew-2")
        yield* pass(4000)
        assert.strictEqual(yield* now(task), "crew-1")
        assert.deepStrictEqual(yield* ready(pool), ["crew-2"])
      }))))

  it.effect("a worker of a pool runs as many tasks at the same time as the option `concurrency` allows", () =>
    inMemory(withCrew({ size: 2, concurrency: 3 }, (pool) =>
      Effect.gen(function*() {
        const tasks = yield* beginAll(7, pool.run(work({ millis: 100 })))
        yield* settle
        const { workers } = yield* pool.statistics
        assert.deepStrictEqual(workers.map(({ running }) => running), [3, 3])
        yield* pass(200)
        yield* Effect.forEach(tasks, now)
      }))))
})

describe("Streams and dialogs run as tasks of a pool", () => {
  it.effect("streams and dialogs of a pool occupy their worker until they are closed", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const stream = yield* begin(
          pool.stream(ticks({ to: 100, millis: 100 })).pipe(Stream.take(3), Stream.runCollect)
        )
        yield* pass(200)
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* settle
        assert.strictEqual((yield* pool.statistics).waiting, 1)
        yield* pass(200)
        assert.deepStrictEqual(yield* now(stream), [1, 2, 3])
        assert.strictEqual(yield* now(next), "crew-1")
      }))))

  it.effect("a stream of a pool delivers the items of its worker, and a dialog ends with its body", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const words = yield* pool.open(
          twice(),
          ({ result, stream }) =>
            Effect.gen(function*() {
              yield* stream.send("hay")
              const heard = [yield* stream.receive, yield* stream.receive]
              yield* stream.end
              return [...heard, yield* result]
            })
        )
        assert.deepStrictEqual(words, ["hay", "hay", 1])
        const error = yield* Effect.flip(pool.open(twice(), () => Effect.fail("left" as const)))
        assert.strictEqual(error, "left")
        const { running, tasks } = yield* pool.statistics
        assert.deepStrictEqual([running, tasks.succeeded, tasks.failed], [0, 1, 1])
      }))))

  it.effect("a dialog that pool.open opens fails with TaskTimeout, and leaves its worker, after the time of the option `within`", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const late = yield* begin(Effect.flip(pool.open(twice(), () => Effect.never, { within: 200 })))
        yield* pass(200)
        assert.strictEqual((yield* now(late))._tag, "TaskTimeout")
        yield* settle
        assert.strictEqual((yield* pool.statistics).running, 0)
      }))))

  it.effect("a stream that waits in a pool leaves the queue when its reader leaves", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        yield* begin(pool.run(work({ millis: 1000 })))
        const reader = yield* begin(Stream.runDrain(pool.stream(ticks({ to: 3, millis: 0 }))))
        yield* settle
        assert.strictEqual((yield* pool.statistics).waiting, 1)
        yield* Fiber.interrupt(reader)
        assert.strictEqual((yield* pool.statistics).waiting, 0)
      }))))
})

describe("The items of Pool.map", () => {
  it.effect("Pool.map gives the answers in the order of the items, with as many tasks at once as workers have room for", () =>
    inMemory(withCrew({ size: 2, queue: 0 }, (pool) =>
      Effect.gen(function*() {
        const progress: Array<number> = []
        const reading = yield* begin(Stream.runCollect(pool.map(
          [400, 100, 300, 200],
          (millis) => work({ millis }),
          { progress: ({ done }) => void progress.push(done) }
        )))
        yield* pass(300)
        assert.deepStrictEqual(progress, [1])
        yield* pass(800)
        assert.strictEqual((yield* now(reading)).length, 4)
        assert.deepStrictEqual(progress, [1, 2, 3, 4])
      }))))

  it.effect("Pool.map without order gives answers as they are completed, and a failure ends the other tasks", () =>
    inMemory(withCrew({ size: 2 }, (pool) =>
      Effect.gen(function*() {
        const halves = yield* begin(Stream.runCollect(pool.map([8, 6, 4], (n) => half({ n }), { ordered: false })))
        yield* settle
        assert.sameMembers(Array.from(yield* now(halves)), [4, 3, 2])
        const failing = yield* begin(Effect.flip(Stream.runDrain(pool.map([2, 3, 4], (n) => half({ n })))))
        yield* settle
        assert.strictEqual((yield* now(failing))._tag, "Odd")
        assert.strictEqual((yield* pool.statistics).running, 0)
      }))))
})

describe("A pool ends its workers when it closes or is drained", () => {
  it.effect("G141: a pool whose Scope closes ends its workers in order, and fails the waiting tasks", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Pool.make({ name: "crew", expose: crew, size: 1 }), scope)
      const running = yield* begin(Effect.flip(pool.run(noted({ name: "it", millis: 60_000, cleanup: 300 }))))
      const waiting = yield* begin(Effect.flip(pool.run(work({ millis: 0 }))))
      yield* settle
      const closing = yield* begin(Scope.close(scope, Exit.void))
      yield* settle
      const error = yield* now(waiting)
      assert.strictEqual(error._tag === "ActorUnreachable" && error.why, "closed")
      yield* pass(299)
      assert.strictEqual(closing.pollUnsafe(), undefined)
      yield* pass(50)
      yield* now(closing)
      const ended = yield* now(running)
      assert.strictEqual(ended._tag === "ContextCancelled" && ended.reason, "pool closed")
      assert.include(journal, "0 it cancelled by root: pool closed")
      assert.strictEqual((yield* Effect.flip(pool.run(work({ millis: 0 }))))._tag, "ActorUnreachable")
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("G142: a draining pool refuses new tasks, runs the tasks that it has, and ends its workers", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const tasks = yield* beginAll(2, pool.run(work({ millis: 100 })))
        const draining = yield* begin(pool.drain())
        assert.strictEqual((yield* Effect.flip(pool.run(work({ millis: 0 }))))._tag, "ActorUnreachable")
        yield* pass(100)
        assert.strictEqual(draining.pollUnsafe(), undefined)
        yield* pass(200)
        yield* now(draining)
        assert.deepStrictEqual(yield* Effect.forEach(tasks, now), ["crew-1", "crew-1"])
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      }))))

  it.effect("G142: a pool ends the tasks that are left at the bound of its drain", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const [task, other] = yield* beginAll(2, Effect.flip(pool.run(work({ millis: 60_000 }))))
        const draining = yield* begin(pool.drain("1 second"))
        yield* pass(1100)
        yield* now(draining)
        assert.deepStrictEqual([(yield* now(task!))._tag, (yield* now(other!))._tag], [
          "ContextCancelled",
          "ActorUnreachable"
        ])
      }))))

  it.effect("G143: a first worker that fails to start fails Pool.make with the error of the start, and leaves no worker behind", () =>
    Effect.gen(function*() {
      fragileStarts.fail = true
      const error = yield* within(60_000)(Effect.flip(Effect.scoped(Pool.make({ expose: [fragile], size: 2 }))))
      assert.strictEqual(error._tag === "SpawnFailed" && error.step, "layer")
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory, Effect.ensuring(Effect.sync(() => fragileStarts.fail = false))))

  it.effect("Pool.make dies when its options contradict each other", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(Pool.make({ expose: [work], size: { min: 3, max: 2 } })))
      assert.match(String(Exit.isFailure(exit) && exit.cause), /cannot have size.min 3: .* between 0 and 2/)
      for (const recycle of [{ age: 0 }, { memory: 0 }, { memory: NaN }]) {
        const exit = yield* Effect.exit(Effect.scoped(Pool.make({ expose: [work], size: { max: 1 }, recycle })))
        assert.match(String(Exit.isFailure(exit) && exit.cause), /cannot have recycle.*: more than 0 is needed/)
      }
    }).pipe(inMemory))
})
