/**
 * Writes and reads the two failures that programs cause on purpose, an endpoint's own error and a cancellation, without
 * the codec of the schema. Such a failure then costs about as much as a success.
 *
 * The first byte of an encoded failure says whether this module or the codec of the schema has written the other bytes.
 * The codec of the schema writes all other failures, and an error or cancellation with a long text, letters beyond
 * ASCII, or further failures.
 */
import type { Failure } from "../Failure.ts"
import { actorTokens, bytesOf, Cursor, isAscii, putText, putTokens, sizeOfText } from "./tokens.ts"

const form = { general: 0, fail: 1, cancelled: 2, cancelledEnding: 3, refused: 4 } as const

const none: ReadonlyArray<never> = []

export const encode = (failure: Failure): Uint8Array | undefined => {
  switch (failure._tag) {
    case "Fail":
      return encodeFail(failure)
    case "Cancelled":
      return encodeCancelled(failure)
    default:
      return undefined
  }
}

const encodeFail = (
  { error, message, others, type }: Extract<Failure, { readonly _tag: "Fail" }>
): Uint8Array | undefined => {
  if (others.length > 0 || !isAscii(type) || !isAscii(message)) return undefined
  const start = 1 + sizeOfText(type) + sizeOfText(message)
  const bytes = bytesOf(start + error.length)
  bytes[0] = form.fail
  putText(bytes, putText(bytes, 1, type), message)
  bytes.set(error, start)
  return bytes
}

const encodeCancelled = (
  { actor, began, by, ending, others, path, reason }: Extract<Failure, { readonly _tag: "Cancelled" }>
): Uint8Array | undefined => {
  if (others.length > 0 || path.length > 0 || began !== undefined || !isAscii(reason)) return undefined
  const ofCanceller = actorTokens(by)
  const ofActor = actorTokens(actor)
  if (ofCanceller === undefined || ofActor === undefined) return undefined
  const bytes = bytesOf(1 + ofCanceller.length + ofActor.length + sizeOfText(reason))
  bytes[0] = ending ? form.cancelledEnding : form.cancelled
  putText(bytes, putTokens(bytes, putTokens(bytes, 1, ofCanceller), ofActor), reason)
  return bytes
}

/**
 * True for the failure of a call whose handler never began. After such a failure, the caller's next call of the
 * endpoint contains the digest of the contract again.
 */
const isRefused = (failure: Failure): boolean => {
  switch (failure._tag) {
    case "Busy":
    case "EndpointUnknown":
    case "ContractMismatch":
    case "PayloadInvalid":
      return true
    case "Cancelled":
    case "Lost":
      return failure.began === "no"
    default:
      return false
  }
}

/** Puts the byte that says "written by the schema" in front of a failure that the schema has encoded. */
export const general = (failure: Failure, encoded: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + encoded.length)
  bytes[0] = isRefused(failure) ? form.refused : form.general
  bytes.set(encoded, 1)
  return bytes
}

export const isGeneral = ({ 0: first }: Uint8Array): boolean => first === form.general || first === form.refused

export const isRefusal = ({ 0: first }: Uint8Array): boolean => first === form.refused

/** True for a cancellation that this module has encoded, which therefore carries no other failure. */
export const isPlainCancellation = ({ 0: first }: Uint8Array): boolean =>
  first === form.cancelled || first === form.cancelledEnding

/**
 * Decodes a failure that this module has encoded; returns `undefined` for a failure that the codec of the schema has
 * encoded.
 */
export const decode = (payload: Uint8Array): Failure | undefined => {
  const cursor = new Cursor(payload, 1)
  switch (payload[0]) {
    case form.fail:
      return decodeFail(cursor)
    case form.cancelled:
      return decodeCancelled(cursor, false)
    case form.cancelledEnding:
      return decodeCancelled(cursor, true)
    default:
      return undefined
  }
}

/** The encoded error in a failure of an endpoint that is written by hand; `undefined` for any other failure. */
export const ownError = (payload: Uint8Array): Uint8Array | undefined => {
  if (payload[0] !== form.fail) return undefined
  const cursor = new Cursor(payload, 1)
  return cursor.skipText() && cursor.skipText() && !cursor.isPastEnd ? cursor.rest() : undefined
}

const decodeFail = (cursor: Cursor): Failure | undefined => {
  const type = cursor.text()
  const message = type === undefined ? undefined : cursor.text()
  return type === undefined || message === undefined || cursor.isPastEnd
    ? undefined
    : { _tag: "Fail", error: cursor.rest(), type, message, others: none }
}

const decodeCancelled = (cursor: Cursor, ending: boolean): Failure | undefined => {
  const by = cursor.actor()
  const actor = by === undefined ? undefined : cursor.actor()
  const reason = actor === undefined ? undefined : cursor.text()
  return by === undefined || actor === undefined || reason === undefined || !cursor.isAtEnd
    ? undefined
    : { _tag: "Cancelled", by, reason, actor, path: none, others: none, ending }
}
