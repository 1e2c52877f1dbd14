/**
 * Reports the end of an actor or supervisor in a built Layer to a callback, because a built Layer can no longer fail.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { ActorError } from "../errors/ActorError.ts"
import type { GaveUp } from "../errors/GaveUp.ts"

/**
 * A callback that is called when an actor of a built Layer is lost, or a supervisor in the Layer gives up. A supervisor
 * that has shut itself down in order calls its `Escalation` with a success. An `Escalation` is set by a surrounding
 * supervisor, by `Actor.launch`, or by the actor to which the Layer belongs. If no `Escalation` is set, the loss of the
 * actor or the failure of the supervisor is logged as an Error.
 *
 * The code of a platform may call this callback for its own Layers. A supervisor whose `Escalation` is called handles
 * the error `ActorLost` like a lost actor, a `RemoteActorError` like a failed actor, and a success like a returned
 * actor.
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
