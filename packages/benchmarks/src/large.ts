/**
 * Measures how long a start blocks a parent with 1 GB of memory, and how much memory an actor needs for unread items.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { setTimeout } from "node:timers/promises"
import { echo } from "./furrow/echo.ts"
import { heavy } from "./furrow/endpoints.ts"
import { givenJob, type Job } from "./job.ts"
import { privateMiB, startBare, starterServes } from "./processes.ts"
import { sample, type Sides, type Take } from "./sides.ts"

const piece = 100 * 1024 * 1024
const megabyte = 1_000_000

/** Returns the longest time, in milliseconds, for which the event loop was blocked while `work` ran. */
const longestBlock = <E, R>(work: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    let worst = 0
    let last = performance.now()
    let next: NodeJS.Immediate
    const tick = () => {
      const now = performance.now()
      worst = Math.max(worst, now - last)
      last = now
      next = setImmediate(tick)
    }
    next = setImmediate(tick)
    yield* Effect.promise(() => setTimeout(20))
    worst = 0
    yield* Effect.ensuring(work, Effect.sync(() => clearImmediate(next)))
    return worst
  })

/**
 * Reads 3 of the 64 items of 16 MB that an actor sends, with a pause before each. Returns the largest growth of the
 * memory of the actor that sends the items.
 */
const slowReader = Effect.scoped(Effect.gen(function*() {
  const { actor, stream } = yield* Actor.startScoped("producer", { expose: [heavy] })
  const before = privateMiB(actor.pid)
  let most = before
  const look = Effect.promise(async () => {
    for (let i = 0; i < 20; i++) {
      await setTimeout(10)
      most = Math.max(most, privateMiB(actor.pid))
    }
  })
  yield* stream(heavy({ count: 64, bytes: 16 * megabyte })).pipe(
    Stream.rechunk(1),
    Stream.tap(() => look),
    Stream.take(3),
    Stream.runDrain
  )
  return most - before
}))

const sidesOf = Effect.fnUntraced(function*(job: Job) {
  const runtime = yield* Effect.context<Actor.ActorRuntime>()
  const closed = <E>(effect: Effect.Effect<number, E, Actor.ActorRuntime>): Take =>
    Effect.provideContext(effect, runtime)
  const bare = startBare(job.bare)
  const start = Effect.scoped(Actor.startScoped("measured", { expose: [echo] }))
  return {
    "blocked": { bare: longestBlock(Effect.scoped(bare)), furrow: closed(longestBlock(start)) },
    "slow-reader": { bare: Effect.scoped(Effect.map(bare, ({ pid }) => privateMiB(pid))), furrow: closed(slowReader) }
  } satisfies Sides
})

NodeActor.runMain(
  Effect.gen(function*() {
    const job = givenJob()
    const names = job.run.measures.map(({ name }) => name)
    const ballast = names.includes("blocked") ? Array.from({ length: 10 }, () => Buffer.alloc(piece, 1)) : []
    // A root with much memory starts its first actor itself, and only then begins the starter process for its later
    // actors.
    if (ballast.length > 0) {
      yield* Effect.scoped(Actor.startScoped("first", { expose: [echo] }))
      yield* starterServes
    }
    yield* sample(yield* sidesOf(job), { ...job, amounts: { ...job.amounts, warmUp: 0 } })
    // The program reads the length of the large array `ballast` at its end, because V8 could collect an unused array
    // earlier.
    if (ballast.length > 10) return
    process.disconnect()
  }),
  { spares: "off" }
)
