/**
 * The services that a simulated process uses in the place of its event loop: a Scheduler, a Clock, a Random and a Turn.
 *
 * @since 0.1.0
 */
import { Turn, type Wire } from "@furrow/actor/Turn"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { Kernel, Process } from "./Kernel.ts"

/** The wall-clock time at which every simulated run begins, in milliseconds since 1970: 2026-01-01. */
const epochMillis = 1_767_225_600_000

const schedulerOf = (kernel: Kernel, process: Process): Scheduler.Scheduler => ({
  executionMode: "async",
  shouldYield: (fiber) => kernel.preempts(process, fiber.currentOpCount),
  makeDispatcher: () => {
    const lane = kernel.lane(process)
    return { scheduleTask: (job) => kernel.push(lane, job), flush: () => {} }
  }
})

const clockOf = (kernel: Kernel, process: Process): Clock.Clock => {
  const millis = () => epochMillis + kernel.now + process.skew
  const nanos = () => BigInt(kernel.now) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: () => BigInt(millis()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(millis()) * 1_000_000n),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => {
      const left = Duration.toMillis(duration)
      if (left <= 0) return Effect.yieldNow
      if (!Number.isFinite(left)) return Effect.never
      return Effect.callback((resume) => {
        const lane = kernel.lane(process)
        return Effect.sync(kernel.at(Math.ceil(left), () => kernel.push(lane, () => resume(Effect.void))))
      })
    }
  }
}

const randomOf = ({ next }: Kernel): typeof Random.Random.Service => ({
  nextDoubleUnsafe: next,
  nextIntUnsafe: () => Math.floor((next() - 0.5) * 2 ** 53)
})

const hex = (kernel: Kernel, digits: number): string =>
  Math.floor(kernel.next() * 16 ** digits).toString(16).padStart(digits, "0")

/**
 * The functions by which the simulated computer learns of its processes, and of the connections between these
 * processes.
 */
export interface Watcher {
  readonly started: (process: Process, uuid: string) => void
  readonly wired: (wire: Wire, from: Process, to: Process) => void
}

const turnOf = (kernel: Kernel, process: Process, watcher: Watcher): Turn => {
  const later = (job: () => void, lane: object) => kernel.push(kernel.laneOf(process, lane), job)
  const own = {}
  return {
    later,
    rest: later,
    receive: (job, lane) => kernel.send(kernel.laneOf(process, lane), job),
    wired: (wire, from) => watcher.wired(wire, kernel.processes[from]!, process),
    enter: (job) => later(job, own),
    outside: (promise) =>
      Effect.callback((resume) => {
        kernel.await(process, Promise.resolve().then(promise), (settled) =>
          resume(settled.status === "fulfilled" ? Effect.succeed(settled.value) : Effect.fail(settled.reason)))
      }),
    pid: process.pid,
    now: () => kernel.now,
    uuid: () => `${hex(kernel, 8)}-${hex(kernel, 4)}-4${hex(kernel, 3)}-8${hex(kernel, 3)}-${hex(kernel, 10)}00`,
    hold: (close) => void process.holds.push(close),
    start: (actor, context) => {
      const child = kernel.start(actor.name, process)
      watcher.started(child, actor.uuid)
      return Context.merge(context, contextOf(kernel, child, watcher))
    },
    exit: () => {
      kernel.end(process)
      return true
    }
  }
}

/** Makes the Effect context in which a simulated process runs. */
export const contextOf = (kernel: Kernel, process: Process, watcher: Watcher): Context.Context<never> =>
  Context.mergeAll(
    Context.make(Scheduler.Scheduler, schedulerOf(kernel, process)),
    Context.make(Clock.Clock, clockOf(kernel, process)),
    Context.make(Random.Random, randomOf(kernel)),
    Context.make(Turn, turnOf(kernel, process, watcher))
  )
