/**
 * Measures equally many empty tasks on each side: a pool of actors, the portals of as many actors, and the pools of
 * other libraries.
 */
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import { givenJob, type Job } from "./job.ts"
import { sample, type Sides, type Take, thousands } from "./sides.ts"
import * as Ways from "./ways.ts"

const pipelined = 16

const sidesOf = (job: Job) =>
  Effect.gen(function*() {
    const { size } = Ways
    const count = job.amounts.tasks
    const rate = (run: Ways.Run, each: number): Take => thousands(count, Ways.inLanes(run, 0, count, each * size))
    const portals = yield* Ways.portals(job.flags)
    const bare = (each: number): Take => thousands(count, Ways.overPortals(portals, 0, count, each))
    const furrow = yield* Ways.pool(1, job.flags)
    const wide = yield* Ways.pool(pipelined, job.flags)
    const wanted = new Set(job.run.measures.flatMap(({ sides }) => sides))
    const others: { [S in keyof typeof Ways.others]?: Take } = {}
    for (
      const [side, open] of Object.entries(Ways.others) as ReadonlyArray<
        [keyof typeof Ways.others, typeof Ways.piscina]
      >
    ) {
      if (wanted.has(side)) others[side] = rate(yield* open, pipelined)
    }
    return {
      "pool": { portals: bare(1), furrow: rate(furrow, 1) },
      "pool-pipelined": { portals: bare(pipelined), furrow: rate(wide, pipelined) },
      // The benchmark's side `pool-queued` gives the pool new tasks before earlier tasks have ended, as programs
      // usually do.
      "pool-queued": { ...others, furrow: rate(furrow, pipelined) }
    } satisfies Sides as Sides
  })

const measure = (job: Job) =>
  Effect.scoped(Effect.gen(function*() {
    yield* sample(yield* sidesOf(job), job)
  }))

await Effect.runPromise(Effect.provide(Effect.suspend(() => measure(givenJob())), NodeActor.layer))
process.disconnect()
