/**
 * Empty tasks, as many at once on each side: a pool of actors against the bare portals of as many actors, and against
 * the pools of others. Rounds alternate who goes first.
 */
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import { givenJob, type Job, report } from "./job.ts"
import type { Name } from "./measures.ts"
import * as Ways from "./ways.ts"

interface Twins {
  readonly raw: Effect.Effect<number, unknown>
  readonly furrow: Effect.Effect<number, unknown>
}

const pipelined = 16

const twinsOf = (job: Job) =>
  Effect.gen(function*() {
    const { size } = Ways
    const count = job.amounts.tasks
    const thousands = (work: Effect.Effect<unknown, unknown>) =>
      Effect.suspend(() => {
        const start = performance.now()
        return Effect.map(work, () => count / (performance.now() - start))
      })
    const rate = (run: Ways.Run, each: number) => thousands(Ways.inLanes(run, 0, count, each * size))
    const portals = yield* Ways.portals(job.flags)
    const bare = (each: number) => thousands(Ways.overPortals(portals, 0, count, each))
    const furrow = yield* Ways.pool(1, job.flags)
    // A queue that is never empty: as pools are used.
    const queued = rate(furrow, pipelined)
    const beside = (run: Ways.Run): Twins => ({ raw: rate(run, pipelined), furrow: queued })
    return {
      "pool": { raw: bare(1), furrow: rate(furrow, 1) },
      "pool-pipelined": { raw: bare(pipelined), furrow: rate(yield* Ways.pool(pipelined, job.flags), pipelined) },
      "pool-piscina": beside(yield* Ways.piscina),
      "pool-tinypool": beside(yield* Ways.tinypool("worker_threads")),
      "pool-tinypool-processes": beside(yield* Ways.tinypool("child_process"))
    } satisfies { readonly [N in Name]?: Twins } as { readonly [N in Name]?: Twins }
  })

const measure = (job: Job) =>
  Effect.scoped(Effect.gen(function*() {
    const all = yield* twinsOf(job)
    for (const name of job.run.names) {
      const end = performance.now() + 2 * job.amounts.warmUp
      while (performance.now() < end) {
        yield* all[name]!.raw
        yield* all[name]!.furrow
      }
    }
    for (let round = 0; round < job.rounds; round++) {
      for (const name of job.run.names) {
        const both = all[name]!
        const first = round % 2 === 0 ? yield* both.raw : yield* both.furrow
        const second = round % 2 === 0 ? yield* both.furrow : yield* both.raw
        const [raw, furrow] = round % 2 === 0 ? [first, second] : [second, first]
        report({ name, raw, furrow })
      }
    }
  }))

await Effect.runPromise(Effect.provide(Effect.suspend(() => measure(givenJob())), NodeActor.layer))
process.disconnect()
