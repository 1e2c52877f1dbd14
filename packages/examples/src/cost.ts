/**
 * The example compares a call to another process with a fiber in this process, and prints the README's figures for this
 * host.
 *
 * In this example a fiber that is forked and joined in this process computes a sum, and an actor computes the same sum.
 * Each figure of this example is the median of several rounds. The figures of this example differ between hosts and
 * runs, while the ratios of two figures differ less.
 *
 * Prints:
 *
 *     a local fiber: <n> µs
 *     a call to an actor: <n> µs, <n> times a fiber
 *     the same, 64 at once: <n> µs each, <n> times a fiber
 *     an item of a stream: <n> µs, <n> times a fiber
 *     an actor: ready after <n> ms, <n> MB of its own
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"

export const increment = Actor.fn("increment", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int
})(({ n }) => Effect.succeed(n + 1))

export const count = Actor.stream("count", {
  module: import.meta.url,
  payload: { to: Schema.Int },
  success: Schema.Int
})(({ to }) => Stream.range(1, to))

/** Returns the megabytes of memory that an actor shares with no other process. */
export const ownMemory = Actor.fn("ownMemory", { module: import.meta.url, success: Schema.Finite })(() =>
  Effect.sync(() => {
    if (process.platform !== "linux") return process.memoryUsage().rss / 1e6
    const lines = Fs.readFileSync("/proc/self/smaps_rollup", "utf8").matchAll(/^Private_\w+:\s+(\d+) kB$/gm)
    return Array.from(lines, ([, kilobytes]) => Number(kilobytes)).reduce((a, b) => a + b, 0) / 1000
  })
)

const rounds = 7
const calls = 2000

/**
 * Returns the average duration of an Effect that is repeated `times` times, in microseconds; of several rounds, the
 * median counts.
 */
const measure = <E, R>(times: number, effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    const all: Array<number> = []
    for (let i = 0; i < rounds; i++) {
      const [took] = yield* Effect.timed(effect)
      all.push(Duration.toMillis(took) * 1000 / times)
    }
    return all.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!
  })

const numbers = Array.from({ length: calls }, (_, n) => n)
const round = (n: number) => Number(n.toPrecision(2))

/** Computes the sum of this example in a fiber of this process, as a program without actors does. */
const inFiber = (n: number) => Effect.flatMap(Effect.forkChild(Effect.sync(() => n + 1)), Fiber.join)

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const begin = performance.now()
  const actor = yield* Actor.start("asked", { expose: [increment, count, ownMemory] })
  const ready = performance.now() - begin
  const memory = yield* actor.run(ownMemory())

  const ask = (n: number) => actor.run(increment({ n }))
  const fiber = yield* measure(calls, Effect.forEach(numbers, inFiber, { discard: true }))
  const call = yield* measure(calls, Effect.forEach(numbers, ask, { discard: true }))
  const inFlight = yield* measure(calls, Effect.forEach(numbers, ask, { concurrency: 64, discard: true }))
  const items = 100_000
  const item = yield* measure(items, Stream.runDrain(actor.stream(count({ to: items }))))

  yield* Console.log(`a local fiber: ${round(fiber)} µs`)
  yield* Console.log(`a call to an actor: ${round(call)} µs, ${round(call / fiber)} times a fiber`)
  yield* Console.log(`the same, 64 at once: ${round(inFlight)} µs each, ${round(inFlight / fiber)} times a fiber`)
  yield* Console.log(`an item of a stream: ${round(item)} µs, ${round(item / fiber)} times a fiber`)
  yield* Console.log(`an actor: ready after ${ready.toFixed(0)} ms, ${memory.toFixed(0)} MB of its own`)
})))
