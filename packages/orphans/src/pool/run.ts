/**
 * Puts load on a pool of real processes whose workers are killed at random, and follows every task to its end.
 *
 * The callers of a pool's run count calls and results, the tasks count their beginnings, and the pool has its own
 * statistics. The counts of callers, tasks and pool must agree.
 */
import * as Pool from "@furrow/actor/Pool"
import { NodeActor } from "@furrow/node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as References from "effect/References"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import { random } from "../chaos/plan.ts"
import { describe, marked, signal, until, variable } from "../processes.ts"
import * as Judge from "./judge.ts"
import { again, once } from "./tasks.ts"

export interface Plan {
  readonly seed: number
  readonly seconds: number
  /** The number of workers of the pool that are killed in a second. */
  readonly rate: number
  readonly size: number
  readonly concurrency: number
  /** The number of tasks after which a worker of the pool is replaced. */
  readonly recycle: number
  /** True when tasks of the pool have short deadlines, different numbers of retries, and callers that leave early. */
  readonly mixed: boolean
}

export interface Result extends Omit<Judge.Run, "begun"> {
  readonly seconds: number
  /** The number of idempotent tasks that began twice, which a run of `npm run pool` allows. */
  readonly repeated: number
  readonly left: ReadonlyArray<string>
  readonly problems: ReadonlyArray<string>
}

/** The errors of a task of the pool: its worker dies, its time is over, or the task itself fails. */
const typed: ReadonlySet<string> = new Set([
  "ActorLost",
  "ActorUnreachable",
  "ChannelClosed",
  "ContextCancelled",
  "SpawnFailed",
  "TaskTimeout",
  "Refused",
  "Interrupted"
])

/**
 * Milliseconds without the end of any task, after which the waiting tasks count as hanging. A pool on a loaded host
 * never pauses for 40 seconds.
 */
const patienceMillis = 40_000

/** The time limit of a task of the pool that computes without a pause. */
const spinLimit = "100 millis"
/** The number of tasks among which one task keeps the main thread of its worker busy. */
const spinEvery = 200

const failureOf = (cause: Cause.Cause<unknown>): string | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return "Interrupted"
  const [reason, ...others] = cause.reasons
  if (others.length > 0 || reason?._tag !== "Fail") return undefined
  const tag = (reason.error as { readonly _tag?: unknown } | undefined)?._tag
  return typeof tag === "string" && typed.has(tag) ? tag : undefined
}

type Workers = Pool.Pool<typeof once | typeof again>

/** Runs an effect whose caller leaves after a number of milliseconds, and returns how it ended. */
const leftAfter = <A, E>(effect: Effect.Effect<A, E>, millis: number): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    const leaving = yield* Effect.forkChild(Effect.andThen(Effect.sleep(millis), Fiber.interrupt(fiber)))
    const exit = yield* Fiber.await(fiber)
    yield* Fiber.interrupt(leaving)
    return exit
  })

/** Runs one task of the pool, and records the result of the task's caller. */
const task = (
  pool: Workers,
  { mixed }: Plan,
  file: string,
  next: () => number,
  heard: Judge.Heard
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const id = heard.tried++
    const spins = id % spinEvery === spinEvery - 1
    const work = spins
      ? "spins" as const
      : next() < 0.05
      ? "fails" as const
      : next() < 0.5
      ? "computes" as const
      : "waits" as const
    const call = { id, file, work, millis: Math.floor(next() * 8) }
    const options = {
      within: spins ? spinLimit : mixed && next() < 0.3 ? Math.floor(next() * 500) : undefined,
      key: next() < (mixed ? 0.5 : 0.2) ? `key ${Math.floor(next() * 20)}` : undefined,
      retries: mixed ? Math.floor(next() * 4) : undefined
    } as const
    const leaves = mixed && next() < 0.1 ? Math.floor(next() * 50) : undefined
    const isSingle = spins || next() < 0.7
    if (isSingle) heard.single.add(id)
    const run = isSingle ? pool.run(once(call), options) : pool.run(again(call), options)
    return Effect.map(
      leaves === undefined ? Effect.exit(run) : leftAfter(run, leaves),
      (exit) => {
        if (Exit.isSuccess(exit)) {
          if (exit.value !== id) heard.wrong.push(`task ${id} was answered with ${exit.value}`)
          return void heard.answered.add(id)
        }
        const tag = failureOf(exit.cause)
        if (tag === undefined) heard.wrong.push(`task ${id} failed without a type: ${Cause.pretty(exit.cause)}`)
        heard.failed.set(tag ?? "untyped", (heard.failed.get(tag ?? "untyped") ?? 0) + 1)
      }
    )
  })

/** Kills ready workers of the pool at the rate that the options give, whatever the workers are doing. */
const killer = (pool: Workers, { rate }: Plan, next: () => number, end: number, count: () => void) =>
  Effect.gen(function*() {
    const start = performance.now()
    for (let n = 1; performance.now() < end; n++) {
      yield* Effect.sleep(Math.max(0, start + n * 1000 / rate - performance.now()))
      const { workers } = yield* pool.statistics
      const ready = workers.flatMap(({ actor, state }) =>
        actor !== undefined && (state === "idle" || state === "busy") ? [actor.pid] : []
      )
      if (ready.length === 0) continue
      signal(ready[Math.floor(next() * ready.length)]!, "SIGKILL")
      count()
    }
  })

/** Completes when no task of the pool has ended for a while, so that the remaining tasks count as hanging. */
const stalled = (heard: Judge.Heard): Effect.Effect<void> =>
  Effect.suspend(() => {
    let known = -1
    let since = performance.now()
    const step = () => {
      const over = heard.answered.size + Judge.sum(heard.failed)
      if (over === known) return
      known = over
      since = performance.now()
    }
    return Effect.whileLoop({
      while: () => performance.now() - since < patienceMillis,
      body: () => Effect.sleep("100 millis"),
      step
    })
  })

/** Milliseconds that the pool may take to end all tasks except the tasks that hang on purpose. */
const restMillis = 10_000

/** Returns the statistics of the pool when all tasks except the hanging tasks are over, or after the bound. */
const atRest = Effect.fnUntraced(function*(pool: Workers, hung: number) {
  const end = performance.now() + restMillis
  while (true) {
    const statistics = yield* pool.statistics
    const { running, waiting } = statistics
    if (running + waiting <= hung || performance.now() >= end) return statistics
    yield* Effect.sleep("20 millis")
  }
})

const underLoad = (plan: Plan, file: string, heard: Judge.Heard) =>
  Effect.gen(function*() {
    const next = random(plan.seed)
    const { concurrency, recycle, size } = plan
    const pool = yield* Pool.make({
      name: "crew",
      expose: [once, again],
      size,
      concurrency,
      queue: 1000,
      recycle: { tasks: recycle }
    })
    let kills = 0
    const start = performance.now()
    const end = start + plan.seconds * 1000
    const killing = yield* Effect.forkChild(killer(pool, plan, random(plan.seed + 1), end, () => kills++))
    const lane = Effect.whileLoop({
      while: () => performance.now() < end,
      body: () => task(pool, plan, file, next, heard),
      step: () => {}
    })
    // The callers of the pool's tasks run in detached fibers, so that a hang can be reported instead of waited for.
    const lanes = yield* Effect.forEach(Array.from({ length: 4 * size * concurrency }), () => Effect.forkDetach(lane))
    yield* Fiber.join(killing)
    yield* Effect.raceFirst(Effect.forEach(lanes, (fiber) => Fiber.await(fiber)), stalled(heard))
    const seconds = (performance.now() - start) / 1000
    const hung = lanes.filter((fiber) => fiber.pollUnsafe() === undefined).length
    const statistics = yield* atRest(pool, hung)
    return { kills, seconds, hung, statistics }
  })

export const run = Effect.fnUntraced(function*(plan: Plan) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "furrow-pool-" })
  const file = `${folder}/beginnings`
  Fs.writeFileSync(file, "")
  const mark = Crypto.randomUUID()
  process.env[variable] = mark
  const heard = Judge.nothing()
  const loaded = yield* Effect.scoped(underLoad(plan, file, heard)).pipe(
    Effect.provide(NodeActor.layer),
    // Warnings of the run are not logged, because the pool logs a warning for every lost worker.
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
  yield* Effect.promise(() => until(() => marked(mark).length === 0, 5_000))
  const left = marked(mark).map(describe)
  const begun = Judge.beginnings(Fs.readFileSync(file, "utf8"))
  const problems = [...Judge.judge({ ...heard, ...loaded, begun }), ...left.map((found) => `left in the end: ${found}`)]
  const result: Result = { ...heard, ...loaded, repeated: Judge.repeated(begun), left, problems }
  return result
}, Effect.scoped)
