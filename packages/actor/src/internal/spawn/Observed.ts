/**
 * An actor, as its platform offers it to observers: tools of the same user that look into a tree from outside.
 *
 * @since 0.2.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import type { ActorId } from "../errors/ActorError.ts"
import type { FiberInspection, Observe, ProcessInspection, StackInspection, Works } from "../inspect/Inspection.ts"
import type { Connection } from "../transport/Transport.ts"
import type { PlatformSpec } from "./SpawnSpec.ts"

/**
 * The platform's part in an answer to an observer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Means {
  /** The proof of one connection: with a key of the door, never with the secret of the tree. */
  readonly authenticator: Authenticator
  readonly process: () => ProcessInspection
  /** The lines and the waits of these fibers, and of all that are theirs. */
  readonly fibers: (works: Works) => Promise<ReadonlyArray<FiberInspection>>
  /** The stack of a child of this process, however busy it is; it rejects where that cannot be seen. */
  readonly stack: (pid: number) => Promise<StackInspection>
  /** A profile of the processor time of this process during that time, as V8 gives it. */
  readonly profile: (millis: number) => Promise<unknown>
  /** A snapshot of the heap of this process, in pieces of text. */
  readonly heap: () => AsyncIterable<string>
}

/**
 * One actor that may be looked into.
 *
 * @category models
 * @since 0.2.0
 */
export interface Observed {
  readonly actor: ActorId
  readonly level: Observe
  /** Serves one observer, once it has proven that it holds the key; the result cuts it off. */
  readonly serve: (connection: Connection, means: Means) => () => void
}

/**
 * Opens a door to an actor while an observer looks; the result closes it for good.
 *
 * @category models
 * @since 0.2.0
 */
export type Offer = (observed: Observed, spec: PlatformSpec) => () => void
