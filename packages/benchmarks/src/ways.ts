/**
 * The ways in which a benchmark runs equal tasks: a pool of actors, the portals of as many actors, and pools of other
 * libraries.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Pool from "@furrow/actor/Pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import { compute } from "./furrow/tasks.ts"

const filename = fileURLToPath(new URL("./raw/task.ts", import.meta.url))

/** The number of workers of each benchmarked pool, which equals the cores of the smallest supported host. */
export const size = 2

/** Runs one task of a benchmark, which is a loop with a given number of turns. */
export type Run = (turns: number) => Effect.Effect<unknown, unknown>

/** Runs `count` tasks of a benchmark, of which at most `lanes` run at the same time. */
export const inLanes = (run: Run, turns: number, count: number, lanes: number): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    let left = count
    const lane = Effect.whileLoop({ while: () => left-- > 0, body: () => run(turns), step: () => {} })
    return Effect.all(Array.from({ length: lanes }, () => lane), { concurrency: "unbounded", discard: true })
  })

/** Runs `count` tasks in actors, of which at most `each` run at the same time in each actor. */
export const overPortals = (
  portals: ReadonlyArray<Actor.Portal<typeof compute>>,
  turns: number,
  count: number,
  each: number
): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    let left = count
    const lanes = portals.flatMap((portal) =>
      Array.from({ length: each }, () =>
        Effect.whileLoop({
          while: () => left-- > 0,
          body: () => portal.run(compute({ count: turns })),
          step: () => {}
        }))
    )
    return Effect.all(lanes, { concurrency: "unbounded", discard: true })
  })

export const portals = (execArgv: ReadonlyArray<string>) =>
  Effect.forEach(
    Array.from({ length: size }),
    () => Actor.startScoped("bare", { expose: [compute], execArgv }),
    { concurrency: size }
  )

export const pool = (concurrency: number, execArgv: ReadonlyArray<string>) =>
  Effect.map(
    Pool.make({ expose: [compute], size, concurrency, execArgv }),
    (pool): Run => (count) => pool.run(compute({ count }))
  )

const opened = <P>(
  open: () => P & { readonly run: (turns: number) => Promise<unknown>; readonly destroy: () => Promise<unknown> }
): Effect.Effect<Run, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(open), (pool) => Effect.promise(() => pool.destroy())),
    (pool) => (turns) => Effect.promise(() => pool.run(turns))
  )

export const piscina = opened(() => new Piscina({ filename, minThreads: size, maxThreads: size }))

export const tinypool = (runtime: "worker_threads" | "child_process") =>
  opened(() => new Tinypool({ filename, runtime, minThreads: size, maxThreads: size, isolateWorkers: false }))

export const others = {
  "piscina": piscina,
  "tinypool threads": tinypool("worker_threads"),
  "tinypool processes": tinypool("child_process")
}
