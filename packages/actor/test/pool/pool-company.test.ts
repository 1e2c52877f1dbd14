/** Pools beside and inside of each other, in bursts, with very many keys, at their end, and for code without Effect. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Pool } from "@furrow/actor"
import * as Table from "@furrow/actor/internal/pool/Table"
import * as Waiting from "@furrow/actor/internal/pool/Waiting"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Counter, increment } from "../fixtures/counter.ts"
import { type Inner, outer } from "../fixtures/nesting.ts"
import { half, noted, ticks, work } from "../fixtures/pooled.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { pass, settle, until } from "../support/Time.ts"
import { begin, beginAll, crew, now, withCrew } from "./Pools.ts"

describe("A worker of a pool can own a pool, and one actor can own several pools at the same time", () => {
  it.effect("G147: a worker that owns a pool lets the pool's workers run its tasks, and ends the pool before itself", () =>
    Effect.gen(function*() {
      const names = Effect.scoped(Effect.gen(function*() {
        const pool = yield* Pool.make({ name: "outer", expose: [outer], size: 2 })
        return yield* Effect.forEach([1, 2, 3, 4], () => pool.run(outer({ millis: 10 })), { concurrency: 4 })
      }))
      const answers = yield* until(10_000)(names)
      assert.deepStrictEqual(answers.toSorted().map((name) => name.replace(/\d$/, "n")), [
        "outer-1 Inner-n",
        "outer-1 Inner-n",
        "outer-2 Inner-n",
        "outer-2 Inner-n"
      ])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("G147: two pools of one Service have separate workers, and one Layer that is used twice is one pool", () =>
    Effect.gen(function*() {
      class Left extends Pool.Service<Left>()("Left", { of: Counter, size: 1 }) {}
      class Right extends Pool.Service<Right>()("Right", { of: Counter, size: 1 }) {}
      const program = Effect.gen(function*() {
        const [left, right] = [yield* Left, yield* Right]
        const sums = [yield* left.run(increment({ by: 1 })), yield* right.run(increment({ by: 2 }))]
        return { sums, workers: (yield* Actor.statistics).children.map(({ actor }) => actor.name) }
      })
      const layer = Layer.mergeAll(Left.layer, Right.layer, Layer.provideMerge(Left.layer, Right.layer))
      const { sums, workers } = yield* until(10_000)(Effect.provide(program, layer))
      assert.deepStrictEqual(sums, [101, 102])
      assert.sameMembers(workers, ["Left-1", "Right-1"])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it("G147: the type of a pool requires the services that its workers need, and the type of a task requires no services", () => {
    type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
    const same = <A, B>(_: Same<A, B>): void => {}
    const made = Pool.make({ expose: [half, ticks], size: 1 })
    same<Effect.Services<typeof made>, Actor.ActorRuntime | Scope.Scope>(true)
    same<Effect.Error<typeof made>, Actor.ActorError>(true)
    same<Layer.Services<typeof Inner.layer>, Actor.ActorRuntime>(true)
    const typed = Effect.gen(function*() {
      const pool = yield* made
      const used = pool.use((worker) => Effect.andThen(worker.run(half({ n: 1 })), Actor.current))
      same<Effect.Services<typeof used>, Actor.ActorRuntime>(true)
      const mapped = pool.map(Stream.fail("items" as const), (n: number) => half({ n }))
      same<Stream.Success<typeof mapped>, number>(true)
      same<Stream.Services<typeof mapped>, never>(true)
      same<Extract<Stream.Error<typeof mapped>, string>, "items">(true)
      same<Extract<Stream.Error<typeof mapped>, Pool.PoolFull>, never>(true)
      const draining = pool.drain("1 second")
      same<Effect.Error<typeof draining>, never>(true)
      // @ts-expect-error a stream is not mapped
      void pool.map([1], () => ticks({ to: 1, millis: 1 }))
      // @ts-expect-error the key of an item is given as a function
      void pool.map([1], (n) => half({ n }), { key: "a" })
    })
    void typed
  })
})

describe("A pool refuses the tasks of a burst that find its workers and its queue full", () => {
  it.effect("G136: a burst of tasks fills the workers and the queue of a pool, and further tasks are refused at once and counted", () =>
    inMemory(withCrew({ size: { min: 0, max: 2 }, concurrency: 2, queue: 3 }, (pool) =>
      Effect.gen(function*() {
        for (let burst = 1; burst <= 3; burst++) {
          const tasks = yield* beginAll(50, Effect.exit(pool.run(work({ millis: 100 }))))
          yield* settle
          const { running, tasks: counted, waiting } = yield* pool.statistics
          assert.deepStrictEqual([running, waiting, counted.refused], [4, 3, 43 * burst])
          yield* pass(300)
          const exits = yield* Effect.forEach(tasks, now)
          assert.strictEqual(exits.filter(Exit.isSuccess).length, 7)
        }
      }))))
})

describe("A pool remembers a limited number of keys", () => {
  it("G139: two hundred thousand keys of a pool use no more memory than the ten thousand keys that the pool remembers", () => {
    const table = Table.make({
      min: 1,
      max: 1,
      concurrency: 1,
      queue: 0,
      idle: Infinity,
      tasks: Infinity,
      age: Infinity,
      memory: Infinity,
      attempts: 1
    })
    Table.step(table, { _tag: "Open" })
    for (const slot of table.slots) Table.step(table, { _tag: "Started", slot, now: 0 })
    for (let n = 0; n < 200_000; n += 2) {
      const done = Waiting.makeTicket(`key ${n}`)
      const refused = Waiting.makeTicket(`key ${n + 1}`)
      Table.step(table, { _tag: "Submit", ticket: done, isAgain: false })
      Table.step(table, { _tag: "Submit", ticket: refused, isAgain: false })
      Table.step(table, { _tag: "Finish", ticket: done, fault: undefined, now: 0 })
    }
    assert.strictEqual(table.waiting.keys.size, Waiting.maxRememberedKeys)
    assert.strictEqual([...table.waiting.remembered].length, Waiting.maxRememberedKeys)
  })
})

describe("A pool that closes ends its running, waiting and late tasks, and its workers", () => {
  const everyState = (pool: Effect.Success<ReturnType<typeof makeCrew>>) =>
    Effect.gen(function*() {
      const tasks: Array<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = []
      const add = <A, E>(task: Effect.Effect<A, E>) =>
        Effect.map(begin(Effect.exit(task)), (fiber) => void tasks.push(fiber))
      yield* add(pool.run(noted({ name: "running", millis: 60_000, cleanup: 100 })))
      yield* add(pool.run(noted({ name: "keyed", millis: 60_000, cleanup: 100 }), { key: "a" }))
      yield* add(pool.run(noted({ name: "late", millis: 60_000, cleanup: 400 }), { within: 20 }))
      yield* add(Stream.runDrain(pool.stream(ticks({ to: 1000, millis: 100 }))))
      yield* pass(50, 10)
      yield* add(pool.run(work({ millis: 0 }), { key: "a" }))
      yield* add(pool.run(work({ millis: 0 }), { within: "1 minute" }))
      yield* add(pool.use((worker) => worker.run(work({ millis: 60_000 }))))
      yield* add(Stream.runDrain(pool.map([1, 2, 3], () => work({ millis: 0 }))))
      const left = yield* begin(pool.run(noted({ name: "left", millis: 60_000, cleanup: 300 })))
      yield* settle
      yield* begin(Fiber.interrupt(left))
      return tasks
    })
  const makeCrew = (scope: Scope.Scope) =>
    Scope.provide(Pool.make({ name: "crew", expose: crew, size: 4, recycle: { tasks: 1 } }), scope)

  it.effect("G141: a pool with tasks in every state leaves no task when its Scope closes", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const scope = yield* Scope.make()
      const pool = yield* makeCrew(scope)
      const tasks = yield* everyState(pool)
      const closing = yield* begin(Scope.close(scope, Exit.void))
      yield* pass(2000)
      yield* now(closing)
      for (const task of tasks) yield* now(task)
      const { running, waiting, workers } = yield* pool.statistics
      assert.deepStrictEqual([running, waiting, workers], [0, 0, []])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("G142: a pool that is drained twice and then closed leaves no task", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const scope = yield* Scope.make()
      const pool = yield* makeCrew(scope)
      const tasks = yield* everyState(pool)
      const endless = yield* begin(pool.drain())
      const bounded = yield* begin(pool.drain("1 second"))
      const another = yield* begin(pool.drain("1 hour"))
      yield* pass(900)
      assert.isUndefined(bounded.pollUnsafe())
      yield* pass(2000)
      for (const draining of [endless, bounded, another]) yield* now(draining)
      for (const task of tasks) assert.isDefined(task.pollUnsafe())
      yield* now(yield* begin(pool.drain()))
      yield* Scope.close(scope, Exit.void)
      const { running, waiting, workers } = yield* pool.statistics
      assert.deepStrictEqual([running, waiting, workers], [0, 0, []])
    }).pipe(inMemory))
})

describe("Pool.toPromises runs a pool's tasks as promises, and an AbortSignal aborts them", () => {
  /** A signal that counts its listeners. */
  const signal = () => {
    const abort = new AbortController()
    const listeners = new Set<unknown>()
    const counting: Pool.Signal = {
      get aborted() {
        return abort.signal.aborted
      },
      get reason() {
        return abort.signal.reason as unknown
      },
      addEventListener: (type, listener) => {
        listeners.add(listener)
        abort.signal.addEventListener(type, listener)
      },
      removeEventListener: (type, listener) => {
        listeners.delete(listener)
        abort.signal.removeEventListener(type, listener)
      }
    }
    return { abort, listeners, signal: counting }
  }
  const rejection = (promise: () => Promise<unknown>) =>
    Effect.promise(() => promise().then(() => "resolved", (error: unknown) => error))

  it.effect("G148: a pool from Pool.toPromises removes its listener from a task's AbortSignal after the task, and runs no task whose signal is aborted", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const promises = Pool.toPromises(pool)
        const given = signal()
        for (let n = 0; n < 5; n++) {
          assert.strictEqual(yield* Effect.promise(() => promises.run(half({ n: 8 }), given)), 4)
          yield* Effect.promise(async () => {
            for await (const n of promises.stream(ticks({ to: 3, millis: 0 }), given)) if (n === 2) break
            for await (const n of promises.map([2, 4], (n) => half({ n }), given)) void n
          })
        }
        yield* settle
        assert.strictEqual(given.listeners.size, 0)
        const running = yield* begin(rejection(() => promises.run(work({ millis: 1000 }), given)))
        const waiting = yield* begin(rejection(() => promises.run(work({ millis: 1000 }), given)))
        yield* settle
        given.abort.abort("gone")
        yield* pass(100)
        assert.deepStrictEqual([yield* now(running), yield* now(waiting)], ["gone", "gone"])
        const before = (yield* pool.statistics).run.count
        const late = yield* begin(rejection(() => promises.run(half({ n: 2 }), given)))
        yield* settle
        assert.strictEqual(yield* now(late), "gone")
        assert.strictEqual((yield* pool.statistics).run.count, before)
        yield* settle
        assert.strictEqual(given.listeners.size, 0)
      }))))

  it.effect("G148: a pool from Pool.toPromises starts no task for an unread iterable, and ends the task of an abandoned iterable", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const promises = Pool.toPromises(pool)
        const given = signal()
        const unread = promises.stream(ticks({ to: 100, millis: 0 }))
        void unread[Symbol.asyncIterator]()
        yield* settle
        assert.strictEqual((yield* pool.statistics).running, 0)
        const returned = promises.stream(ticks({ to: 100, millis: 0 }))[Symbol.asyncIterator]()
        yield* Effect.promise(() => returned.next())
        assert.strictEqual((yield* pool.statistics).running, 1)
        yield* Effect.promise(() => returned.return!())
        assert.strictEqual((yield* pool.statistics).running, 0)
        // Its reader went away in the middle; the signal is what frees the worker.
        const abandoned = promises.stream(ticks({ to: 100, millis: 0 }), given)[Symbol.asyncIterator]()
        yield* Effect.promise(() => abandoned.next())
        assert.strictEqual((yield* pool.statistics).running, 1)
        given.abort.abort("gone")
        yield* pass(100)
        assert.strictEqual((yield* pool.statistics).running, 0)
        assert.strictEqual(given.listeners.size, 0)
      }))))
})
