/**
 * Steps about pools: keys, deadlines, workers that are recycled or die, and pools that drain or close.
 */
import { Actor, Pool } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { handled, job, Oops, pause, Work } from "./actors.ts"
import { howOf, record, wrong } from "./History.ts"
import { type Does, ends, hurt, keyBelow, waits } from "./stage.ts"

export const pool: Does = ({ key, step: { a, b, c } }) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Pool.make({ expose: [job], name: `pool${key}`, size: { min: 1, max: 1 + b % 3 }, queue: 100 })
    yield* Effect.forEach(Array.from({ length: 2 + a }), (_, i) => {
      const work = { key: keyBelow(key, i), wait: waits[(a + i) % 6]!, end: ends[(c + i) % 4]!, cleanup: 0 }
      const done = pool.run(job({ work }), c === 4 ? { within: "20 millis" } : {})
      return Effect.flatMap(
        Effect.exit(done),
        (exit) => record({ _tag: "Answered", key: work.key, how: howOf(exit) })
      )
    }, { concurrency: "unbounded", discard: true })
  }))

/** An endpoint for a task of a group of tasks, which records the worker that runs the task. */
export const chore = Actor.fn("chore", {
  module: import.meta.url,
  payload: { group: Schema.String, work: Work },
  success: Schema.Int,
  error: Oops
})(({ group, work: { end, key, wait } }) =>
  Effect.flatMap(Actor.current, ({ id: { uuid: worker } }) =>
    handled(
      key,
      0,
      Effect.ensuring(
        Effect.andThen(
          record({ _tag: "Works", key, group, worker }),
          Effect.andThen(pause(wait), end === "fail" ? Effect.fail(new Oops({ key })) : Effect.succeed(key))
        ),
        record({ _tag: "Worked", key, group, worker })
      )
    ))
)

/**
 * Runs tasks in a pool with keys, deadlines, and workers that are recycled or die. The pool may end while tasks wait
 * for a worker.
 */
export const tasks: Does = ({ key, step: { a, b, c }, world }) => {
  const name = `pool${key}`
  const size = { min: c % 2, max: 1 + b % 3, idle: "50 millis" } as const
  const queue = b === 4 ? 2 : 1_000
  const body = Effect.gen(function*() {
    const recycle = b === 1 ? { tasks: 2 } : b === 2 ? { age: "30 millis" } as const : {}
    const pool = yield* Pool.make({ expose: [chore], name, size, queue, recycle, concurrency: 1 + c % 2 })
    const one = (i: number) => {
      const work = { key: keyBelow(key, i), wait: waits[(a + i) % 6]!, end: ends[i % 3]!, cleanup: 0 }
      const within = c === 4 ? 30 : undefined
      const group = i % 2 === 0 ? `${key} even` : `${key} ${i}`
      const options = { ...(i % 2 === 0 ? { key: group } : {}), ...(within === undefined ? {} : { within }) }
      return Effect.gen(function*() {
        const before = yield* world.now
        const exit = yield* Effect.exit(pool.run(chore({ group, work }), options))
        const passed = (yield* world.now) - before
        yield* record({ _tag: "Answered", key: work.key, how: howOf(exit) })
        if (within !== undefined) yield* record({ _tag: "Timed", key: work.key, actor: name, millis: passed, within })
      })
    }
    const all = Effect.forEach(Array.from({ length: 3 + a * 2 }, (_, i) => i), one, {
      concurrency: "unbounded",
      discard: true
    })
    if (b === 3) yield* Effect.forkChild(Effect.andThen(pause(waits[c]! + 30), hurt(name, "kill", world.kill(name))))
    if (b < 5) return yield* all
    // The pool drains, or its Scope closes, while tasks wait for a worker, and each of these tasks gets an answer.
    const fiber = yield* Effect.forkScoped(all, { startImmediately: true })
    yield* pause(waits[c]!)
    if (a % 2 === 0) {
      yield* pool.drain(c === 5 ? 20 : "10 seconds")
      yield* Fiber.join(fiber)
    }
  })
  return Effect.andThen(
    Effect.scoped(body),
    Effect.flatMap(
      world.alive,
      (alive) =>
        alive.includes(name) ? wrong("closesPools", `${key}: a worker lives on, its pool was closed`) : Effect.void
    )
  )
}

/** Runs `Pool.map` over some items, with a callback for its progress that throws. */
export const maps: Does = ({ key, step: { a, b, c } }) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Pool.make({ expose: [chore], name: `pool${key}`, size: 1 + b % 2 })
    const count = 3 + a
    const progress = c === 1
      ? () => {
        throw new Error("the progress threw")
      }
      : undefined
    const items = Array.from({ length: count }, (_, i) => i)
    const toCall = (i: number) => {
      const work = { key: keyBelow(key, i), wait: waits[(a + i) % 6]!, end: "return" as const, cleanup: 0 }
      return chore({ group: `${key} ${i}`, work })
    }
    const options = { ordered: c % 2 === 0, ...(progress === undefined ? {} : { progress }) }
    const exit = yield* Effect.exit(Stream.runCollect(pool.map(items, toCall, options)))
    const heard = Exit.isSuccess(exit) ? Array.from(exit.value, (value) => value - keyBelow(key, 0)) : []
    const sorted = options.ordered ? heard : heard.toSorted((x, y) => x - y)
    if (Exit.isSuccess(exit) && sorted.join() !== items.join()) {
      yield* wrong("hearsItsOwn", `${key}: the items of a map came as ${heard.join()}`)
    }
  }))
