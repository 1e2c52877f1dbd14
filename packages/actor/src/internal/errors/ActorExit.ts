/**
 * The exit of an actor: its owner, its nursery, every actor that waits for it, and its events all get the same value.
 *
 * @since 0.1.0
 */
import type { Boxed } from "@furrow/protocol/Failure"
import type { ActorError, ActorId, RemoteActorError } from "./ActorError.ts"

/**
 * The end of an actor, seen by its owner or by another actor that waits for it. The exit of an actor is a value, and
 * never an exception.
 *
 * The field `cleanup` holds the failures of the actor's finalizers, and names a cleanup that was cut off; `cleanup` is
 * empty after a clean end.
 *
 * @category models
 * @since 0.1.0
 */
export type ActorExit =
  /** The program `main` of the actor's Service returned, or the main program of a root returned. */
  | { readonly _tag: "Returned"; readonly cleanup: ReadonlyArray<Boxed> }
  /** The program `main` of the actor's Service failed, or an error in the actor was not caught. */
  | { readonly _tag: "Failed"; readonly error: RemoteActorError; readonly cleanup: ReadonlyArray<Boxed> }
  /** The actor's owner ended it, or another actor or a signal asked for its end. */
  | {
    readonly _tag: "Cancelled"
    readonly by: ActorId
    readonly reason: string
    readonly cleanup: ReadonlyArray<Boxed>
  }
  /** The actor's process or its connection ended without a last word. */
  | { readonly _tag: "Lost"; readonly error: ActorError; readonly cleanup: ReadonlyArray<Boxed> }

/** The `type` of the failure of a cleanup that did not end within its bound. */
export const cleanupUnfinished = "CleanupUnfinished"

/**
 * The failures of an actor's cleanup. A cleanup that was cut off is left out, because it raised no error; the exit and
 * the events show the cut-off.
 */
export const cleanupFailures = (exit: ActorExit): ReadonlyArray<Boxed> =>
  exit.cleanup.filter(({ type }) => type !== cleanupUnfinished)
