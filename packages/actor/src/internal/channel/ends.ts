/** Makes the errors of dialogs whose connection has ended, and of dialogs that end before their connection. */
import type * as Connection from "@furrow/protocol/Connection"
import * as Failure from "@furrow/protocol/Failure"
import type * as Message from "@furrow/protocol/Message"
import * as Violation from "@furrow/protocol/Violation"
import {
  type ActorError,
  type ActorId,
  ActorLost,
  ChannelClosed,
  ContextCancelled,
  ProtocolViolation
} from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"

export const connectionLost = (actor: ActorId, reason?: string): ActorLost =>
  withoutStack(() =>
    new ActorLost({
      actor,
      how: { _tag: "ConnectionClosed", ...(reason === undefined ? {} : { reason }) },
      began: "maybe",
      stderr: [],
      failure: null
    })
  )

/** The error of a call to a peer that was asked for a sign of life and did not give a sign. */
export const peerSilent = (actor: ActorId, millis: number): ActorLost =>
  withoutStack(() =>
    new ActorLost({ actor, how: { _tag: "Silent", millis }, began: "maybe", stderr: [], failure: null })
  )

/** The answer to the cancel of a dialog whose `Start` has not arrived as a whole. */
export const cancelledEarly = ({ by, dialog, reason }: Message.Cancel, actor: ActorId): Message.Error => {
  const payload = Failure.encode({
    _tag: "Cancelled",
    by,
    reason,
    actor,
    path: [],
    others: [],
    ending: false,
    began: "no"
  })
  return { _tag: "Error", dialog, payload }
}

/** The error of a call that has surely not begun when its channel ended. */
export const notBegun = (error: ActorError): ActorError => {
  if (error instanceof ActorLost && error.began === "maybe") {
    const { actor, doing, failure, hint, how, stderr } = error
    return withoutStack(() => new ActorLost({ actor, how, began: "no", stderr, failure, doing, hint }))
  }
  if (error instanceof ContextCancelled && error.began === "maybe") {
    const { acknowledged, actor, by, ending, reason } = error
    return withoutStack(() => new ContextCancelled({ actor, by, reason, acknowledged, ending, began: "no" }))
  }
  return error
}

export const errorOf = (why: Connection.Why<ActorError>, actor: ActorId): ActorError => {
  switch (why._tag) {
    case "Local":
      return new ChannelClosed({ side: "local", actor })
    case "Left":
      return new ChannelClosed({ side: "peer", actor })
    case "Cut":
      return connectionLost(actor)
    case "Known":
      return why.error
    case "Violated": {
      const { violation } = why
      return new ProtocolViolation({
        side: "peer",
        actor,
        rule: violation._tag,
        detail: Violation.describe(violation)
      })
    }
    case "Accused":
      return new ProtocolViolation({ side: "local", actor, rule: why.rule, detail: why.detail })
  }
}
