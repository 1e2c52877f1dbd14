/**
 * The record that an actor keeps of its calls while it lives, and the evidence that is left of its death.
 *
 * Record and evidence hold no payload, no local variable and no text of a message.
 *
 * @since 0.2.0
 */
import type { ActorId, Lost } from "../errors/ActorError.ts"
import type { Death, Doing, Hint } from "../errors/Hint.ts"
import type { Recorder } from "../inspect/Recorder.ts"
import type { PlatformSpec } from "./SpawnSpec.ts"

/**
 * Opens the record of an actor in the place that its parent has named; `undefined` where records are off.
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
 * A call in the record of a dead actor.
 *
 * @category models
 * @since 0.2.0
 */
export interface RecordedCall extends Doing {
  /** The number of the dialog on the connection to its caller. */
  readonly dialog: number
}

/**
 * Everything that a platform finds out about the death of a process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Evidence {
  /** The calls in the record of the dead actor; none where it kept no record. */
  readonly calls: ReadonlyArray<RecordedCall> | undefined
  /** The heap of the process as it was last measured, in bytes. */
  readonly heap?: { readonly used: number; readonly limit: number } | undefined
  /**
   * The report of the process about its own end, with the line of its code, where that is known. In `release` it had
   * begun to end in order.
   */
  readonly last?: {
    readonly what: "release" | "exception" | "rejection" | "exit"
    readonly place?: string | undefined
  } | undefined
  /** True where the kernel has killed a process for memory since the actor was started. */
  readonly memoryKill?: boolean | undefined
  /**
   * The state of the process before its owner sent it a signal: whether it was at work, in which function of the
   * kernel, and whether a program was its child.
   */
  readonly state?: {
    readonly is: "busy" | "asleep" | "stopped"
    readonly at?: string | undefined
    readonly command?: string | undefined
  } | undefined
}

/**
 * The story of a death, which the platform keeps. It holds no text of the program.
 *
 * @category models
 * @since 0.2.0
 */
export interface PostMortem {
  readonly actor: ActorId
  /** The actors above the dead one as `name@pid`, the root first. */
  readonly above: ReadonlyArray<string>
  readonly how: Lost
  readonly death: Death | undefined
  readonly hint: Hint["text"] | undefined
  readonly doing: ReadonlyArray<Doing>
}
