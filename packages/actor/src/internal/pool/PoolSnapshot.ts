/**
 * A snapshot of a pool is plain data about one moment.
 *
 * @since 0.1.0
 */
import type { ActorId } from "../errors/ActorError.ts"
import type { PoolInspection } from "../inspect/Inspection.ts"
import type { Durations } from "./Counts.ts"
import type { OpenPool } from "./OpenPool.ts"
import type { Reason, Slot, Stage } from "./Table.ts"

/**
 * The state of one worker of a pool:
 *
 * - `starting`, `backing` say that the worker is being started, or waits for the next attempt to start it
 * - `idle`, `busy` say that the worker is ready, and has no task or at least one task
 * - `condemned` says that the worker gets no more tasks, and ends
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerSnapshot {
  readonly state: "starting" | "backing" | "idle" | "busy" | "condemned"
  /** The actor of the worker, once it is ready. */
  readonly actor: ActorId | undefined
  /** The number of tasks that the worker has now. */
  readonly running: number
  /** The number of tasks that the worker was given in its life; 0 for a condemned worker. */
  readonly served: number
  /** The reason why the worker is condemned; undefined for any other worker. */
  readonly why: Reason | undefined
}

/**
 * A snapshot of one pool: its workers, its tasks, and the counts of its life.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolSnapshot {
  readonly name: string
  readonly state: Stage
  readonly workers: ReadonlyArray<WorkerSnapshot>
  /** The number of tasks that wait for a worker now. */
  readonly waiting: number
  readonly running: number
  /** The numbers of tasks that have ended, by the tasks' outcome for their callers. */
  readonly tasks: {
    readonly succeeded: number
    readonly failed: number
    readonly interrupted: number
    readonly timedOut: number
    /** The number of tasks that the pool refused with `PoolFull`. */
    readonly refused: number
  }
  /** The number of tasks that were given to another worker after the loss of their worker. */
  readonly retried: number
  /** The number of workers of the pool that have become ready. */
  readonly started: number
  /**
   * Numbers of workers that were replaced, by reason. A `spare` worker gets no successor, and neither do the workers of
   * a `closed` pool.
   *
   * - `lost` counts workers whose connection ended, and `left` workers that were ended, but not by the pool
   * - `stuck` counts workers that did not let go of a task that its caller had given up
   * - `tasks`, `age` and `memory` count workers that reached the limit of this name in `recycle`
   */
  readonly replaced: { readonly [Why in Reason]: number }
  /**
   * The durations in milliseconds for which tasks waited for a worker; `run` has the durations for which tasks were
   * with a worker.
   */
  readonly wait: Durations
  readonly run: Durations
}

const workerOf = (pool: OpenPool, slot: Slot): WorkerSnapshot => {
  const { phase } = slot
  return {
    state: phase._tag.toLowerCase() as WorkerSnapshot["state"],
    actor: pool.actorOf(slot),
    running: "active" in phase ? phase.active : 0,
    served: "served" in phase ? phase.served : 0,
    why: phase._tag === "Condemned" ? phase.why : undefined
  }
}

/** The snapshot of a pool in the form that observers read. */
export const inspect = (pool: OpenPool): PoolInspection => ({
  name: pool.name,
  workers: Array.from(pool.table.slots, (slot) => {
    const { actor, state } = workerOf(pool, slot)
    return { actor: actor ?? null, state }
  }),
  waiting: pool.table.waiting.count,
  running: pool.table.running
})

export const take = (pool: OpenPool): PoolSnapshot => {
  const { counts, name, table } = pool
  return {
    name,
    state: table.stage,
    workers: Array.from(table.slots, (slot) => workerOf(pool, slot)),
    waiting: table.waiting.count,
    running: table.running,
    tasks: { ...counts.tasks },
    retried: counts.retried,
    started: counts.started,
    replaced: { ...counts.replaced },
    wait: counts.wait.snapshot(),
    run: counts.run.snapshot()
  }
}
