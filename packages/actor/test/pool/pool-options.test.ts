/** Options that make no sense, and bodies that are none: refused in words, with nothing left. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Pool } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { half, noted, twice, work } from "../fixtures/pooled.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { pass, settle } from "../support/Time.ts"
import { begin, now, withCrew } from "./Pools.ts"

/** What an effect dies of. */
const diesOf = (effect: Effect.Effect<unknown, unknown, any>): Effect.Effect<string, never, any> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return "succeeded"
    const defect = exit.cause.reasons.find(Cause.isDieReason)?.defect
    return defect instanceof Error ? defect.message : `failed: ${Cause.pretty(exit.cause)}`
  })

describe("Options of a pool", () => {
  const refused: ReadonlyArray<readonly [object, RegExp]> = [
    [{ size: 1.5 }, /size.max 1.5: a whole number/],
    [{ size: 0 }, /size.max 0: a whole number/],
    [{ size: -1 }, /size.max -1: a whole number/],
    [{ size: NaN }, /size.max NaN: a whole number/],
    [{ size: Infinity }, /size.max Infinity: a whole number/],
    [{ size: undefined }, /size.max undefined: a whole number/],
    [{ size: { min: -1, max: 2 } }, /size.min -1: a whole number/],
    [{ size: { min: 0.5, max: 2 } }, /size.min 0.5: a whole number/],
    [{ size: { max: 2, idle: -1 } }, /size.idle -1: 0 or more/],
    [{ size: { max: 2, idle: NaN } }, /size.idle NaN: a duration/],
    [{ size: { max: 2, idle: "soon" } }, /size.idle soon: a duration/],
    [{ size: 1, concurrency: 0 }, /concurrency 0: a whole number/],
    [{ size: 1, concurrency: 1.5 }, /concurrency 1.5: a whole number/],
    [{ size: 1, queue: -1 }, /queue -1: a whole number/],
    [{ size: 1, queue: NaN }, /queue NaN: a whole number/],
    [{ size: 1, letGo: -1 }, /letGo -1: 0 or more/],
    [{ size: 1, letGo: NaN }, /letGo NaN: a duration/],
    [{ size: 1, letGo: Infinity }, /letGo Infinity: an end/],
    [{ size: 1, letGo: "-Infinity" }, /letGo -Infinity: 0 or more/],
    [{ size: 1, recycle: { tasks: 0 } }, /recycle.tasks 0: a whole number/],
    [{ size: 1, recycle: { tasks: 2.5 } }, /recycle.tasks 2.5: a whole number/],
    [{ size: 1, recycle: { age: NaN } }, /recycle.age NaN: a duration/],
    [{ size: 1, recycle: { age: -5 } }, /recycle.age -5: 0 or more/],
    [{ size: 1, recycle: { memory: -5 } }, /recycle.memory -5: more than 0/],
    [{ size: 1, startAttempts: 0 }, /startAttempts 0: a whole number/],
    [{ size: 1, startAttempts: NaN }, /startAttempts NaN: a whole number/]
  ]

  it.effect("G166: a pool refuses an option without sense, and the error names the option and the allowed values", () =>
    Effect.gen(function*() {
      for (const [options, message] of refused) {
        const made = Effect.scoped(Pool.make({ name: "crew", expose: [work], ...options } as never))
        const said = yield* diesOf(made)
        assert.match(said, message)
        assert.match(said, /^the pool "crew" cannot have .* is needed$/)
      }
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))
})

describe("A pool checks the options of each task", () => {
  it.effect("G166: a task with an invalid option, such as `retries: -1`, dies before it asks for a worker", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const of = (options: object) => diesOf(pool.run(half({ n: 2 }), options))
        assert.match(
          yield* of({ within: NaN }),
          /^a task of the pool "crew" cannot have within NaN: a duration is needed$/
        )
        assert.match(yield* of({ within: "soon" }), /cannot have within soon: a duration/)
        assert.match(yield* of({ retries: -1 }), /cannot have retries -1: a whole number, 0 or more/)
        assert.match(yield* of({ retries: 0.5 }), /cannot have retries 0.5/)
        assert.match(yield* of({ retries: NaN }), /cannot have retries NaN/)
        assert.match(yield* diesOf(pool.use(() => Effect.void, { within: NaN })), /cannot have within NaN/)
        for (const concurrency of [0, -1, NaN, 1.5]) {
          const map = Stream.runCollect(pool.map([2], (n) => half({ n }), { concurrency }))
          assert.match(yield* diesOf(map), /^a map of the pool "crew" cannot have concurrency/)
        }
        assert.match(yield* diesOf(pool.drain(NaN)), /^the end of the pool "crew" cannot have within NaN/)
        const { run, tasks } = yield* pool.statistics
        assert.strictEqual(run.count, 0)
        assert.strictEqual(tasks.failed, 0)
        assert.deepStrictEqual(
          Array.from(yield* Stream.runCollect(pool.map([2], (n) => half({ n }), { concurrency: Infinity }))),
          [1]
        )
      }))))

  it.effect("G166: a wrong option of a task rejects the promise that a pool for code without Effect has returned", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const promises = Pool.toPromises(pool)
        const error = yield* Effect.promise(() =>
          promises.run(half({ n: 2 }), { within: NaN }).catch((error: unknown) => error)
        )
        assert.match(String(error), /cannot have within NaN/)
      }))))

  it.effect("a task of a pool whose deadline has passed fails at once, and no word of its call is sent", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        for (const within of [0, -5, "-1 second", Duration.negativeInfinity] as const) {
          const error = yield* Effect.flip(pool.run(half({ n: 2 }), { within }))
          assert.deepInclude(error, { _tag: "TaskTimeout", millis: 0, phase: "waiting" })
        }
        const { run, tasks } = yield* pool.statistics
        assert.deepStrictEqual([run.count, tasks.timedOut], [0, 4])
      }))))

  it.effect("a task of a pool may have no deadline, or a deadline in years", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        for (const within of [Infinity, "Infinity", "3000 weeks"] as const) {
          const task = yield* begin(pool.run(half({ n: 2 }), { within }))
          yield* settle
          assert.strictEqual(yield* now(task), 1)
        }
      }))))
})

describe("A task of a pool dies when its body returns no Effect", () => {
  it.effect("G167: a task whose body returns no Effect dies with a defect that names this fault, and its worker is free", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        const bodies: ReadonlyArray<() => unknown> = [() => undefined, () => 7, () => Promise.resolve(), () => {
          throw new Error("the body throws")
        }]
        for (const body of bodies) {
          for (const options of [{}, { within: "1 minute" }] as const) {
            const used = yield* begin(diesOf(pool.use(body as never, options)))
            const opened = yield* begin(diesOf(pool.open(twice(), body as never, options)))
            yield* pass(100)
            assert.match(yield* now(used), /the body of a task must give an Effect, not|the body throws/)
            assert.match(yield* now(opened), /the body of a task must give an Effect, not|the body throws/)
          }
        }
        const { running, tasks, workers } = yield* pool.statistics
        assert.deepStrictEqual([running, tasks.failed, workers[0]!.actor!.name], [0, 16, "crew-1"])
      }))))

  it.effect("G167: a value that is no call, and a call that cannot be made, fail as tasks of a pool and free their worker", () =>
    inMemory(withCrew({ size: 1 }, (pool) =>
      Effect.gen(function*() {
        assert.match(yield* diesOf(pool.run(undefined as never)), /./)
        assert.match(yield* diesOf(pool.run(half as never)), /./)
        assert.match(yield* diesOf(Stream.runDrain(pool.stream({} as never))), /./)
        const throwing = pool.map([1], () => {
          throw new Error("no call today")
        })
        const later = pool.map([2, 4, 6], (n) => {
          if (n === 4) throw new Error("no call today")
          return half({ n })
        })
        const keyless = pool.map([2], (n) => half({ n }), {
          key: () => {
            throw new Error("no key today")
          }
        })
        const reported = pool.map([2], (n) => half({ n }), {
          progress: () => {
            throw new Error("no report today")
          }
        })
        assert.strictEqual(yield* diesOf(Stream.runDrain(throwing)), "no call today")
        assert.strictEqual(yield* diesOf(Stream.runDrain(later)), "no call today")
        assert.strictEqual(yield* diesOf(Stream.runDrain(keyless)), "no key today")
        assert.strictEqual(yield* diesOf(Stream.runDrain(reported)), "no report today")
        const broken = (function*() {
          yield 2
          throw new Error("no items today")
        })()
        assert.strictEqual(yield* diesOf(Stream.runDrain(pool.map(broken, (n) => half({ n })))), "no items today")
        yield* settle
        assert.strictEqual((yield* pool.statistics).running, 0)
      }))))
})

describe("A failure in an ordered Pool.map ends the other tasks of the Pool.map", () => {
  it.effect("a failure in an ordered Pool.map also ends the tasks of earlier items, and is returned after their finalizers", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      yield* withCrew({ size: 3 }, (pool) =>
        Effect.gen(function*() {
          const long = (name: string) => noted({ name, millis: 60_000, cleanup: 100 })
          const calls = [long("before"), half({ n: 7 }), half({ n: 8 })]
          const reading = yield* begin(Effect.flip(Stream.runDrain(pool.map(calls, (call) => call))))
          yield* settle
          assert.isUndefined(reading.pollUnsafe())
          yield* pass(100, 1)
          assert.strictEqual((yield* now(reading))._tag, "Odd")
          assert.strictEqual(journal.at(-1), "100 before finalized")
          assert.strictEqual((yield* pool.statistics).running, 0)
        }))
    }).pipe(inMemory))
})
