/**
 * The cue of a standby: the `main` of a standby waits until the standby's parent tells the standby to take over.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import type { BoundHandlers } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import type { ActorError } from "../errors/ActorError.ts"
import type { LocalActor } from "./LocalActor.ts"

const cue = endpoint("furrow/cue")

/**
 * Makes the effect in which the `main` of a standby waits until it may begin, and the endpoint that ends this wait. The
 * endpoint that lets the `main` of an actor begin is served only to the actor's parent.
 */
export const makeCue = (
  context: Context.Context<never>
): { readonly await: Effect.Effect<void>; readonly handlers: BoundHandlers } => {
  const come = Deferred.makeUnsafe<void>()
  const handler = () => Effect.sync(() => void Deferred.doneUnsafe(come, Exit.void))
  return {
    await: Deferred.await(come),
    handlers: new Map([[cue.endpoint.name, { endpoint: cue.endpoint, context, handler }]])
  }
}

/** Tells a standby to take over, which lets the standby's `main` begin. */
export const giveCue = (local: LocalActor, channel: PeerChannel): Effect.Effect<void, ActorError> =>
  Caller.run(channel, local.env, cue()) as Effect.Effect<void, ActorError>
