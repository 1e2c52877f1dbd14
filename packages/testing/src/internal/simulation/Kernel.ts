/**
 * The simulated computer: processes, their queues of callbacks, and one virtual clock. A seed decides which callback
 * runs next.
 *
 * A queue of callbacks (`Lane`) belongs to one fiber, one direction of a connection, or one sleep of a simulated
 * process. Callbacks of one queue run in order, and callbacks of different queues run in any order. The callbacks of a
 * killed process never run; those of a stopped process wait until the process continues.
 *
 * @since 0.1.0
 */
import * as Seed from "./Seed.ts"
import { Sleepers } from "./Sleepers.ts"

export type Job = () => void

/** A queue of callbacks of the simulated computer, which run one after the other. */
export interface Lane {
  readonly process: Process
  readonly jobs: Array<Job>
  /**
   * The state of a queue of callbacks: empty, ready to run, waiting because its process is stopped, or waiting because
   * its bytes arrive late.
   */
  state: "idle" | "ready" | "held" | "late"
}

/** One simulated process. */
export interface Process {
  readonly name: string
  readonly pid: number
  readonly parent: Process | undefined
  state: "running" | "stopped" | "over"
  /** The queues of callbacks of this process that wait until the stopped process continues. */
  readonly held: Array<Lane>
  /** Resources that the kernel closes when the process ends. */
  readonly holds: Array<Job>
  /** The queue of callbacks of each connection, stream or fiber that has a queue of its own. */
  readonly lanes: WeakMap<object, Lane>
  /** The milliseconds by which the wall clock of a simulated process is ahead of the virtual clock. */
  skew: number
}

/** The chances with which a seed disturbs a program, and the largest delay of late bytes. */
export interface Temper {
  /** The chance that a fiber is preempted before an operation. */
  readonly preempt: number
  /** The chance that bytes on a connection are late, and their largest delay in milliseconds. */
  readonly delay: number
  readonly maxDelayMillis: number
}

/**
 * Ranges of callbacks by their number in the run: each range includes its number `from` and excludes its number `to`.
 */
export type Ranges = ReadonlyArray<readonly [from: number, to: number]>

/** The ways in which a simulated run ends; `stuck` means that no fiber can run and no fiber sleeps. */
export type End = "done" | "stuck" | "endless"

/**
 * The number of callbacks after which 1 ms of virtual time passes, so that an endless loop of calls does not stop the
 * virtual clock.
 */
const choicesPerMillis = 25
/** The number of operations after which a fiber of Effect yields, under any seed. */
const maxOperations = 2048
/**
 * The number of callbacks after which the simulated program's promises run. The promises also run when no queue has a
 * callback that can run.
 */
const choicesPerPromises = 64

/** Returns a promise that resolves when the program has no promise left that can go on at once. */
const promisesDone = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/**
 * A constant that makes a second seed out of the seed of a run: the second seed picks the queue of callbacks that runs
 * next.
 */
const laneSalt = 0x5bd1e995

export class Kernel {
  now = 0
  choices = 0
  /**
   * A hash of every choice of the run, by which two runs are compared.
   */
  fingerprint = 0
  readonly next: Seed.Next
  /**
   * Random numbers only for the choice of the next queue of callbacks; random numbers that a program draws do not
   * change this choice.
   */
  private readonly nextLane: Seed.Next
  private readonly calm: Ranges
  private last: Lane | undefined
  readonly processes: Array<Process> = []
  private readonly temper: Temper
  private readonly lanes: Array<Lane> = []
  private readonly sleepers = new Sleepers()
  /** The number of operations until the next preemption of a fiber. */
  private untilPreempt: number
  /**
   * Callbacks that run when the kernel has run a given number of callbacks. The list is sorted, and its last element
   * runs first.
   */
  private readonly dooms: Array<{ readonly at: number; readonly job: Job }> = []
  /** Imports and other promises from outside the simulation, for which the whole simulated computer waits. */
  private outside: Array<Promise<() => void>> = []

  constructor(seed: number, temper: (next: Seed.Next) => Temper, calm: Ranges = []) {
    this.next = Seed.next(seed)
    this.nextLane = Seed.next(seed ^ laneSalt)
    this.calm = calm
    this.temper = temper(this.next)
    this.untilPreempt = this.operations()
  }

  choose(count: number): number {
    return Math.floor(this.next() * count)
  }

  // ---- processes --------------------------------------------------------------------------------------------------

  start(name: string, parent: Process | undefined): Process {
    const process: Process = {
      name,
      pid: this.processes.length,
      parent,
      state: "running",
      held: [],
      holds: [],
      lanes: new WeakMap(),
      skew: 0
    }
    this.processes.push(process)
    return process
  }

  /** Ends a simulated process: none of its callbacks runs any more, and its resources are closed. */
  end(process: Process): void {
    if (process.state === "over") return
    process.state = "over"
    process.held.length = 0
    for (const close of process.holds) close()
    process.holds.length = 0
  }

  stop(process: Process): void {
    if (process.state === "running") process.state = "stopped"
  }

  continue(process: Process): void {
    if (process.state !== "stopped") return
    process.state = "running"
    for (const lane of process.held) this.ready(lane)
    process.held.length = 0
  }

  // ---- lanes ------------------------------------------------------------------------------------------------------

  lane(process: Process): Lane {
    return { process, jobs: [], state: "idle" }
  }

  laneOf(process: Process, key: object): Lane {
    let lane = process.lanes.get(key)
    if (lane === undefined) process.lanes.set(key, lane = this.lane(process))
    return lane
  }

  push(lane: Lane, job: Job): void {
    if (lane.process.state === "over") return
    lane.jobs.push(job)
    if (lane.state === "idle") this.ready(lane)
  }

  /**
   * Adds a callback to a queue as the method `push` does, but as bytes in a network: a random delay may hold up the
   * queue.
   */
  send(lane: Lane, job: Job): void {
    if (lane.process.state === "over") return
    lane.jobs.push(job)
    if (lane.state !== "idle") return
    const { delay, maxDelayMillis } = this.temper
    if (delay === 0 || this.next() >= delay || this.isCalm) return this.ready(lane)
    lane.state = "late"
    this.at(1 + this.choose(maxDelayMillis), () => this.ready(lane))
  }

  /** Runs a callback when `millis` milliseconds of virtual time have passed. */
  at(millis: number, job: Job): () => void {
    return this.sleepers.add(this.now + millis, job)
  }

  /** Runs a callback when the kernel has run the given number of further callbacks of queues. */
  after(choices: number, job: Job): void {
    const at = this.choices + choices
    const i = this.dooms.findIndex((other) => other.at <= at)
    this.dooms.splice(i < 0 ? this.dooms.length : i, 0, { at, job })
  }

  /**
   * Stops the simulated computer until the promise is settled, so that no choice depends on the time that the promise
   * takes.
   */
  await<A>(process: Process, promise: PromiseLike<A>, done: (settled: PromiseSettledResult<A>) => void): void {
    const settled = Promise.allSettled([promise]).then(([result]) => () =>
      this.push(this.lane(process), () => done(result))
    )
    this.outside.push(settled)
  }

  /** True if the seed preempts a fiber of this simulated process now. */
  preempts(process: Process, operations: number): boolean {
    if (process.state !== "running" || operations >= maxOperations) return true
    if (--this.untilPreempt > 0 || this.isCalm) return false
    this.untilPreempt = this.operations()
    return true
  }

  private operations(): number {
    const { preempt } = this.temper
    return preempt === 0 ? Infinity : 1 + Math.floor(Math.log(1 - this.next()) / Math.log(1 - preempt))
  }

  private ready(lane: Lane): void {
    lane.state = "ready"
    this.lanes.push(lane)
  }

  private take(i: number): Lane {
    const { lanes } = this
    const lane = lanes[i]!
    const last = lanes.pop()!
    if (last !== lane) lanes[i] = last
    return lane
  }

  private get isCalm(): boolean {
    return this.calm.some(([from, to]) => from <= this.choices && this.choices < to)
  }

  /**
   * Returns the index of the queue that the seed picks. In the ranges `calm` of the run, returns the index of the queue
   * that ran last.
   */
  private pick(count: number): number {
    const i = Math.floor(this.nextLane() * count)
    return this.isCalm ? Math.max(0, this.last === undefined ? 0 : this.lanes.indexOf(this.last)) : i
  }

  // ---- running ----------------------------------------------------------------------------------------------------

  /** Runs one callback of the queue that the seed picks; returns `false` if no queue has a callback. */
  private step(): boolean {
    const { lanes } = this
    while (lanes.length > 0) {
      const count = lanes.length
      const i = this.pick(count)
      const lane = lanes[i]!
      this.last = lane
      const { process } = lane
      if (process.state !== "running") {
        this.take(i)
        lane.state = "held"
        if (process.state === "stopped") process.held.push(lane)
        continue
      }
      this.fingerprint = (Math.imul(this.fingerprint, 31) + count * 1009 + i + this.now) | 0
      this.choices++
      const job = lane.jobs.shift()!
      job()
      if (lane.jobs.length === 0 && lane.state === "ready") {
        lane.state = "idle"
        // The callback may have added queues at the end of the list `lanes`, but no callback removes one, so the index
        // `i` is still valid.
        this.take(i)
      }
      return true
    }
    return false
  }

  private pass(to: number): void {
    this.now = to
    this.sleepers.pass(to)
  }

  /**
   * Runs the callbacks of the queues until `isDone` is true and no callback can run, or until no callback can run at
   * all.
   */
  async drive(
    isDone: () => boolean,
    options: { readonly maxChoices: number; readonly signal: AbortSignal }
  ): Promise<End> {
    const limit = this.choices + options.maxChoices
    while (this.choices < limit && !options.signal.aborted) {
      if (this.outside.length > 0) {
        const waiting = this.outside
        this.outside = []
        for (const done of await Promise.all(waiting)) done()
      }
      if (this.dooms.length > 0 && this.dooms.at(-1)!.at <= this.choices) this.dooms.pop()!.job()
      if (this.step()) {
        if (this.choices % choicesPerMillis === 0) this.pass(this.now + 1)
        if (this.choices % choicesPerPromises === 0) await promisesDone()
        continue
      }
      await promisesDone()
      if (this.lanes.length > 0 || this.outside.length > 0) continue
      if (isDone()) return "done"
      const { first } = this.sleepers
      if (first === undefined) return "stuck"
      this.pass(Math.max(this.now, first))
    }
    return "endless"
  }
}
