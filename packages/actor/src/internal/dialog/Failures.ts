/**
 * Encodes a cause as an `Error` word, and decodes an `Error` word to a cause.
 *
 * The encoder of a cause keeps the kind of the first failure: an endpoint's own error by its schema, a defect as boxed
 * text, an interruption as a cancellation with its author. The decoder turns the first failure into the endpoint's own
 * error, an `ActorError`, or a defect. All further failures become an annotation on the cause, because further reasons
 * would make a typed error uncatchable.
 *
 * @since 0.1.0
 */
import * as Protocol from "@furrow/protocol/Failure"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Digest from "../contract/Digest.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import {
  aboveLimit,
  ActorBusy,
  type ActorError,
  type ActorId,
  ActorLost,
  ContextCancelled,
  EndpointUnknown,
  PayloadInvalid,
  RemoteActorError
} from "../errors/ActorError.ts"
import { box, isA, summaryOf } from "../errors/Boxing.ts"
import { cancelledBy } from "../errors/CancelledBy.ts"
import { raisedBy, raisedIn } from "../errors/raised.ts"

/**
 * All failures of a cause except the first, as an annotation on the cause of a failed call or nursery. The annotation
 * with the other failures is absent when the cause had only one failure.
 *
 * @example
 * ```ts
 * const exit = yield* Effect.exit(frank.run(broken()))
 * const annotations = Exit.isFailure(exit) ? Cause.annotations(exit.cause) : Context.empty()
 * Context.getOption(annotations, ActorError.OtherFailures) // Option.none()
 * ```
 * @category errors
 * @since 0.1.0
 */
export class OtherFailures
  extends Context.Service<OtherFailures, ReadonlyArray<Protocol.Boxed>>()("@furrow/actor/OtherFailures")
{}

/**
 * Encodes a failure so that it fits into one frame. A failure that is too large for the frame crosses as text, without
 * the other failures of its cause.
 */
export const encodeFailureWithin = (failure: Protocol.Failure, limit: number, self: ActorId): Uint8Array => {
  const bytes = Protocol.encode(failure)
  if (bytes.length <= limit) return bytes
  const issue = aboveLimit(bytes.length, limit)
  if (failure._tag === "Cancelled") return Protocol.encode({ ...failure, others: [] })
  if (failure._tag === "Fail") {
    const { message, type } = failure
    const boxed = textOf(type, `${message} (${issue})`, self)
    return Protocol.encode({ _tag: "Defect", boxed, others: [], ending: false })
  }
  if (!("boxed" in failure)) return Protocol.encode({ _tag: "PayloadInvalid", part: "failure", issue })
  const { boxed } = failure
  const ending = failure._tag === "Defect" && failure.ending
  const cut = { ...boxed, message: `${boxed.message} (${issue})` }
  return Protocol.encode({ _tag: "Defect", boxed: cut, others: [], ending })
}

/** Makes a cancellation with its author from an interruption, together with the other failures of the cause. */
export const cancelledWith = (cause: Cause.Cause<unknown>, self: ActorId, ending: boolean): Protocol.Failure => {
  const cancellation = Option.getOrUndefined(cancelledBy(cause))
  return {
    _tag: "Cancelled",
    by: cancellation?.by ?? self,
    reason: cancellation?.reason ?? "interrupted",
    actor: self,
    path: [],
    others: raisedIn(cause).map((error) => box(error, self)),
    ending
  }
}

const none: ReadonlyArray<never> = []

/**
 * Turns the cause of a failed handler into the failure that is sent to the caller. The parameter `ending` is true if
 * the handler's actor serves no more calls.
 */
export const failureOf = (
  cause: Cause.Cause<unknown>,
  endpoint: AnyEndpoint,
  self: ActorId,
  ending = false
): Protocol.Failure => {
  const { reasons } = cause
  const main = reasons.find(Cause.isFailReason) ?? reasons.find(Cause.isDieReason)
  if (main === undefined) return cancelledWith(cause, self, ending)
  const others = reasons.length === 1 ? none : reasons
    .filter((reason) => reason !== main && reason._tag !== "Interrupt")
    .map((reason) => box(raisedBy(reason), self))
  if (main._tag === "Die") return defectOf(main.defect, self, others, ending)
  const error = codecs(endpoint).error.encode(main.error)
  if (error.ok) return { _tag: "Fail", error: error.value, ...summaryOf(main.error), others }
  // An error without a schema crosses as boxed text.
  const boxed = box(main.error, self)
  return {
    _tag: "Defect",
    boxed: {
      ...boxed,
      message: `${boxed.message} (it does not match the error schema of ${endpoint.name}: ${error.issue})`
    },
    others,
    ending
  }
}

/** A boxed error of which only the type and the message are known. */
const textOf = (type: string, message: string, origin: ActorId): Protocol.Boxed => ({
  type,
  message,
  stack: "",
  cause: null,
  origin,
  path: []
})

const defectOf = (
  defect: unknown,
  self: ActorId,
  others: ReadonlyArray<Protocol.Boxed>,
  ending: boolean
): Protocol.Failure => {
  // A cancellation that came from another actor keeps its author on every hop. The flag `ending` of a cancellation says
  // whether the actor that the cancellation names is ending.
  if (isA(defect, ContextCancelled)) {
    const { actor, by, reason } = defect
    return { _tag: "Cancelled", by, reason, actor, path: [self], others, ending: defect.ending }
  }
  return { _tag: "Defect", boxed: box(defect, self), others, ending }
}

/** Turns the payload of an `Error` word into the failure of its call. */
export const toEffect = (
  payload: Uint8Array,
  endpoint: AnyEndpoint,
  peer: ActorId
): Effect.Effect<never, unknown> => {
  // Most failures are errors that the caller can decode, without the texts that describe them.
  const own = Protocol.ownError(payload)
  const read = own === undefined ? undefined : codecs(endpoint).error.decode(own)
  if (read?.ok === true) return Effect.fail(read.value)
  const decoded = Protocol.decode(payload)
  if (!decoded.ok) {
    return Effect.fail(
      new PayloadInvalid({
        actor: peer,
        side: "callee",
        endpoint: endpoint.name,
        part: "failure",
        issue: decoded.issue
      })
    )
  }
  const failure = decoded.value
  if (failure._tag === "Fail") {
    const error = codecs(endpoint).error.decode(failure.error)
    return error.ok
      ? fail(error.value, failure.others)
      : fail(unreadable(failure, peer), failure.others)
  }
  const others = "others" in failure ? failure.others : []
  if (failure._tag === "ContractMismatch") {
    const issue = `${Digest.explain(endpoint, failure.representation)}. Both sides must run the same version of it`
    return fail(
      new PayloadInvalid({ actor: peer, side: "caller", endpoint: endpoint.name, part: "contract", issue }),
      []
    )
  }
  return fail(toActorError(failure, endpoint.name, peer), others)
}

/**
 * True if a cancelled stream had already failed before the cancel arrived, because its producer was ahead of its
 * reader.
 */
export const ranAhead = (payload: Uint8Array, endpoint: AnyEndpoint): boolean => {
  if (endpoint.kind !== "stream") return false
  const decoded = Protocol.decode(payload)
  return decoded.ok && decoded.value._tag !== "Cancelled" && !("ending" in decoded.value && decoded.value.ending)
}

/**
 * Returns the failures of a cancelled handler's finalizers, which the last word of the handler's dialog carries;
 * `undefined` if no finalizer failed.
 */
export const cleanupFailureOf = (
  payload: Uint8Array,
  endpoint: AnyEndpoint,
  peer: ActorId
): Cause.Cause<never> | undefined => {
  const decoded = Protocol.decode(payload)
  if (!decoded.ok) return undefined
  const failure = decoded.value
  switch (failure._tag) {
    case "Cancelled": {
      const [boxed, ...others] = failure.others
      if (boxed === undefined) return undefined
      return Cause.die(new RemoteActorError({ actor: peer, boxed, others, ending: failure.ending }))
    }
    case "Defect":
      return Cause.die(toActorError(failure, endpoint.name, peer))
    case "Fail": {
      const error = codecs(endpoint).error.decode(failure.error)
      return error.ok
        // A failure of the callee's finalizers becomes part of the interrupted call's `Cause`, as in Effect, although
        // the call's error type does not include the failure.
        ? Cause.fail(error.value) as Cause.Cause<never>
        : Cause.die(unreadable(failure, peer))
    }
    default:
      return undefined
  }
}

/** Makes the error of a call whose endpoint's error the caller cannot decode. */
const unreadable = (
  { message, others, type }: Extract<Protocol.Failure, { readonly _tag: "Fail" }>,
  peer: ActorId
): RemoteActorError => new RemoteActorError({ actor: peer, boxed: textOf(type, message, peer), others })

const fail = (error: unknown, others: ReadonlyArray<Protocol.Boxed>): Effect.Effect<never, unknown> =>
  others.length === 0
    ? Effect.fail(error)
    : Effect.failCause(Cause.annotate(Cause.fail(error), Context.make(OtherFailures, others) as Context.Context<never>))

/** The `ActorError` that a caller gets for a failure which is not the endpoint's own error. */
const toActorError = (
  failure: Exclude<Protocol.Failure, { readonly _tag: "Fail" | "ContractMismatch" }>,
  endpoint: string,
  peer: ActorId
): ActorError => {
  switch (failure._tag) {
    case "Defect":
      return new RemoteActorError({
        actor: peer,
        boxed: failure.boxed,
        others: failure.others,
        ending: failure.ending
      })
    case "Cancelled":
      return new ContextCancelled({
        actor: failure.actor,
        by: failure.by,
        reason: failure.reason,
        acknowledged: true,
        ending: failure.ending,
        ...(failure.began === undefined ? {} : { began: failure.began })
      })
    case "EndpointUnknown":
      return new EndpointUnknown({ actor: peer, endpoint: failure.endpoint, exposed: failure.exposed })
    case "Busy":
      return new ActorBusy({ actor: peer, endpoint, limit: failure.limit })
    case "PayloadInvalid":
      return new PayloadInvalid({ actor: peer, side: "callee", endpoint, part: failure.part, issue: failure.issue })
    case "SpawnFailed":
    case "CleanupFailed":
    case "BackgroundFailed":
      return new RemoteActorError({ actor: peer, boxed: failure.boxed, others: [] })
    case "Lost":
      return new ActorLost({ actor: failure.actor, how: failure.how, began: failure.began, stderr: [], failure: null })
  }
}
