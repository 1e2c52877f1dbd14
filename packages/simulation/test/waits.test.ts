import { assert, describe, it } from "@effect/vitest"
import { Actor, Pool } from "@furrow/actor"
import * as Simulation from "@furrow/testing/Simulation"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { feed, job, reply, weigh } from "../src/actors.ts"

const work = { key: 1, wait: 0, end: "return", cleanup: 0 } as const

/** Fibers are preempted often, also between a check and the wait that follows it. */
const faults = { preempt: 0.3 }

const explored = <A, E, R>(program: Effect.Effect<A, E, R>, seeds: number) =>
  Effect.map(Simulation.explore(program, { seeds, faults }), ({ runs }) => assert.strictEqual(runs, seeds))

/** Each test of this file once found a fiber that waited for ever, under one of the first seeds. */
describe("A fiber is preempted after it checks a condition and before it waits for the condition", () => {
  it.live("G203: a call ends even if an interrupt and the loss of its connection come right before the call begins to wait", () =>
    explored(
      Effect.gen(function*() {
        const world = yield* Simulation.World
        const portal = yield* Actor.startScoped("a", { expose: [job] })
        yield* world.kill("a")
        yield* Effect.sleep(20)
        const call = Effect.suspend(() => portal.run(job({ work })))
        // The call that is told first of the loss interrupts the other one.
        yield* Effect.exit(Effect.all([call, call], { concurrency: 2 }))
      }),
      150
    ))

  it.live("G203: a fiber reads an item that arrives after the fiber has looked for items and before the fiber waits", () =>
    explored(
      Effect.gen(function*() {
        const portal = yield* Actor.startScoped("a", { expose: [reply] })
        yield* portal.open(reply({ key: 1 }), ({ stream }) =>
          Effect.gen(function*() {
            for (let item = 0; item < 6; item++) {
              yield* stream.send(item)
              assert.strictEqual(yield* stream.receive, item + 1)
            }
          }))
      }),
      60
    ))

  it.live("G203: a fiber sends with credit that is granted after the fiber has looked for credit and before the fiber waits", () =>
    explored(
      Effect.gen(function*() {
        const portal = yield* Actor.startScoped("a", { expose: [feed] })
        const items = portal.stream(feed({ key: 1, count: 12, every: 0, chunk: 3, bytes: 1, fails: false }), {
          window: { items: 1 }
        })
        assert.strictEqual(yield* Stream.runCount(items), 12)
      }),
      60
    ))

  it.live("G203: a fiber sends on a full connection that gets room after the fiber has looked for room and before the fiber waits", () =>
    explored(
      Effect.gen(function*() {
        const portal = yield* Actor.startScoped("a", { expose: [feed] })
        const large = feed({ key: 1, count: 6, every: 0, chunk: 1, bytes: 150_000, fails: false })
        const reads = Effect.forEach([1, 2, 3], () => Stream.runCount(portal.stream(large)), { concurrency: 3 })
        assert.deepStrictEqual(yield* reads, [6, 6, 6])
      }),
      40
    ))

  it.live("G203: a call that a full connection cannot take yet begins later, even if the connection gets room just before the caller starts to wait", () =>
    explored(
      Effect.gen(function*() {
        const portal = yield* Actor.startScoped("a", { expose: [weigh] })
        const calls = Array.from({ length: 8 }, () => portal.run(weigh({ text: "x".repeat(100_000) })))
        assert.deepStrictEqual(yield* Effect.all(calls, { concurrency: 8 }), calls.map(() => 100_000))
      }),
      60
    ))

  it.live("G203: a fiber runs its task if a worker takes the task after the fiber has looked for a worker and before the fiber waits", () =>
    explored(
      Effect.gen(function*() {
        const pool = yield* Pool.make({ expose: [job], size: 1 })
        // Each fiber asks repeatedly, so that the worker becomes free while others ask.
        const tasks = (from: number) =>
          Effect.forEach([1, 2, 3, 4], (i) => pool.run(job({ work: { ...work, key: from + i } })))
        const answers = yield* Effect.forEach([0, 10, 20], tasks, { concurrency: 3 })
        assert.deepStrictEqual(answers, [[1, 2, 3, 4], [11, 12, 13, 14], [21, 22, 23, 24]])
      }),
      600
    ))

  it.live("G230: a pool closes although the fiber that makes the pool is interrupted before the start of a worker has begun", () =>
    explored(
      Effect.gen(function*() {
        const opening = Effect.scoped(Pool.make({ expose: [job], size: 2 }))
        const fiber = yield* Effect.forkChild(opening, { startImmediately: true })
        const turns = yield* Random.nextIntBetween(0, 30)
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }),
      300
    ))
})
