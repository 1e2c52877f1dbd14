/**
 * Writes and reads ordinary farewells without the codec of the schema: the actor returned or was cancelled, and its
 * cleanup did not fail. Every actor says one farewell, so an ordinary farewell is not worth the time of deriving a
 * codec from the schema.
 *
 * The first byte of an encoded farewell says whether this module or the codec of the schema has written the other
 * bytes. The codec of the schema writes the farewell of a failed or idle actor, and a farewell with failures of the
 * cleanup.
 */
import type { Farewell } from "../Failure.ts"
import { actorTokens, Cursor, isAscii, isSmall, putText, putTokens, putUint, sizeOfText, sizeOfUint } from "./tokens.ts"

const form = { general: 0, returned: 1, cancelled: 2 } as const

/**
 * Returns the number of the last dialog that the actor has read, plus one; 0 when the farewell does not tell this
 * number.
 */
const saidOf = (taken: number | undefined): number => taken === undefined ? 0 : taken + 1
const takenOf = (said: number): Pick<Farewell, "taken"> => said === 0 ? {} : { taken: said - 1 }

export const encode = ({ cleanup, how, taken }: Farewell): Uint8Array | undefined => {
  const said = saidOf(taken)
  if (cleanup.length > 0 || !isSmall(said)) return undefined
  const start = 1 + sizeOfUint(said)
  switch (how._tag) {
    case "Returned": {
      const bytes = new Uint8Array(start)
      bytes[0] = form.returned
      putUint(bytes, 1, said)
      return bytes
    }
    case "Cancelled": {
      const { by, reason } = how
      const tokens = actorTokens(by)
      if (tokens === undefined || !isAscii(reason)) return undefined
      const bytes = new Uint8Array(start + tokens.length + sizeOfText(reason))
      bytes[0] = form.cancelled
      putText(bytes, putTokens(bytes, putUint(bytes, 1, said), tokens), reason)
      return bytes
    }
    default:
      return undefined
  }
}

/** Puts the byte that says "written by the schema" in front of a farewell that the schema has encoded. */
export const general = (encoded: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + encoded.length)
  bytes[0] = form.general
  bytes.set(encoded, 1)
  return bytes
}

export const isGeneral = ({ 0: first }: Uint8Array): boolean => first === form.general

/**
 * Decodes a farewell that this module has encoded; returns `undefined` for a farewell that the codec of the schema has
 * encoded.
 */
export const decode = (payload: Uint8Array): Farewell | undefined => {
  const cursor = new Cursor(payload, 1)
  const said = cursor.uint()
  if (said < 0) return undefined
  const taken = takenOf(said)
  switch (payload[0]) {
    case form.returned:
      return cursor.isAtEnd ? { how: { _tag: "Returned" }, cleanup: [], ...taken } : undefined
    case form.cancelled: {
      const by = cursor.actor()
      const reason = by === undefined ? undefined : cursor.text()
      return by === undefined || reason === undefined || !cursor.isAtEnd
        ? undefined
        : { how: { _tag: "Cancelled", by, reason }, cleanup: [], ...taken }
    }
    default:
      return undefined
  }
}
