/**
 * The words of a pool's table: its slots and bounds, its events, and the actions that follow.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { ActorError } from "../errors/ActorError.ts"
import type * as Waiting from "./Waiting.ts"

export type Ticket = Waiting.Ticket

export type Failure = Cause.Cause<ActorError>

/**
 * The reasons why a worker gets no more tasks: its connection ended, or another actor ends it; it did not let
 * go; it has done its time. `spare` and `closed` have no successor.
 */
export const reasons = ["lost", "left", "stuck", "tasks", "age", "memory", "spare", "closed"] as const
export type Reason = (typeof reasons)[number]

interface Live {
  /** The time at which the worker became ready. */
  readonly born: number
  /** Tasks that the worker was given. */
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
  /** Starts in a row that came to nothing: the first task of its worker that is over ends the row. */
  failures: number
  /** A task of its worker is over, and the worker was not lost by it. */
  isProven: boolean
}

/** A worker is of no use after a task. `error`: what tasks are told that no other worker can have; none where it is stuck. */
export interface Fault {
  readonly why: Reason
  readonly error: Failure | undefined
}

/** Workers that died before a task of theirs was over: how many came after each other, and how the last one ended. */
export interface Row {
  readonly failures: number
  readonly error: Failure
}

export interface Options {
  readonly min: number
  readonly max: number
  /** Tasks that a worker may have at once. */
  readonly concurrency: number
  /** Tasks that may wait. */
  readonly queue: number
  /** Milliseconds after which an idle worker beyond `min` ends. */
  readonly idle: number
  /** A worker is replaced after this number of tasks, milliseconds, or bytes of resident memory. */
  readonly tasks: number
  readonly age: number
  readonly memory: number
  /** Starts of one slot in a row that may fail. */
  readonly attempts: number
}

/** Opening: the first workers start. Draining: no new tasks. Closing: no tasks, and the workers end. */
export type Stage = "opening" | "open" | "draining" | "closing" | "closed"

export interface Table {
  readonly options: Options
  readonly slots: Set<Slot>
  readonly waiting: Waiting.Waiting
  stage: Stage
  /** Starts came to nothing as often as they may: tasks are told so, and each of them starts one worker at most. */
  failure: Failure | undefined
  /** New workers wait for their start after these. A task that is over anywhere ends the row. */
  row: Row | undefined
  /** Tasks that workers have. */
  running: number
  /** The time for which a `Tick` was asked. */
  wakeAt: number
  ids: number
}

export type Input =
  | { readonly _tag: "Open" }
  /** A task is asked for; `isAgain`: its worker was lost before it. */
  | { readonly _tag: "Submit"; readonly ticket: Ticket; readonly isAgain: boolean }
  /** A task is not asked for any more. */
  | { readonly _tag: "Withdraw"; readonly ticket: Ticket }
  /** A task has left its worker. */
  | { readonly _tag: "Finish"; readonly ticket: Ticket; readonly fault: Fault | undefined; readonly now: number }
  | { readonly _tag: "Started"; readonly slot: Slot; readonly now: number }
  | { readonly _tag: "StartFailed"; readonly slot: Slot; readonly error: Failure }
  /** The wait after a failed start is over. */
  | { readonly _tag: "Retry"; readonly slot: Slot }
  /** The schedule of a failed start has no further attempt. */
  | { readonly _tag: "GiveUp"; readonly slot: Slot; readonly error: Failure }
  /** A worker takes no more tasks: its connection has ended, or it is ending. */
  | { readonly _tag: "Part"; readonly slot: Slot; readonly why: Reason; readonly error: Failure }
  | { readonly _tag: "Measured"; readonly slot: Slot; readonly bytes: number }
  /** The process of a worker is gone. */
  | { readonly _tag: "Gone"; readonly slot: Slot }
  | { readonly _tag: "Tick"; readonly now: number }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "Close" }

export type Action =
  /** The `holder` of the ticket has the task from now on. */
  | { readonly _tag: "Assign"; readonly ticket: Ticket }
  | { readonly _tag: "Refuse"; readonly ticket: Ticket; readonly why: "full" | "closed" }
  /** No worker will have these: one could not be started, or the pool is closed. */
  | { readonly _tag: "Fail"; readonly tickets: ReadonlyArray<Ticket>; readonly error: Failure | undefined }
  | { readonly _tag: "Start"; readonly slot: Slot }
  | { readonly _tag: "BackOff"; readonly slot: Slot; readonly failures: number; readonly error: Failure }
  | { readonly _tag: "End"; readonly slot: Slot; readonly why: Reason }
  | { readonly _tag: "Condemned"; readonly why: Reason }
  /** A `Tick` is wanted then. */
  | { readonly _tag: "Wake"; readonly at: number }
  | { readonly _tag: "Opened" }
  | { readonly _tag: "OpenFailed"; readonly error: Failure }
  /** The last worker is gone. */
  | { readonly _tag: "Closed" }
