/**
 * The functions that an actor and its platform offer each other, so that observers can inspect the actor.
 *
 * @since 0.2.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import type { ActorId } from "../errors/ActorError.ts"
import type { FiberInspection, Observe, ProcessInspection, StackInspection, Works } from "../inspect/Inspection.ts"
import type { Connection } from "../transport/Transport.ts"
import type { PlatformSpec } from "./SpawnSpec.ts"

/**
 * The functions of a platform that an actor needs to answer an observer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Means {
  /**
   * Makes the authenticator for one connection from an observer. The authenticator for an observer checks the key of
   * the door, and never uses the secret of the tree.
   */
  readonly authenticator: Authenticator
  readonly process: () => ProcessInspection
  /**
   * Returns the source lines at which the given fibers and their child fibers stand, and the things for which these
   * fibers wait.
   */
  readonly fibers: (works: Works) => Promise<ReadonlyArray<FiberInspection>>
  /**
   * Reads the stack of a child process of this process, even if the child is busy. The function `stack` rejects when
   * the stack of the child process cannot be read.
   */
  readonly stack: (pid: number) => Promise<StackInspection>
  /** Profiles the processor time of this process for the given number of milliseconds, in the format of V8. */
  readonly profile: (millis: number) => Promise<unknown>
  /** A snapshot of the heap of this process, in pieces of text. */
  readonly heap: () => AsyncIterable<string>
}

/**
 * The functions by which an actor serves observers.
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
 * A function of a platform that opens the door of an actor at each knock of an observer. An `Offer` returns a function
 * that closes the door; no later knock opens the door again.
 *
 * @category models
 * @since 0.2.0
 */
export type Offer = (observed: Observed, spec: PlatformSpec) => () => void
