/**
 * Reports the end of a built Layer of actors to the code around the Layer, because a built Layer can no longer fail by
 * itself.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { ActorError } from "../errors/ActorError.ts"
import type { GaveUp } from "../errors/GaveUp.ts"

/**
 * A listener for the moment at which an actor of a built Layer is lost, or a supervisor in the Layer gives up. A
 * supervisor that has shut itself down in order reports a success. The listener for the end of a built Layer is the
 * surrounding supervisor, `Actor.launch`, or the actor to which the Layer belongs. The failure of a Layer without a
 * listener is logged as an Error.
 *
 * The Layers of a platform call the listener too: an `ActorLost` counts as lost, a `RemoteActorError` as failed, a
 * success as returned.
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
