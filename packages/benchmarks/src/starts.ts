/**
 * Measures the time of actors' cold starts, the memory of idle actors, and the first call to many actors. The start of
 * an actor is compared with a Node process that writes one byte, and with the starts of other libraries.
 *
 * The start of an actor from a spare process is a separate case, whose time begins when the spare waits.
 *
 * The Node process with which the start of an actor is compared runs synchronous JavaScript, which is the least that
 * Node can do. The benchmark starts the measured actor with the default guard. The measured start of an actor ends when
 * `Actor.startScoped` resolves, because a program can use the actor then. The measured start of another library ends at
 * the library's first answer.
 *
 * The benchmark of starts is a main program of its own, because it is also measured as one bundle.
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

/**
 * Milliseconds for which the memory of a started process must not fall before the start counts as over. A start ends
 * with a garbage collection.
 */
const settleMillis = 2200
const settleLimitMillis = 8000
const lookMillis = 100
const many = 32

/** Returns the private memory of a process at rest, in MiB. */
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

/** Starts a forked Node process that echoes the messages it gets. */
const fork = forked("./peers/forked.ts", ["json"])

const startFork: Start = Effect.suspend(() => {
  const start = performance.now()
  return Effect.map(fork, (child) => ({ millis: performance.now() - start, pid: child.pid! }))
})

/** Starts a child process of another library by code in the file `echoes.ts`, which a bundle does not contain. */
const startPeer = (side: Side): Start =>
  Effect.gen(function*() {
    const { peers } = yield* Effect.promise(() => import("./echoes.ts"))
    const start = performance.now()
    yield* peers[side]!
    return { millis: performance.now() - start, pid: 0 }
  })

/** Makes the first call to each of many ready actors at once. */
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

/**
 * Two starts come before the measurement, because the first fills Node's compile cache and the second reads the cache
 * from the disk.
 */
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
  // The benchmark starts actors without spares, except for the case that measures starts from a spare.
  { spares: job.run.place === "spares" ? "eager" : "off" }
)
