/**
 * Reports the end of an actor or supervisor of a built Layer to the Layer's surroundings, because a built Layer can no
 * longer fail.
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
 * supervisor, by `Actor.launch`, or by the actor to which the Layer belongs. If no `Escalation` is set, the failure of
 * a built Layer is logged as an Error.
 *
 * Layers of a platform call the `Escalation` too: an `ActorLost` counts as lost, a `RemoteActorError` as failed, and a
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
