/**
 * Turns the last word of a dialog into the form for its caller: the value, the endpoint's own error, or an
 * `ActorError`.
 *
 * @since 0.1.0
 */
import type * as Dialog from "@furrow/protocol/Dialog"
import * as Failure from "@furrow/protocol/Failure"
import * as Payload from "@furrow/protocol/Payload"
import { describe } from "@furrow/protocol/Violation"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import {
  type ActorError,
  type ActorId,
  ContextCancelled,
  formatActor,
  PayloadInvalid,
  ProtocolViolation
} from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import { logError } from "../settings/Log.ts"
import type { DialogContext } from "./DialogContext.ts"
import { cleanupFailureOf, toEffect } from "./Failures.ts"

/** The end of a dialog: its last word, or the channel's error if the connection ended first. */
export type Settled = Dialog.Outcome<ActorError>

/**
 * Makes the next call of the endpoint send the contract again, because a callee that refused a call may not have
 * compared the contract.
 */
export const introduceAgain = (payload: Uint8Array, endpoint: AnyEndpoint, channel: PeerChannel): void => {
  if (Failure.isRefusal(payload)) channel.sendDigestAgain(endpoint)
}

/**
 * Turns the last word of a dialog into its caller's result: the value, the endpoint's own error, or an `ActorError`.
 */
export const outcome = (
  settled: Settled,
  endpoint: AnyEndpoint,
  channel: PeerChannel,
  callee: ActorId = channel.peer
): Effect.Effect<unknown, unknown> => {
  switch (settled._tag) {
    case "Return": {
      const decoded = codecs(endpoint).success.decode(settled.payload)
      if (decoded.ok) {
        Payload.releaseRead(settled.payload)
        return Effect.succeed(decoded.value)
      }
      return Effect.fail(
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
      introduceAgain(settled.payload, endpoint, channel)
      return withoutStack(() => toEffect(settled.payload, endpoint, channel.peer))
    case "Lost":
      return Effect.fail(settled.error)
    case "Unanswered": {
      const { by, reason } = settled.cancellation
      return Effect.fail(new ContextCancelled({ actor: callee, by, reason, acknowledged: false }))
    }
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

/**
 * The failure of a cancelled callee besides its interruption: a finalizer that failed, or a failure that the callee had
 * sent before the cancel reached it. Returns `undefined` when the callee answered the cancel without a failure.
 */
export const cleanupFailure = (
  settled: Settled,
  endpoint: AnyEndpoint,
  channel: PeerChannel
): Cause.Cause<never> | undefined => {
  if (settled._tag !== "Error") return undefined
  const { payload } = settled
  if (Failure.isPlainCancellation(payload)) return undefined
  return withoutStack(() => cleanupFailureOf(payload, endpoint, channel.peer))
}

/** Reports a handler's failure that reaches no caller, as an event and as an Error log with its stack. */
export const reportUnread = (
  env: DialogContext,
  context: Context.Context<never>,
  actor: ActorId,
  endpoint: AnyEndpoint,
  cause: Cause.Cause<unknown>
): void => {
  const error = Cause.squash(cause)
  const text = `${endpoint.name}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
  env.events.publish({ _tag: "FailureSuppressed", actor, text })
  const line = `a failure of ${endpoint.name} in ${formatActor(actor)} that no caller reads`
  Effect.runForkWith(context)(logError(line, cause))
}
