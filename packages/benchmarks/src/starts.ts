/**
 * Cold starts, idle memory and the first call to many: actors against a bare Node process that writes one byte, and
 * against what others start.
 *
 * A start that takes a spare process is a case of its own: a spare waits when its time begins.
 *
 * The bare process is JavaScript and synchronous, the least that Node can do. The actor is started with the default guard,
 * and its time ends where a program can use it: when `Actor.startScoped` resolves. A peer's ends with its first answer.
 *
 * A main program of its own, because it is also measured as one bundle.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { echo } from "./furrow/echo.ts"
import { givenJob, type Job } from "./job.ts"
import type { Name, Side } from "./measures.ts"
import { user } from "./payloads.ts"
import { forked, privateMiB, spareWaits, startBare, type Started } from "./processes.ts"
import { sample, type Sides, type Take } from "./sides.ts"

/** A start is over when memory has not fallen for so long, because its last step is a collection. */
const settleMillis = 600
const settleLimitMillis = 6000
const lookMillis = 100
const many = 32

/** The private memory of a process at rest. */
const memoryAtRest = Effect.fnUntraced(function*(pid: number) {
  let least = privateMiB(pid)
  let unchanged = 0
  for (let at = 0; at < settleLimitMillis && unchanged < settleMillis; at += lookMillis) {
    yield* Effect.sleep(lookMillis)
    const now = privateMiB(pid)
    unchanged = now < least ? 0 : unchanged + lookMillis
    least = Math.min(least, now)
  }
  return least
})

type Start = Effect.Effect<Started, unknown, Scope.Scope | Actor.ActorRuntime>

const startActor: Start = Effect.suspend(() => {
  const start = performance.now()
  return Effect.map(
    Actor.startScoped("measured", { expose: [echo] }),
    ({ actor }) => ({ millis: performance.now() - start, pid: actor.pid })
  )
})

/** A forked process that echoes what it is sent. */
const fork = forked("./peers/forked.ts", ["json"])

const startFork: Start = Effect.suspend(() => {
  const start = performance.now()
  return Effect.map(fork, (child) => ({ millis: performance.now() - start, pid: child.pid! }))
})

/** Another peer, from echoes.ts; a bundle has none of them. */
const startPeer = (side: Side): Start =>
  Effect.gen(function*() {
    const { peers } = yield* Effect.promise(() => import("./echoes.ts"))
    const start = performance.now()
    yield* peers[side]!
    return { millis: performance.now() - start, pid: 0 }
  })

/** The first call to many at once, who are all there. */
const firstCalls = <A>(
  one: Effect.Effect<A, unknown, Scope.Scope | Actor.ActorRuntime>,
  call: (far: A) => Effect.Effect<unknown, unknown>
) =>
  Effect.scoped(Effect.gen(function*() {
    const all = yield* Effect.all(Array.from({ length: many }, () => one), { concurrency: 8 })
    const start = performance.now()
    yield* Effect.forEach(all, call, { concurrency: "unbounded", discard: true })
    return performance.now() - start
  }))

const fanOut: { readonly [S in Side]?: Effect.Effect<number, unknown, Actor.ActorRuntime> } = {
  "furrow": firstCalls(Actor.startScoped("measured", { expose: [echo] }), (portal) => portal.run(echo(user))),
  "fork json": firstCalls(fork, (child) =>
    Effect.promise(() =>
      new Promise<void>((resolve) => {
        child.once("message", () => resolve())
        child.send([1, user])
      })
    ))
}

const startOf = (side: Side, bare: string): Start =>
  side === "furrow"
    ? startActor
    : side === "bare"
    ? startBare(bare)
    : side === "fork json"
    ? startFork
    : startPeer(side)

const sidesOf = Effect.fnUntraced(function*(job: Job) {
  const runtime = yield* Effect.context<Actor.ActorRuntime>()
  const take = (name: Name, side: Side): Take => {
    if (name === "fan-out") return Effect.provideContext(fanOut[side]!, runtime)
    const started = Effect.scoped(Effect.gen(function*() {
      if (name === "spare" && side === "furrow") yield* spareWaits
      const { millis, pid } = yield* startOf(side, job.bare)
      return name === "memory" ? yield* memoryAtRest(pid) : millis
    }))
    return Effect.provideContext(started, runtime)
  }
  const sides = job.run.measures.map(({ name, sides }) =>
    [name, Object.fromEntries(sides.map((side) => [side, take(name, side)]))] as const
  )
  return Object.fromEntries(sides) as Sides
})

/** The first start fills the compile cache, the second one reads it from a cold disk. */
const warm = (sides: Sides) => {
  const spawn = sides.spawn ?? sides.spare
  return spawn === undefined ? Effect.void : Effect.repeat(Effect.all(Object.values(spawn)), { times: 1 })
}

const job = givenJob()

NodeActor.runMain(
  Effect.gen(function*() {
    const sides = yield* sidesOf(job)
    yield* warm(sides)
    yield* sample(sides, { ...job, amounts: { ...job.amounts, warmUp: 0 } })
    process.disconnect()
  }),
  // A cold start is one without a spare.
  { spares: job.run.place === "spares" ? "eager" : "off" }
)
