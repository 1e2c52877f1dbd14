/**
 * Decides which failed calls may be repeated at another actor without harm.
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
 * Returns the reason why a failed call may be repeated; the reason `unbegun` means that the call has not run at
 * `actor`. The reason `idempotent` means that `actor` is lost or ending, and that the call may run twice.
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
