/**
 * A frozen picture of a pool: plain data, taken in one step.
 *
 * @since 0.1.0
 */
import type { ActorId } from "../errors/ActorError.ts"
import type { PoolInspection } from "../inspect/Inspection.ts"
import type { Durations } from "./Counts.ts"
import type { OpenPool } from "./OpenPool.ts"
import type { Reason, Slot, Stage } from "./Table.ts"

/**
 * One worker of a pool.
 *
 * - `starting`, `backing`: it is started, or its start is tried again in a while
 * - `idle`, `busy`: it is ready
 * - `condemned`: it gets no more tasks, and ends
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerSnapshot {
  readonly state: "starting" | "backing" | "idle" | "busy" | "condemned"
  /** The actor, once it is ready. */
  readonly actor: ActorId | undefined
  /** Tasks that the worker has. */
  readonly running: number
  /** Tasks that the worker was given in its life; 0 where it is condemned. */
  readonly served: number
  /** The reason for which the worker is condemned. */
  readonly why: Reason | undefined
}

/**
 * One pool: its workers, its tasks, and the numbers of its life.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolSnapshot {
  readonly name: string
  readonly state: Stage
  readonly workers: ReadonlyArray<WorkerSnapshot>
  /** Tasks that wait, and tasks that workers have, now. */
  readonly waiting: number
  readonly running: number
  /** Tasks that are over, by what became of them for their callers. */
  readonly tasks: {
    readonly succeeded: number
    readonly failed: number
    readonly interrupted: number
    readonly timedOut: number
    /** `PoolFull`. */
    readonly refused: number
  }
  /** Tasks that were given to another worker. */
  readonly retried: number
  /** Workers that became ready. */
  readonly started: number
  /**
   * Workers that were replaced, by reason; a `spare` one and those of a pool that is `closed` have no successor.
   *
   * - `lost`: its connection ended. `left`: it ended itself, or another actor ended it
   * - `stuck`: it did not let go of a task that was given up
   * - `tasks`, `age`, `memory`: it was recycled
   */
  readonly replaced: { readonly [Why in Reason]: number }
  /** How long tasks waited for their worker, and how long workers had them. */
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

/** The same, for an observer. */
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
