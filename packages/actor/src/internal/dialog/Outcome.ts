/**
 * The last word of a dialog, as a caller meets it: the value, the endpoint's own error, or an `ActorError`.
 *
 * @since 0.1.0
 */
import type * as Dialog from "@furrow/protocol/Dialog"
import { describe } from "@furrow/protocol/Violation"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { type ActorError, PayloadInvalid, ProtocolViolation } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import { toEffect } from "./Failures.ts"

/** How a dialog ended, with the channel's error where the connection did. */
export type Settled =
  | Exclude<Dialog.Outcome, { readonly _tag: "Lost" }>
  | { readonly _tag: "Lost"; readonly error: ActorError }

/** What a dialog's last word means to whoever called: the value, the endpoint's own error, or an `ActorError`. */
export const outcome = (
  settled: Settled,
  endpoint: AnyEndpoint,
  channel: PeerChannel
): Effect.Effect<unknown, unknown> => {
  switch (settled._tag) {
    case "Return": {
      const decoded = codecs(endpoint).success.decode(settled.payload)
      return decoded.ok ? Effect.succeed(decoded.value) : Effect.fail(
        new PayloadInvalid({
          actor: channel.peer,
          side: "callee",
          endpoint: endpoint.name,
          part: "success",
          issue: decoded.issue
        })
      )
    }
    case "Error":
      // A failure may be that of the contract: the next call says again which one it means.
      channel.sendDigestAgain(endpoint)
      return withoutStack(() => toEffect(settled.payload, endpoint, channel.peer))
    case "Lost":
      return Effect.fail(settled.error)
    case "Violation":
      return Effect.fail(
        new ProtocolViolation({
          side: "peer",
          actor: channel.peer,
          rule: settled.violation._tag,
          detail: describe(settled.violation)
        })
      )
  }
}
