/** The client of an RpcGroup over a pool: sessions, middleware, streams and interrupts, while workers come and go. */
import { assert, describe, it } from "@effect/vitest"
import { Pool } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Asked, Asking } from "../fixtures/rpcs.ts"
import { inMemory } from "../support/InMemory.ts"
import { pass, settle, until } from "../support/Time.ts"
import { begin, now } from "./Pools.ts"

const asking = (options: Omit<Pool.ServiceOptions, "size"> & { readonly size?: number | Pool.Size } = {}) =>
  until(10_000)(Pool.of(Asking, { size: 1, name: "crew", ...options })) as ReturnType<
    typeof Pool.of<Asking, "Asking", never, never>
  >

/** Finalizers that the Scope holds. */
const heldBy = (scope: Scope.Scope): number => {
  const { state } = scope as {
    readonly state: { readonly finalizers?: { readonly size: number }; readonly finalizer?: unknown }
  }
  return state.finalizers?.size ?? (state.finalizer === undefined ? 0 : 1)
}

describe("A client of an RpcGroup sends its requests to a pool", () => {
  it.effect("G168: an RpcGroup client of a pool opens one dialog to a worker, even if its first requests come at the same time", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* asking({ concurrency: 8 })
      const client = yield* Pool.rpcClient(pool, Asked)
      const asked = yield* Effect.forEach([1, 2, 3, 4, 5], (by) => begin(client.Add({ by })))
      yield* settle
      assert.deepStrictEqual(yield* Effect.forEach(asked, now), [1, 3, 6, 10, 15])
      const { channel } = yield* pool.use(({ statistics }) => statistics)
      assert.strictEqual(channel.dialogs, 1)
    })).pipe(inMemory))

  it.effect("G168: a client of an RpcGroup over a pool keeps nothing for workers that are gone", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* asking({ recycle: { tasks: 1 } })
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(Pool.rpcClient(pool, Asked), scope)
      const before = heldBy(scope)
      for (let n = 0; n < 40; n++) {
        // Each worker imports its module.
        assert.strictEqual(yield* until(10_000)(client.Add({ by: 7 })), 7)
      }
      yield* pass(1000)
      assert.strictEqual((yield* pool.statistics).replaced.tasks, 40)
      assert.isAtMost(heldBy(scope) - before, 1)
      yield* Scope.close(scope, Exit.void)
    })).pipe(inMemory))

  it.effect("a client of an RpcGroup over a pool ends each request separately: an error, a defect, an interruption, a stream that is left", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* asking()
      const client = yield* Pool.rpcClient(pool, Asked, { within: "1 minute" })
      const answer = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.gen(function*() {
          const fiber = yield* begin(effect)
          yield* pass(100)
          return yield* now(fiber)
        })
      assert.strictEqual((yield* answer(Effect.flip(client.Guarded())))._tag, "Denied")
      assert.strictEqual((yield* answer(Effect.flip(client.Fail({ when: "now" }))))._tag, "Denied")
      assert.isTrue(Exit.hasDies(yield* answer(Effect.exit(client.Fail({ when: "later" })))))
      const hanging = yield* begin(client.Hang({ key: "one" }))
      const behind = yield* begin(client.Add({ by: 2 }))
      yield* settle
      assert.strictEqual((yield* pool.statistics).waiting, 1)
      yield* answer(Fiber.interrupt(hanging))
      assert.strictEqual(yield* now(behind), 2)
      assert.deepStrictEqual(yield* answer(client.Ended()), ["one"])
      const items = yield* answer(Stream.runCollect(Stream.take(client.Ticks(), 1)))
      assert.deepStrictEqual(Array.from(items), [1])
      assert.strictEqual((yield* answer(Effect.flip(client.Add({ by: 0.5 }))))._tag, "PayloadInvalid")
      const { running, workers } = yield* pool.statistics
      assert.deepStrictEqual([running, workers.map(({ actor }) => actor!.name)], [0, ["crew-1"]])
    })).pipe(inMemory))

  it.effect("a client of an RpcGroup over a pool fails with TaskTimeout and PoolFull as its tasks do", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* asking({ queue: 0 })
      const client = yield* Pool.rpcClient(pool, Asked, { within: "1 second" })
      const hanging = yield* begin(Effect.flip(client.Hang({ key: "late" })))
      yield* settle
      assert.strictEqual((yield* Effect.flip(client.Add({ by: 1 })))._tag, "PoolFull")
      yield* pass(1000)
      assert.strictEqual((yield* now(hanging))._tag, "TaskTimeout")
      yield* pass(100)
      const { running, replaced, tasks } = yield* pool.statistics
      assert.deepStrictEqual([running, replaced.stuck, tasks.timedOut, tasks.refused], [0, 0, 1, 1])
    })).pipe(inMemory))
})
