/**
 * The record that an actor keeps of its calls while it lives, and the traces of its death.
 *
 * Neither holds a payload, a local variable or the text of a message.
 *
 * @since 0.2.0
 */
import type { ActorId, Lost } from "../errors/ActorError.ts"
import type { Death, Doing, Hint } from "../errors/Hint.ts"
import type { Recorder } from "../inspect/Recorder.ts"
import type { PlatformSpec } from "./SpawnSpec.ts"

/**
 * Opens the record of an actor, which its parent has told where to keep it; none where it is off.
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
  /** Its number on the connection to its caller. */
  readonly dialog: number
}

/**
 * Everything that a platform finds out about the death of a process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Evidence {
  /** The calls in its record; none where there is no record. */
  readonly calls: ReadonlyArray<RecordedCall> | undefined
  /** Its heap as it was last measured, in bytes. */
  readonly heap?: { readonly used: number; readonly limit: number } | undefined
  /** Its own account of its end, and the line of its code, if that is known. `release`: it began to end in order. */
  readonly last?: {
    readonly what: "release" | "exception" | "rejection" | "exit"
    readonly place?: string | undefined
  } | undefined
  /** The kernel has killed a process for memory since the actor was started. */
  readonly memoryKill?: boolean | undefined
  /** Its state before its owner sent it a signal: at work, in this function of the kernel, perhaps with a program as its child. */
  readonly state?: {
    readonly is: "busy" | "asleep" | "stopped"
    readonly at?: string | undefined
    readonly command?: string | undefined
  } | undefined
}

/**
 * The story of a death, for the platform to keep: no text of the program's is in it.
 *
 * @category models
 * @since 0.2.0
 */
export interface PostMortem {
  readonly actor: ActorId
  /** The actors above it as `name@pid`, root first. */
  readonly above: ReadonlyArray<string>
  readonly how: Lost
  readonly death: Death | undefined
  readonly hint: Hint["text"] | undefined
  readonly doing: ReadonlyArray<Doing>
}
