/**
 * The simulated computer: processes, their queues of jobs, and one virtual clock. A seed decides which job of the
 * simulated computer runs next.
 *
 * A queue of jobs (`Lane`) belongs to one fiber, one direction of a connection, or one sleep. Jobs of one queue run
 * in order, and jobs of different queues run in any order. A killed process has no queues of jobs; the queues of a
 * stopped process wait until the process continues.
 *
 * @since 0.1.0
 */
import * as Seed from "./Seed.ts"
import { Sleepers } from "./Sleepers.ts"

export type Job = () => void

/** A queue of jobs of the simulated computer, which run one after the other. */
export interface Lane {
  readonly process: Process
  readonly jobs: Array<Job>
  /** The state of a queue of jobs: empty, ready to run, held with its stopped process, or late in the network. */
  state: "idle" | "ready" | "held" | "late"
}

/** One simulated process. */
export interface Process {
  readonly name: string
  readonly pid: number
  readonly parent: Process | undefined
  state: "running" | "stopped" | "over"
  /** The queues of jobs of this process that wait while the process is stopped. */
  readonly held: Array<Lane>
  /** Resources that the kernel closes when the process ends. */
  readonly holds: Array<Job>
  /** The queue of jobs of each connection, stream or fiber that has a queue of its own. */
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

/** Ranges of choices: a range includes the first number of its pair and excludes the second. */
export type Ranges = ReadonlyArray<readonly [from: number, to: number]>

/** The ways in which a simulated run ends; `stuck` means that no fiber can run and no fiber sleeps. */
export type End = "done" | "stuck" | "endless"

/**
 * The number of choices after which 1 ms of the virtual clock passes, so that a loop of calls does not stop the clock.
 */
const choicesPerMillis = 25
/** The number of operations after which a fiber of Effect yields, under any seed. */
const maxOperations = 2048
/**
 * The number of choices after which the program's promises run. Promises of the program also run when no other job can
 * run.
 */
const choicesPerPromises = 64

/** Returns a promise that resolves when the program has no promise left that can go on at once. */
const promisesDone = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** The number that separates the seed for queues of jobs from the seed for all other random numbers. */
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
   * Random numbers for the choice of a queue of jobs alone; random numbers that a program draws do not change which
   * queue runs.
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
  /** Jobs that run after a number of choices; the last job in the list is the next to run. */
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

  /** Ends a simulated process: none of its jobs runs any more, and its resources are closed. */
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
   * Adds a job as `push` does, but through the network: the job may be late, and later jobs of its queue then wait
   * for it.
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

  /** Runs a job when `millis` milliseconds of virtual time have passed. */
  at(millis: number, job: Job): () => void {
    return this.sleepers.add(this.now + millis, job)
  }

  /** Runs a job between two choices of the simulated computer, after the given number of choices. */
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
   * Returns the queue of jobs that the seed picks, or the queue that ran last if this choice is not left to the seed.
   */
  private pick(count: number): number {
    const i = Math.floor(this.nextLane() * count)
    return this.isCalm ? Math.max(0, this.last === undefined ? 0 : this.lanes.indexOf(this.last)) : i
  }

  // ---- running ----------------------------------------------------------------------------------------------------

  /** Runs one job of the queue that the seed picks; returns `false` if no queue has a job. */
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
        // A job may have added queues at the end of the list of queues, and no job removes a queue from this list.
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

  /** Runs jobs of the simulated computer until `isDone` is true and no job can run, or until no job can run at all. */
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
