import { assert, describe, it } from "@effect/vitest"
import { Actor, Pool } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { Counter, Doubler, Group, increment, Old, ticks as countTicks } from "../fixtures/counter.ts"
import { half, noted, ticks, work } from "../fixtures/pooled.ts"
import * as Settings from "../fixtures/settings.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { pass, settle, until } from "../support/Time.ts"
import { begin, now, withCrew } from "./Pools.ts"

/** Checks that two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}

class Halves extends Pool.Service<Halves>()("Halves", { expose: [half, ticks], size: { min: 1, max: 2 } }) {}
class Counters extends Pool.Service<Counters>()("Counters", { of: Counter, size: 2 }) {}
class Doublers extends Pool.Service<Doublers>()("Doublers", { of: Doubler, size: 1 }) {}

describe("A pool may have the form of a Service", () => {
  it.effect("G147: the Layer of a pool provides the pool, and ends it", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const pool = yield* Halves
        same<Effect.Error<ReturnType<typeof pool.statistics.pipe>>, never>(true)
        assert.strictEqual(pool.name, "Halves")
        return yield* pool.run(half({ n: 8 }))
      })
      assert.strictEqual(yield* Effect.provide(program, Halves.layer), 4)
      const size = Effect.flatMap(Halves, ({ statistics }) => Effect.map(statistics, ({ workers }) => workers.length))
      assert.strictEqual(yield* Effect.provide(size, Halves.layer({ size: 3 })), 3)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("G147: the workers of a pool of a Service have separate states, and a key stays at one of them", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const pool = yield* Counters
        const add = (by: number, key: string) => pool.run(increment({ by }), { key })
        const sums = [yield* add(1, "a"), yield* add(2, "a"), yield* add(3, "a")]
        const items = yield* Stream.runCollect(pool.stream(countTicks({ n: 2 })))
        return [...sums, ...items]
      })
      const answers = yield* until(10_000)(Effect.provide(program, Counters.layer))
      assert.deepStrictEqual(answers, [101, 103, 106, 1, 2])
    }).pipe(inMemory))

  it.effect("G147: each worker of a pool of a Service gets the Services that it uses", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const pool = yield* Doublers
        return yield* pool.run(increment({ by: 5 }))
      })
      const answer = yield* until(10_000)(
        program.pipe(Effect.provide(Doublers.layer), Effect.provide(Counter.layer))
      )
      assert.strictEqual(answer, 210)
    }).pipe(inMemory))

  it.effect("G147: each worker of a pool of a Service gets the settings of the Service", () =>
    Effect.gen(function*() {
      class Eights extends Pool.Service<Eights>()("Eights", {
        of: Settings.Counter,
        size: { max: 2 },
        config: { start: 8 }
      }) {}
      const program = Effect.gen(function*() {
        const pool = yield* Eights
        return yield* pool.run(Settings.increment({ by: 1 }))
      })
      assert.strictEqual(yield* until(10_000)(Effect.provide(program, Eights.layer)), 9)
      // @ts-expect-error its settings must be given
      void Pool.of(Settings.Counter, { size: 1 })
    }).pipe(inMemory))

  it.effect("G147: a pool of a Service with an RpcGroup runs each request of its client as a task", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const pool = yield* Pool.of(Old, { size: 1, queue: 0 })
        const client = yield* Pool.rpcClient(pool, Group)
        const sums = [yield* client.Inc({ by: 2 }), yield* client.Inc({ by: 3 })]
        const items = yield* Stream.runCollect(client.Ticks())
        const error = yield* Effect.flip(pool.use(() => client.Inc({ by: 1 })))
        const { tasks } = yield* pool.statistics
        return { sums, items: Array.from(items), error: error._tag, succeeded: tasks.succeeded }
      })
      const answer = yield* until(10_000)(Effect.scoped(program))
      assert.deepStrictEqual(answer, { sums: [2, 5], items: [1, 2, 3], error: "PoolFull", succeeded: 3 })
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it("the types of a pool as a Service name exactly the answers, errors and services of its endpoints", () => {
    const typed = Effect.gen(function*() {
      const pool = yield* Halves
      const task = pool.run(half({ n: 8 }))
      const items = pool.stream(ticks({ to: 3, millis: 1 }))
      same<Effect.Success<typeof task>, number>(true)
      same<Effect.Services<typeof task>, never>(true)
      type Failures = Actor.ActorError | Pool.PoolFull | Pool.TaskTimeout
      same<Exclude<Effect.Error<typeof task>, Failures>["_tag"], "Odd">(true)
      same<Stream.Success<typeof items>, number>(true)
      same<Stream.Error<typeof items>, Actor.ActorError | Pool.PoolFull>(true)
      // @ts-expect-error work is not exposed
      void pool.run(work({ millis: 1 }))
      // @ts-expect-error a stream is not run
      void pool.run(ticks({ to: 3, millis: 1 }))
      // @ts-expect-error the definition is not called
      void pool.run(half)
    })
    same<Effect.Services<typeof typed>, Halves>(true)
    // @ts-expect-error a call is not a definition
    void Pool.make({ expose: [half({ n: 1 })], size: 1 })
    // @ts-expect-error a pool has a size
    void Pool.make({ expose: [half] })
    void typed
  })
})

describe("Pool.toPromises gives code without Effect a pool's answers as promises, and its streams as async iterables", () => {
  it.effect("G148: a task of a pool from Pool.toPromises resolves with the answer, and rejects with the task's own error", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const promises = Pool.toPromises(pool)
        assert.strictEqual(yield* Effect.promise(() => promises.run(half({ n: 8 }))), 4)
        const error = yield* Effect.promise(() => promises.run(half({ n: 7 })).catch((error: unknown) => error))
        assert.strictEqual((error as { readonly _tag: string })._tag, "Odd")
        const items: Array<number> = []
        yield* Effect.promise(async () => {
          for await (const n of promises.stream(ticks({ to: 100, millis: 0 }))) {
            items.push(n)
            if (n === 3) break
          }
          for await (const n of promises.map([2, 4], (n) => half({ n }))) items.push(n)
        })
        assert.deepStrictEqual(items, [1, 2, 3, 1, 2])
        assert.strictEqual(promises.statistics().running, 0)
      }))))

  it.effect("G148: a pool from Pool.toPromises interrupts a task whose AbortSignal aborts, then rejects with the signal's reason", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* withCrew({ size: 1 }, (pool) =>
        Effect.gen(function*() {
          const promises = Pool.toPromises(pool)
          const abort = new AbortController()
          const reason = new Error("the client has gone")
          const task = yield* begin(Effect.promise(() =>
            promises.run(noted({ name: "it", millis: 60_000, cleanup: 200 }), { signal: abort.signal })
              .catch((error: unknown) => error)
          ))
          yield* settle
          abort.abort(reason)
          yield* pass(199, 1)
          assert.isUndefined(task.pollUnsafe())
          yield* pass(1, 1)
          assert.strictEqual(yield* now(task), reason)
          assert.strictEqual(journal.at(-1), "200 it finalized")
          const stream = yield* begin(Effect.promise(async () => {
            try {
              for await (const _ of promises.stream(ticks({ to: 9, millis: 10 }), { signal: abort.signal })) {
                void _
              }
              return undefined
            } catch (error) {
              return error
            }
          }))
          yield* settle
          assert.strictEqual(yield* now(stream), reason)
          // Nothing of it has begun: only the first task had a worker.
          const { run, tasks } = yield* pool.statistics
          assert.deepStrictEqual([run.count, tasks.interrupted], [1, 1])
        }))
    }).pipe(inMemory))
})

describe("A pool shows its state in statistics", () => {
  it.effect("the statistics of a pool are plain data, and are metrics of Effect while the pool is open", () =>
    Effect.gen(function*() {
      const snapshot = Effect.map(
        Metric.snapshot,
        (all) => all.filter(({ id, attributes }) => id.startsWith("furrow_pool") && attributes?.["pool"] === "crew")
      )
      yield* withCrew({ size: 1 }, (pool) =>
        Effect.gen(function*() {
          const tasks = [yield* begin(pool.run(work({ millis: 30 }))), yield* begin(pool.run(work({ millis: 40 })))]
          yield* settle
          const value = (id: string, all: ReadonlyArray<any>) => all.find((metric) => metric.id === id)?.state
          assert.deepStrictEqual(value("furrow_pool_waiting", yield* snapshot), { value: 1 })
          assert.deepStrictEqual(value("furrow_pool_running", yield* snapshot), { value: 1 })
          yield* pass(100, 10)
          yield* Effect.forEach(tasks, now)
          const { run, wait } = yield* pool.statistics
          assert.deepInclude(run, { count: 2, sum: 70, max: 40 })
          assert.deepInclude(wait, { count: 2, sum: 30, max: 30 })
          assert.deepStrictEqual(run.buckets.filter(([, count]) => count > 0), [[50, 2]])
          const all = yield* snapshot
          assert.deepInclude(value("furrow_pool_run_millis", all), { count: 2, sum: 70, min: 30, max: 40 })
          const succeeded = all.find(({ attributes, id }) =>
            id === "furrow_pool_tasks" && attributes?.["outcome"] === "succeeded"
          )
          assert.deepInclude(succeeded?.state, { count: 2 })
        }))
      assert.deepStrictEqual(yield* snapshot, [])
    }).pipe(inMemory))
})
