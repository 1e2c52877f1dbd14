/**
 * The place of a dialog in its connection: the callbacks by which the channel delivers words to the dialog.
 *
 * @since 0.1.0
 */
import type * as Message from "@furrow/protocol/Message"
import type { ActorError } from "../errors/ActorError.ts"
import type { Collecting, DialogInspection } from "../inspect/Inspection.ts"

/**
 * A dialog as the channel sees it: a dialog that this side opened gets the callee's words, and a dialog that the peer
 * opened gets the caller's words.
 */
export type Port = CallerPort | CalleePort

export interface CallerPort {
  readonly side: "caller"
  readonly heard: (word: Message.FromCallee) => void
  /** The state of the dialog for an observer; absent when the dialog is only passed on to another connection. */
  readonly inspect?: (() => DialogInspection) | undefined
  /** Collects the fibers of the dialog, and the things that they may wait for, for an observer. */
  readonly collect?: ((into: Collecting, peer: string) => void) | undefined
  /**
   * Tells the dialog that its connection is gone. The channel of a dialog calls `lost` once, and calls no other
   * callback afterwards.
   */
  readonly lost: (error: ActorError) => void
}

export interface CalleePort {
  readonly side: "callee"
  readonly heard: (word: Message.FromCaller) => void
  readonly inspect?: (() => DialogInspection) | undefined
  readonly collect?: ((into: Collecting, peer: string) => void) | undefined
  readonly lost: (error: ActorError) => void
}
