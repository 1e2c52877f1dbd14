/**
 * The types of a pool's table: its slots and limits, its inputs, and its actions.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { ActorError } from "../errors/ActorError.ts"
import type * as Waiting from "./Waiting.ts"

export type Ticket = Waiting.Ticket

export type Failure = Cause.Cause<ActorError>

/**
 * The reason why a worker gets no more tasks: its connection ended, another actor ends it, it is stuck, or it reached a
 * limit. A worker that ends as `spare` (idle for too long) or `closed` (with its pool) is not replaced.
 */
export const reasons = ["lost", "left", "stuck", "tasks", "age", "memory", "spare", "closed"] as const
export type Reason = (typeof reasons)[number]

interface Live {
  /** The time at which the worker became ready. */
  readonly born: number
  /** The number of tasks that the pool has given to the worker so far. */
  readonly served: number
}

export type Phase =
  | { readonly _tag: "Starting" }
  | Live & { readonly _tag: "Idle"; readonly since: number }
  | Live & { readonly _tag: "Busy"; readonly active: number }
  | { readonly _tag: "Backing" }
  | { readonly _tag: "Condemned"; readonly why: Reason; readonly active: number; readonly isEnding: boolean }

export interface Slot extends Waiting.Holder {
  readonly id: number
  phase: Phase
  /**
   * The number of workers of this slot that have failed one after the other. The field `failures` of a slot becomes 0
   * again when a worker of the slot has completed its first task.
   */
  failures: number
  /** True when the worker has completed a task, and so has proven that it can work. */
  isProven: boolean
}

/**
 * The reason why a worker gets no more tasks, which the pool learns when one of the worker's tasks ends. The field
 * `error` is the failure for the worker's tasks that the pool cannot give to another worker; it is undefined for a
 * stuck worker.
 */
export interface Fault {
  readonly why: Reason
  readonly error: Failure | undefined
}

/**
 * The number of workers that died one after the other before their first task had ended, and the error of the last of
 * these workers.
 */
export interface Row {
  readonly failures: number
  readonly error: Failure
}

export interface Options {
  readonly min: number
  readonly max: number
  /** The number of tasks that a worker of the pool may have at once. */
  readonly concurrency: number
  /** The number of tasks that may wait in the queue of the pool. */
  readonly queue: number
  /** The milliseconds after which an idle worker ends, if the pool has more than `min` workers. */
  readonly idle: number
  /**
   * The number of tasks after which a worker is replaced; the limit `age` is in milliseconds, and the limit `memory` in
   * bytes of resident memory.
   */
  readonly tasks: number
  readonly age: number
  readonly memory: number
  /** The number of starts of one slot that may fail one after the other. */
  readonly attempts: number
}

/**
 * The stage of a pool. In the stage `opening` the first workers start, in `draining` the pool refuses new tasks, and in
 * `closing` the pool without tasks ends its workers.
 */
export type Stage = "opening" | "open" | "draining" | "closing" | "closed"

export interface Table {
  readonly options: Options
  readonly slots: Set<Slot>
  readonly waiting: Waiting.Waiting
  stage: Stage
  /**
   * The error of the last start, which is set when as many starts have failed as the limit `attempts` allows. While the
   * field `failure` is set, each new task starts at most one worker, and fails with the start's error if the start
   * fails.
   */
  failure: Failure | undefined
  /** The number of workers that died one after the other before their first task had ended, with the last error. */
  row: Row | undefined
  /** The number of tasks that the workers of the pool have now. */
  running: number
  /**
   * The time at which the machine of the pool must next get the input `Tick`; infinite when the machine needs no
   * `Tick`.
   */
  wakeAt: number
  ids: number
}

export type Input =
  | { readonly _tag: "Open" }
  /** A task of the pool asks for a worker. The field `isAgain` is true for a task whose worker was lost. */
  | { readonly _tag: "Submit"; readonly ticket: Ticket; readonly isAgain: boolean }
  /** A caller has given up its waiting task. */
  | { readonly _tag: "Withdraw"; readonly ticket: Ticket }
  /** A task has left its worker, because the task is over or the worker is lost. */
  | { readonly _tag: "Finish"; readonly ticket: Ticket; readonly fault: Fault | undefined; readonly now: number }
  | { readonly _tag: "Started"; readonly slot: Slot; readonly now: number }
  | { readonly _tag: "StartFailed"; readonly slot: Slot; readonly error: Failure }
  /** The delay after the failed start of a slot's worker is over. */
  | { readonly _tag: "Retry"; readonly slot: Slot }
  /** The `backoff` schedule of a slot allows no further start after a failed start. */
  | { readonly _tag: "GiveUp"; readonly slot: Slot; readonly error: Failure }
  /** A worker takes no more tasks: its connection has ended, or it is ending. */
  | { readonly _tag: "Part"; readonly slot: Slot; readonly why: Reason; readonly error: Failure }
  | { readonly _tag: "Measured"; readonly slot: Slot; readonly bytes: number }
  /** The process of a worker has ended, and nothing of it is left. */
  | { readonly _tag: "Gone"; readonly slot: Slot }
  | { readonly _tag: "Tick"; readonly now: number }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "Close" }

export type Action =
  /** Tells a task that it may now run on the worker of the slot in the task's field `holder`. */
  | { readonly _tag: "Assign"; readonly ticket: Ticket }
  | { readonly _tag: "Refuse"; readonly ticket: Ticket; readonly why: "full" | "closed" }
  /** Fails tasks that no worker will run: the pool is closed, or cannot start a worker. */
  | { readonly _tag: "Fail"; readonly tickets: ReadonlyArray<Ticket>; readonly error: Failure | undefined }
  | { readonly _tag: "Start"; readonly slot: Slot }
  | { readonly _tag: "BackOff"; readonly slot: Slot; readonly failures: number; readonly error: Failure }
  | { readonly _tag: "End"; readonly slot: Slot; readonly why: Reason }
  | { readonly _tag: "Condemned"; readonly why: Reason }
  /** Asks the pool for a `Tick` at the time `at`. */
  | { readonly _tag: "Wake"; readonly at: number }
  | { readonly _tag: "Opened" }
  | { readonly _tag: "OpenFailed"; readonly error: Failure }
  /** Tells the pool that its last worker is gone. */
  | { readonly _tag: "Closed" }
