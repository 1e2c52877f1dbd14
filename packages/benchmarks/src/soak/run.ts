/**
 * Runs a root, its actors and all work of the soak test, and measures the resources of each process at every
 * checkpoint.
 *
 *   warm up with small items -> first checkpoint -> each act alone with the largest -> all at once, any size -> the end
 *
 * An act is one kind of work of the soak test, such as calls or restarts. Each act of the soak test first runs alone,
 * which shows the peak of memory that the act needs. No act of the soak test runs during a checkpoint.
 */
import { Actor, Registry } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ask, expose, gauge, heap, type Worker } from "./actors.ts"
import type { Act, Field } from "./acts.ts"
import * as Judge from "./judge.ts"
import * as Processes from "./processes.ts"

export interface Plan {
  readonly minutes: number
  readonly acts: ReadonlyArray<Act>
  /** The size in MiB of the largest item that the soak test sends. */
  readonly largest: number
  readonly seed: number
  /** The path of the folder for the temporary files of the soak test's actors. */
  readonly folder: string
}

/**
 * The peak of every process's memory during one act (a piece of work of the soak test), in MiB: its growth and its
 * total.
 */
export interface Peak {
  readonly act: string
  readonly seconds: number
  readonly above: ReadonlyArray<number>
  readonly highest: ReadonlyArray<number>
}

export interface Result {
  /** The names of the root and of the actors that live during the whole soak. */
  readonly processes: ReadonlyArray<string>
  readonly peaks: ReadonlyArray<Peak>
  /** The least sample of each process at each checkpoint of a soak, in the order of `processes`. */
  readonly floors: ReadonlyArray<ReadonlyArray<Judge.Sample>>
  /** The wrong answers and the hangs in the work of the soak test, each with the number of times it occurred. */
  readonly problems: ReadonlyMap<string, number>
  readonly done: number
}

const mebibyte = 1024 * 1024

/** The number of pieces of work, such as a call or a restart, that the soak test runs at the same time. */
export const lanes = 3

/** The largest number of checkpoints of a soak, and the least milliseconds between two checkpoints. */
const mostSlices = 8
const leastSlice = 10_000

/** The longest time of an act (a piece of work of the soak test); on an idle host an act takes two seconds. */
const actLimit = "60 seconds"

/**
 * The number of samples of which a checkpoint of the soak keeps the least, and the milliseconds within which a resource
 * must be freed.
 */
const checkpoints = { samples: 6, every: "250 millis", patience: 10_000 } as const

/** Returns a generator of numbers from 0 to 1, which returns the same numbers for the same seed (mulberry32). */
const random = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = state + 0x6d2b79f5 >>> 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
}

const sampleRoot = (workers: ReadonlyArray<Worker>, folder: string) =>
  Effect.gen(function*() {
    const channels = yield* Effect.forEach(
      workers,
      ({ statistics }) => Effect.map(statistics, ({ channel }) => channel)
    )
    const { children, peers } = yield* Actor.statistics
    const names = yield* Registry.list()
    return {
      heap: yield* Effect.promise(heap),
      rss: Processes.memory(process.pid).rss,
      fds: Processes.descriptors(process.pid),
      dialogs: channels.reduce((sum, { dialogs }) => sum + dialogs, 0),
      stuck: channels.reduce((sum, { stuck }) => sum + stuck, 0),
      peers: peers.length,
      children: children.length,
      processes: Processes.descendants(process.pid),
      "socket files": Processes.files(folder),
      names: names.length
    } satisfies Judge.Sample
  })

const sampleWorker = (worker: Worker) =>
  Effect.map(worker.run(gauge()), (inside): Judge.Sample => ({
    ...inside,
    rss: Processes.memory(worker.actor.pid).rss,
    fds: Processes.descriptors(worker.actor.pid)
  }))

/**
 * Takes samples of all processes until each resource is back at its first value or a bound is over, and returns the
 * least samples. After a failed checkpoint, the next checkpoint of the soak test does not wait for the resources to
 * return to their first values.
 */
const checkpoint = (
  workers: ReadonlyArray<Worker>,
  folder: string,
  before: ReadonlyArray<ReadonlyArray<Judge.Sample>>
) =>
  Effect.gen(function*() {
    const samples: Array<ReadonlyArray<Judge.Sample>> = []
    const floors = () => samples[0]!.map((_, i) => Judge.floor(samples.map((all) => all[i]!)))
    const isBack = (all: ReadonlyArray<Judge.Sample>) => all.every((one, i) => Judge.isBack(before[0]![i]!, one))
    const waits = before.length > 0 && isBack(before.at(-1)!)
    const end = performance.now() + checkpoints.patience
    for (;;) {
      samples.push([yield* sampleRoot(workers, folder), ...yield* Effect.forEach(workers, sampleWorker)])
      const enough = samples.length >= checkpoints.samples
      if (enough && (!waits || isBack(floors()) || performance.now() > end)) return floors()
      yield* Effect.sleep(checkpoints.every)
    }
  })

/** Makes every two actors of the soak connect to each other before the first checkpoint. */
const introduce = (workers: ReadonlyArray<Worker>) =>
  Effect.forEach(
    workers,
    (from) =>
      Effect.forEach(
        workers,
        (to) => from === to ? Effect.void : from.run(ask({ whom: to.ref, what: "call", size: 1 }))
      )
  )

const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.split("\n", 1)[0]!.slice(0, 200)
}

/** Runs one act (a piece of work of the soak test), and abandons the act if it does not end in time. */
const play = (act: Act, field: Field, problems: Map<string, number>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkDetach(Effect.exit(Effect.scoped(act.run(field))))
    const exit = yield* Effect.timeoutOption(Fiber.join(fiber), actLimit)
    const problem = exit._tag === "None"
      ? `did not end within ${actLimit}`
      : Exit.isFailure(exit.value)
      ? explain(exit.value.cause)
      : undefined
    // An act that hangs is reported first, and then interrupted, so that the act's finalizers run.
    if (exit._tag === "None") yield* Effect.timeoutOption(Fiber.interrupt(fiber), actLimit)
    if (problem === undefined) return
    const line = `${act.name}: ${problem.replaceAll(/@\d+|-\d+/g, "")}`
    if (!problems.has(line)) yield* Console.log(`FAILED ${act.name} (items of ${field.size} bytes): ${problem}`)
    problems.set(line, (problems.get(line) ?? 0) + 1)
  })

export const run = (plan: Plan): Effect.Effect<Result, Actor.ActorError, Actor.ActorRuntime> =>
  Actor.nursery(Effect.gen(function*() {
    const { acts } = plan
    const workers = yield* Effect.forEach(["one", "two", "three"], (name) => Actor.start(name, { expose }))
    const pids = [process.pid, ...workers.map(({ actor }) => actor.pid)]
    const problems = new Map<string, number>()
    const floors: Array<ReadonlyArray<Judge.Sample>> = []
    const peaks: Array<Peak> = []
    const next = random(plan.seed)
    let n = 0

    const look = Effect.gen(function*() {
      floors.push(yield* checkpoint(workers, plan.folder, floors))
    })
    const measured = <E>(name: string, work: Effect.Effect<unknown, E, Actor.ActorRuntime>) =>
      Effect.gen(function*() {
        // Taking a sample forces a garbage collection, so the garbage of earlier work does not count for the work that
        // follows.
        yield* sampleRoot(workers, plan.folder)
        yield* Effect.forEach(workers, sampleWorker)
        const before = pids.map((pid) => Processes.memory(pid).rss)
        pids.forEach(Processes.resetPeak)
        const begin = performance.now()
        yield* work
        const seconds = (performance.now() - begin) / 1_000
        const highest = pids.map((pid) => Processes.memory(pid).peak)
        peaks.push({ act: name, seconds, above: highest.map((peak, i) => Math.max(0, peak - before[i]!)), highest })
      })

    yield* introduce(workers)
    for (const act of acts) yield* play(act, { workers, size: 1000, n: n++ }, problems)
    yield* look
    yield* Console.log(`${acts.length} acts are warm`)
    for (const act of acts) {
      // Each act of the soak test uses the first two actors, so that its peaks of memory appear in only two processes.
      n += workers.length - n % workers.length
      yield* measured(act.name, play(act, { workers, size: plan.largest * mebibyte, n: n++ }, problems))
      yield* Console.log(`alone: ${act.name}`)
    }
    yield* look
    const total = plan.minutes * 60_000
    const slices = Math.max(1, Math.min(mostSlices, Math.round(total / leastSlice)))
    for (let i = 0; i < slices; i++) {
      const until = performance.now() + total / slices
      const lane = Effect.gen(function*() {
        while (performance.now() < until) {
          const act = acts[Math.floor(next() * acts.length)]!
          // The size of the items is a random number of bytes, and each order of magnitude is equally probable.
          const size = Math.max(1, Math.round((plan.largest * mebibyte) ** next()))
          yield* play(act, { workers, size, n: n++ }, problems)
        }
      })
      yield* measured("all at once", Effect.all(Array.from({ length: lanes }, () => lane), { concurrency: lanes }))
      yield* look
      yield* Console.log(`${n} acts`)
    }
    const processes = ["root", ...workers.map(({ name }) => name)]
    return {
      processes,
      peaks,
      floors: processes.map((_, i) => floors.map((all) => all[i]!)),
      problems,
      done: n
    }
  }))
