/**
 * An actor as its platform offers it to observers: tools of the same user that look into a tree from outside.
 *
 * @since 0.2.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import type { ActorId } from "../errors/ActorError.ts"
import type { FiberInspection, Observe, ProcessInspection, StackInspection, Works } from "../inspect/Inspection.ts"
import type { Connection } from "../transport/Transport.ts"
import type { PlatformSpec } from "./SpawnSpec.ts"

/**
 * The functions of the platform for the answers to an observer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Means {
  /**
   * The authenticator of one connection from an observer. The authenticator proves a key of the door, and never the
   * secret of the tree.
   */
  readonly authenticator: Authenticator
  readonly process: () => ProcessInspection
  /** The source lines at which the given fibers and their child fibers stand, and the things for which they wait. */
  readonly fibers: (works: Works) => Promise<ReadonlyArray<FiberInspection>>
  /**
   * The stack of a child of this process, however busy the child is. The promise of a child's stack rejects when the
   * stack cannot be read.
   */
  readonly stack: (pid: number) => Promise<StackInspection>
  /** Profiles the processor time of this process for the given number of milliseconds, in the format of V8. */
  readonly profile: (millis: number) => Promise<unknown>
  /** A snapshot of the heap of this process, in pieces of text. */
  readonly heap: () => AsyncIterable<string>
}

/**
 * An actor that offers its state to observers.
 *
 * @category models
 * @since 0.2.0
 */
export interface Observed {
  readonly actor: ActorId
  readonly level: Observe
  /**
   * Serves one observer, once the observer has proven that it holds the key of the door. The function that `serve`
   * returns disconnects this observer.
   */
  readonly serve: (connection: Connection, means: Means) => () => void
}

/**
 * Opens a door to an actor while an observer is looking. The returned function closes the actor's door for good.
 *
 * @category models
 * @since 0.2.0
 */
export type Offer = (observed: Observed, spec: PlatformSpec) => () => void
