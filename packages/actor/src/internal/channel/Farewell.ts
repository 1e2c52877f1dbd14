/**
 * Writes how an actor ended into the actor's `Bye`, and reads from the `Bye` of a peer how the peer ended.
 *
 * @since 0.1.0
 */
import * as Failure from "@furrow/protocol/Failure"
import {
  type ActorError,
  type ActorId,
  ChannelClosed,
  ContextCancelled,
  RemoteActorError
} from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { withoutStack } from "../errors/stack.ts"

export type { Farewell } from "@furrow/protocol/Failure"

/**
 * Encodes a farewell as bytes. If the failures of the cleanup are too long for a frame, the farewell holds only the
 * first failure, or none.
 */
export const encodeFarewell = (farewell: Failure.Farewell, limit = Infinity): Uint8Array => {
  const { cleanup, ...rest } = farewell
  for (const kept of [cleanup, cleanup.slice(0, 1), []]) {
    const encoded = Failure.encodeFarewell({ ...rest, cleanup: kept })
    if (encoded.ok && encoded.value.length <= limit) return encoded.value
  }
  return encodeFarewell({ how: { _tag: "Returned" }, cleanup: [] })
}

/** Reads from the payload of `Bye` how the actor ended; `undefined` if the payload does not say how. */
export const exitOf = (payload: Uint8Array, actor: ActorId): ActorExit | undefined => {
  const decoded = Failure.decodeFarewell(payload)
  if (!decoded.ok) return undefined
  const { cleanup, how } = decoded.value
  switch (how._tag) {
    case "Returned":
      return { _tag: "Returned", cleanup }
    case "Cancelled":
      return { _tag: "Cancelled", by: how.by, reason: how.reason, cleanup }
    // The farewell `Idle` gives no exit, because the actor lives on.
    case "Idle":
      return undefined
    case "Failed": {
      const { boxed } = how
      return {
        _tag: "Failed",
        error: withoutStack(() => new RemoteActorError({ actor, boxed, others: [], ending: true })),
        cleanup
      }
    }
  }
}

/** True for the payload of a `Bye` that ends only the connection, because neither side used the connection. */
export const isIdle = (payload: Uint8Array): boolean => {
  const decoded = Failure.decodeFarewell(payload)
  return decoded.ok && decoded.value.how._tag === "Idle"
}

/**
 * The number of the last dialog of this side that the ended actor had read; `undefined` if its `Bye` does not tell this
 * number.
 */
export const takenOf = (payload: Uint8Array): number | undefined => {
  const decoded = Failure.decodeFarewell(payload)
  return decoded.ok ? decoded.value.taken : undefined
}

/** The error of a call whose actor said `Bye` before it answered. */
export const endOf = (payload: Uint8Array, actor: ActorId): ActorError => {
  const exit = exitOf(payload, actor)
  switch (exit?._tag) {
    case "Cancelled":
      return withoutStack(() =>
        new ContextCancelled({ actor, by: exit.by, reason: exit.reason, acknowledged: true, ending: true })
      )
    case "Failed":
      return exit.error
    default:
      return withoutStack(() => new ChannelClosed({ side: "peer", actor }))
  }
}
