/**
 * The place of a dialog in its connection: the callbacks by which a channel tells it what it hears.
 *
 * @since 0.1.0
 */
import type * as Message from "@furrow/protocol/Message"
import type { ActorError } from "../errors/ActorError.ts"
import type { Collecting, DialogInspection } from "../inspect/Inspection.ts"

/** A dialog, seen from the channel: one we opened hears its callee, one the peer opened hears its caller. */
export type Port = CallerPort | CalleePort

export interface CallerPort {
  readonly side: "caller"
  readonly heard: (word: Message.FromCallee) => void
  /** Its state, for an observer; none where it is only passed on. */
  readonly inspect?: (() => DialogInspection) | undefined
  /** Its fibers and the things that they may wait for, for an observer. */
  readonly collect?: ((into: Collecting, peer: string) => void) | undefined
  /** The connection is gone: said once, then never anything again. */
  readonly lost: (error: ActorError) => void
}

export interface CalleePort {
  readonly side: "callee"
  readonly heard: (word: Message.FromCaller) => void
  readonly inspect?: (() => DialogInspection) | undefined
  readonly collect?: ((into: Collecting, peer: string) => void) | undefined
  readonly lost: (error: ActorError) => void
}
