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
 * The state of one worker of a pool is one of the following:
 *
 * - The state `starting` says that the worker is being started, and `backing` that the pool waits before this start
 * - The state `idle` says that the worker is ready and has no task, and `busy` that the worker has at least one task
 * - The state `condemned` says that the worker gets no more tasks, and ends after its present tasks
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
  /**
   * The number of tasks that the pool has given to the worker. The pool does not keep this number for a worker in the
   * state `condemned`, and the field `served` is then 0.
   */
  readonly served: number
  /** The reason why the worker gets no more tasks and ends; undefined for a worker that may still get tasks. */
  readonly why: Reason | undefined
}

/**
 * A snapshot of one pool: its workers and tasks now, and the numbers of tasks and workers since the pool was opened.
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
  /** The number of tasks that have ended, for each outcome that a caller of a task can get. */
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
  /** The number of workers that have become ready since the pool was opened, including workers that have ended. */
  readonly started: number
  /**
   * The number of workers that the pool has taken out of service, for each reason. Workers that end because they were
   * idle for too long (`spare`) or because their pool is closed (`closed`) are not replaced.
   *
   * - The field `lost` counts workers whose connection ended, and `left` counts workers that another actor ended
   * - The field `stuck` counts workers that did not let go of a task after the task's caller had given the task up
   * - The fields `tasks`, `age` and `memory` count workers that the pool recycled because of the limit of this name
   */
  readonly replaced: { readonly [Why in Reason]: number }
  /**
   * The histogram of the milliseconds that tasks waited for a worker; the field `run` holds the milliseconds that tasks
   * ran on a worker.
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

/** Converts the snapshot of a pool to the form that observers read. */
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
