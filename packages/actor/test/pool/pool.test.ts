import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { half, hold, work } from "../fixtures/pooled.ts"
import { inMemory } from "../support/InMemory.ts"
import { pass, settle } from "../support/Time.ts"
import { begin, beginAll, now, withCrew } from "./Pools.ts"

describe("A pool", () => {
  it.effect("runs tasks on as many workers as it has, and the others wait", () =>
    inMemory(withCrew({}, (pool) =>
      Effect.gen(function*() {
        const tasks = yield* beginAll(4, pool.run(work({ millis: 100 })))
        yield* settle
        const { running, waiting } = yield* pool.statistics
        assert.deepStrictEqual([running, waiting], [2, 2])
        yield* pass(200)
        assert.deepStrictEqual((yield* Effect.forEach(tasks, now)).toSorted(), ["crew-1", "crew-1", "crew-2", "crew-2"])
        assert.strictEqual(yield* pool.run(half({ n: 8 })), 4)
        assert.strictEqual((yield* Effect.flip(pool.run(half({ n: 7 }))))._tag, "Odd")
      }))))

  it.effect("frees a caller at its deadline, whatever its worker does, and replaces that worker", () =>
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
        assert.strictEqual((yield* pool.statistics).replaced.stuck, 1)
      }))))
})
