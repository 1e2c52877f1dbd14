/**
 * The record that an actor keeps of its calls while it lives, and the evidence that a platform finds about its death.
 *
 * A record or a post-mortem never holds a payload, a local variable or the text of a message.
 *
 * @since 0.2.0
 */
import type { ActorId, Lost } from "../errors/ActorError.ts"
import type { Death, Doing, Hint } from "../errors/Hint.ts"
import type { Recorder } from "../inspect/Recorder.ts"
import type { PlatformSpec } from "./SpawnSpec.ts"

/**
 * Opens the record of an actor in the place that its parent has named; `undefined` when records are off.
 *
 * @category models
 * @since 0.2.0
 */
export type KeepRecord = (
  actor: ActorId,
  above: ReadonlyArray<ActorId>,
  spec: PlatformSpec
) => Recorder | undefined

/**
 * One call in the record that a dead actor has kept of its calls.
 *
 * @category models
 * @since 0.2.0
 */
export interface RecordedCall extends Doing {
  /** The number of the recorded call's dialog on the connection to the caller. */
  readonly dialog: number
}

/**
 * All evidence that a platform finds about the death of a process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Evidence {
  /** The calls in the record of the dead actor; absent when the actor kept no record. */
  readonly calls: ReadonlyArray<RecordedCall> | undefined
  /** The last measurement of the heap of the dead process, in bytes. */
  readonly heap?: { readonly used: number; readonly limit: number } | undefined
  /**
   * The last entry that the process wrote about its own end, with the line of code if the line is known. The value
   * `release` of the field `what` says that the process had begun to end in order.
   */
  readonly last?: {
    readonly what: "release" | "exception" | "rejection" | "exit"
    readonly place?: string | undefined
  } | undefined
  /** True when the kernel has killed a process for lack of memory since the actor was started. */
  readonly memoryKill?: boolean | undefined
  /**
   * The state of the actor's process just before its owner sent a signal to the process. The field `at` names the
   * kernel function in which the process waited. The field `command` is the command of a process that the actor had
   * started.
   */
  readonly state?: {
    readonly is: "busy" | "asleep" | "stopped"
    readonly at?: string | undefined
    readonly command?: string | undefined
  } | undefined
}

/**
 * The post-mortem of an actor, which the platform stores as a file. A post-mortem holds no text that user code has
 * made, such as an error's message.
 *
 * @category models
 * @since 0.2.0
 */
export interface PostMortem {
  readonly actor: ActorId
  /** The actors above the dead actor as `name@pid`, the root first. */
  readonly above: ReadonlyArray<string>
  readonly how: Lost
  readonly death: Death | undefined
  readonly hint: Hint["text"] | undefined
  readonly doing: ReadonlyArray<Doing>
}
