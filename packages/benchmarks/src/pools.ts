/**
 * Empty tasks, as many at once on each side: a pool of actors against the bare portals of as many actors, and against
 * the pools of others. Rounds alternate who goes first.
 */
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import { givenJob, type Job } from "./job.ts"
import { type AllTwins, sample, thousands, type Twins } from "./twins.ts"
import * as Ways from "./ways.ts"

const pipelined = 16

const twinsOf = (job: Job) =>
  Effect.gen(function*() {
    const { size } = Ways
    const count = job.amounts.tasks
    const rate = (run: Ways.Run, each: number) => thousands(count, Ways.inLanes(run, 0, count, each * size))
    const portals = yield* Ways.portals(job.flags)
    const bare = (each: number) => thousands(count, Ways.overPortals(portals, 0, count, each))
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
    } satisfies AllTwins as AllTwins
  })

const measure = (job: Job) =>
  Effect.scoped(Effect.gen(function*() {
    yield* sample(yield* twinsOf(job), job)
  }))

await Effect.runPromise(Effect.provide(Effect.suspend(() => measure(givenJob())), NodeActor.layer))
process.disconnect()
