/**
 * The way of an end upwards: what a Layer of actors cannot fail with any more, because it is built.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { ActorError } from "../errors/ActorError.ts"
import type { GaveUp } from "../errors/GaveUp.ts"

/**
 * Called when an actor of a Layer is lost after it was built, or a supervisor gives up; told of a success when a supervisor
 * has shut itself down in order. The listener is the next supervisor around it, `Actor.launch`, or the actor whose Layer it
 * is. Without one, a failure is an Error log.
 *
 * A platform's own Layers tell it too: an `ActorLost` counts as lost, a `RemoteActorError` as failed, a success as returned.
 *
 * @example
 * ```ts
 * const escalate = yield* ActorProcess.Escalation
 * escalate // undefined
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const Escalation: Context.Reference<((exit: Exit.Exit<void, GaveUp | ActorError>) => void) | undefined> = Context
  .Reference<((exit: Exit.Exit<void, GaveUp | ActorError>) => void) | undefined>("@furrow/actor/Escalation", {
    defaultValue: () => undefined
  })
