import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { availableParallelism } from "node:os"
import { isPrime } from "./fixtures/arithmetic.ts"

const perParent = 2 * availableParallelism()

describe("Many concurrent starts of actors are carried out a few at a time", () => {
  it.live(
    "concurrent starts of actors are limited to twice the cores of the host, and each start still meets its deadline",
    () => {
      let starting = 0
      let most = 0
      const count = Stream.runForEach(Actor.events, (event) =>
        Effect.sync(() => {
          if (event._tag === "ActorSpawning") most = Math.max(most, ++starting)
          if (event._tag === "ActorReady" || event._tag === "ActorSpawnFailed") starting--
        }))
      return Effect.gen(function*() {
        yield* Effect.forkChild(count)
        yield* Effect.yieldNow
        const numbers = Array.from({ length: 3 * perParent }, (_, i) => i + 2)
        const primes = yield* Effect.forEach(numbers, (n) => Actor.runInActor(isPrime({ n })), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(numbers.filter((_, i) => primes[i]).slice(0, 4), [2, 3, 5, 7])
        assert.isAtMost(most, perParent)
        assert.isAtLeast(most, 2)
        assert.strictEqual(starting, 0)
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      }).pipe(Effect.provide(NodeActor.layer))
    },
    120_000
  )

  it.live(
    "concurrent starts of actors that wait for their turn give it up when they are interrupted",
    () =>
      Effect.gen(function*() {
        const crowd = Effect.forEach(
          Array.from({ length: 4 * perParent }, (_, n) => n + 2),
          (n) => Actor.runInActor(isPrime({ n })),
          { concurrency: "unbounded" }
        )
        yield* Effect.timeoutOption(crowd, "100 millis")
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
        assert.isTrue(yield* Actor.runInActor(isPrime({ n: 7 })))
        const together = Array.from({ length: perParent }, () => Actor.runInActor(isPrime({ n: 7 })))
        assert.isTrue((yield* Effect.all(together, { concurrency: "unbounded" })).every((prime) => prime))
      }).pipe(Effect.provide(NodeActor.layer)),
    120_000
  )
})
