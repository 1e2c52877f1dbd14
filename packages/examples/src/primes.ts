/**
 * The example tests numbers for primes in three ways: in this process, on a pool of actors, and on a pool of worker
 * threads (`primes-pool.ts`).
 *
 * With large tasks, a pool of actors and a pool of threads both use every core and are about equally fast. A thread
 * starts sooner than an actor and is lighter. An actor brings typed calls and errors, cancellation, an owner, and a
 * heap of its own, and its pool replaces a dead worker. All times that this example prints are measured in its run.
 *
 * Prints:
 *
 *     primes among 10 numbers: 8
 *     here, one after another: <ms> ms
 *     <n> actors: start <ms> ms, work <ms> ms
 *     <n> worker threads: start <ms> ms, work <ms> ms
 *     all agree: true
 */
import { Actor, Pool } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { availableParallelism } from "node:os"
import { hasNoDivisor, makePool } from "./primes-pool.ts"

export const isPrime = Actor.fn("isPrime", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Boolean
})(({ n }) => Effect.sync(() => hasNoDivisor(n)))

const numbers = [
  400_000_000_000_063,
  400_000_000_000_129,
  400_000_000_000_147,
  400_000_000_000_187,
  400_000_520_000_069,
  400_000_000_000_201,
  400_001_600_001_551,
  400_000_000_000_231,
  400_000_000_000_241,
  400_000_000_000_247
]
const size = Math.min(4, availableParallelism())
const unbounded = { concurrency: "unbounded" } as const
const millis = (duration: Duration.Duration) => `${Math.round(Duration.toMillis(duration))} ms`

/** The actors of this example's pool end when the Scope of the pool closes. */
const overActors = Effect.scoped(Effect.gen(function*() {
  const [start, pool] = yield* Effect.timed(Pool.make({ expose: [isPrime], size }))
  const [work, answers] = yield* Effect.timed(Effect.forEach(numbers, (n) => pool.run(isPrime({ n })), unbounded))
  return { start, work, answers }
}))

const overThreads = Effect.scoped(Effect.gen(function*() {
  const [start, pool] = yield* Effect.timed(
    Effect.acquireRelease(Effect.promise(() => makePool(size)), (pool) => Effect.promise(() => pool.close()))
  )
  const [work, answers] = yield* Effect.timed(
    Effect.forEach(numbers, (n) => Effect.promise(() => pool.isPrime(n)), unbounded)
  )
  return { start, work, answers }
}))

NodeActor.runMain(Effect.gen(function*() {
  // A call that is yielded runs in this process, and starts no actor and no other process.
  const [alone, answers] = yield* Effect.timed(Effect.forEach(numbers, (n) => isPrime({ n })))
  const actors = yield* overActors
  const threads = yield* overThreads
  yield* Console.log(`primes among ${numbers.length} numbers: ${answers.filter((answer) => answer).length}`)
  yield* Console.log(`here, one after another: ${millis(alone)}`)
  yield* Console.log(`${size} actors: start ${millis(actors.start)}, work ${millis(actors.work)}`)
  yield* Console.log(`${size} worker threads: start ${millis(threads.start)}, work ${millis(threads.work)}`)
  const agree = answers.every((answer, i) => answer === actors.answers[i] && answer === threads.answers[i])
  yield* Console.log(`all agree: ${agree}`)
}))
