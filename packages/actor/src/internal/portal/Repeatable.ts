/**
 * Decides which failed calls may be repeated at another actor, without a risk of doing their work twice.
 *
 * @since 0.1.0
 */
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import {
  ActorBusy,
  type ActorError,
  type ActorId,
  ActorLost,
  ActorUnreachable,
  ChannelClosed,
  ContextCancelled
} from "../errors/ActorError.ts"

/**
 * The reason why a failed call may be repeated, which is `unbegun` when the call has not run at `actor`, and
 * `idempotent` when it may run twice and `actor` is lost or was ending.
 */
export const reasonToRepeat = (
  error: unknown,
  actor: ActorId,
  endpoint: AnyEndpoint
): "unbegun" | "idempotent" | undefined => {
  const failed = error as ActorError
  const wasLost = failed instanceof ActorLost || failed instanceof ContextCancelled
  if (failed instanceof ActorBusy || failed instanceof ActorUnreachable || wasLost && failed.began === "no") {
    return failed.actor?.uuid === actor.uuid ? "unbegun" : undefined
  }
  if (endpoint.idempotent !== true) return undefined
  if (failed instanceof ActorLost || failed instanceof ChannelClosed) {
    return failed.actor.uuid === actor.uuid ? "idempotent" : undefined
  }
  const ending = failed as { readonly ending?: unknown; readonly actor?: { readonly uuid?: unknown } } | undefined
  return ending?.ending === true && ending.actor?.uuid === actor.uuid ? "idempotent" : undefined
}
