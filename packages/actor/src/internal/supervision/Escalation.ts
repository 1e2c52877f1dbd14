/**
 * How the end of a Layer of actors reaches the code around it. A Layer that is already built can no longer fail.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { ActorError } from "../errors/ActorError.ts"
import type { GaveUp } from "../errors/GaveUp.ts"

/**
 * Called when an actor of a built Layer is lost, or a supervisor gives up. A supervisor that has shut itself down in
 * order reports a success. The listener is the surrounding supervisor, `Actor.launch`, or the actor that the Layer
 * belongs to. If there is no listener, a failure is logged as an Error.
 *
 * The Layers of a platform call it too: an `ActorLost` counts as lost, a `RemoteActorError` as failed, a success as
 * returned.
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
