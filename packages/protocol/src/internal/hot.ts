/**
 * Writes and reads the words of calls, streams and cancels without a parser, and without memory other than that of the
 * result.
 *
 * The package msgpackr would write the same bytes for the words of calls, streams and cancels. For any other word,
 * valid or not, the function `decode` returns `undefined`; `Envelope.decode` then reads the word, and names its fault.
 */
import type { Parts } from "../Frame.ts"
import {
  type Cancel,
  type Credit,
  type Error,
  type Kind,
  type Message,
  type Return,
  type Start,
  type Started,
  type Stop,
  type Window,
  words,
  type Yield
} from "../Message.ts"
import {
  actorTokens,
  binHead,
  bytesOf,
  Cursor,
  isAscii,
  isSmall,
  map2,
  metaTokens,
  nil,
  putBin,
  putText,
  putTokens,
  putUint,
  sizeOfText,
  sizeOfUint
} from "./tokens.ts"

const code = {
  start: words.Start.code,
  started: words.Started.code,
  stop: words.Stop.code,
  yield: words.Yield.code,
  credit: words.Credit.code,
  cancel: words.Cancel.code,
  return: words.Return.code,
  error: words.Error.code
} as const

const encodeStart = ({ dialog, digest, endpoint, kind, meta, payload, window }: Start): Parts | undefined => {
  if (digest !== null || !isSmall(dialog) || !isAscii(endpoint) || !isOrdinaryWindow(window)) return undefined
  const tokens = meta === null ? undefined : metaTokens(meta)
  if (meta !== null && tokens === undefined) return undefined
  const beside = 1 + (tokens === undefined ? 1 : tokens.length) + sizeOfWindow(window)
  const size = 2 + sizeOfUint(dialog) + sizeOfText(kind) + sizeOfText(endpoint) + beside + binHead
  const head = bytesOf(size)
  head[0] = 0x98
  head[1] = code.start
  let at = putText(head, putText(head, putUint(head, 2, dialog), kind), endpoint)
  head[at++] = nil
  if (tokens === undefined) head[at++] = nil
  else at = putTokens(head, at, tokens)
  putBin(head, putWindow(head, at, window), payload.length)
  return { head, tail: payload }
}

const encodeStarted = ({ dialog, payload, window }: Started): Parts | undefined => {
  if (!isSmall(dialog) || !isOrdinaryWindow(window)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog) + sizeOfWindow(window) + binHead)
  head[0] = 0x94
  head[1] = code.started
  putBin(head, putWindow(head, putUint(head, 2, dialog), window), payload.length)
  return { head, tail: payload }
}

const encodeStop = ({ dialog }: Stop): Parts | undefined => {
  if (!isSmall(dialog)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog))
  head[0] = 0x92
  head[1] = code.stop
  putUint(head, 2, dialog)
  return { head, tail: undefined }
}

const isOrdinaryWindow = (window: Window | null): boolean =>
  window === null || isSmall(window.items) && isSmall(window.bytes)

const sizeOfWindow = (window: Window | null): number =>
  window === null ? 1 : 1 + 6 + sizeOfUint(window.items) + 6 + sizeOfUint(window.bytes)

const putWindow = (b: Uint8Array, at: number, window: Window | null): number => {
  if (window === null) {
    b[at] = nil
    return at + 1
  }
  b[at] = map2
  const afterItems = putUint(b, putText(b, at + 1, "items"), window.items)
  return putUint(b, putText(b, afterItems, "bytes"), window.bytes)
}

const encodeYield = ({ dialog, items, payload }: Yield): Parts | undefined => {
  if (!isSmall(dialog) || !isSmall(items)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog) + sizeOfUint(items) + binHead)
  head[0] = 0x94
  head[1] = code.yield
  putBin(head, putUint(head, putUint(head, 2, dialog), items), payload.length)
  return { head, tail: payload }
}

const encodeCredit = ({ bytes, dialog, items }: Credit): Parts | undefined => {
  if (!isSmall(dialog) || !isSmall(items) || !isSmall(bytes)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog) + sizeOfUint(items) + sizeOfUint(bytes))
  head[0] = 0x94
  head[1] = code.credit
  putUint(head, putUint(head, putUint(head, 2, dialog), items), bytes)
  return { head, tail: undefined }
}

const encodeCancel = ({ by, deadline, dialog, reason }: Cancel): Parts | undefined => {
  if (!isSmall(dialog) || !isSmall(deadline) || !isAscii(reason)) return undefined
  const tokens = actorTokens(by)
  if (tokens === undefined) return undefined
  const head = bytesOf(2 + sizeOfUint(dialog) + tokens.length + sizeOfText(reason) + sizeOfUint(deadline))
  head[0] = 0x95
  head[1] = code.cancel
  putUint(head, putText(head, putTokens(head, putUint(head, 2, dialog), tokens), reason), deadline)
  return { head, tail: undefined }
}

/** `Return` and `Error`, the two last words of a dialog, have the same fields: a dialog and a payload. */
const encodeLast = (code: number, { dialog, payload }: Return | Error): Parts | undefined => {
  if (!isSmall(dialog)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog) + binHead)
  head[0] = 0x93
  head[1] = code
  putBin(head, putUint(head, 2, dialog), payload.length)
  return { head, tail: payload }
}

/**
 * Encodes a frequent word by code without its schema. Returns `undefined` for every other word, and for a long text or
 * large number in a frequent word.
 */
export const encode = (message: Message): Parts | undefined => {
  switch (message._tag) {
    case "Start":
      return encodeStart(message)
    case "Started":
      return encodeStarted(message)
    case "Stop":
      return encodeStop(message)
    case "Yield":
      return encodeYield(message)
    case "Credit":
      return encodeCredit(message)
    case "Cancel":
      return encodeCancel(message)
    case "Return":
      return encodeLast(code.return, message)
    case "Error":
      return encodeLast(code.error, message)
    default:
      return undefined
  }
}

// ---- reading ------------------------------------------------------------------------------------------------------

const isKind = (text: string | undefined): text is Kind => text === "call" || text === "stream" || text === "dialog"

const decodeStart = (cursor: Cursor): Start | undefined => {
  const dialog = cursor.uint()
  const kind = cursor.text()
  const endpoint = cursor.text()
  if (dialog < 0 || !isKind(kind) || endpoint === undefined) return undefined
  if (!cursor.nil()) return undefined
  const meta = cursor.meta()
  if (meta === undefined) return undefined
  const window = cursor.window()
  const payload = window === undefined ? undefined : cursor.payload()
  return window === undefined || payload === undefined
    ? undefined
    : { _tag: "Start", dialog, kind, endpoint, digest: null, meta, window, payload }
}

const decodeStarted = (cursor: Cursor): Started | undefined => {
  const dialog = cursor.uint()
  const window = cursor.window()
  const payload = window === undefined ? undefined : cursor.payload()
  return dialog < 0 || window === undefined || payload === undefined
    ? undefined
    : { _tag: "Started", dialog, window, payload }
}

const decodeStop = (cursor: Cursor): Stop | undefined => {
  const dialog = cursor.uint()
  return dialog < 0 || !cursor.isAtEnd ? undefined : { _tag: "Stop", dialog }
}

const decodeYield = (cursor: Cursor): Yield | undefined => {
  const dialog = cursor.uint()
  const items = cursor.uint()
  const payload = cursor.payload()
  return dialog < 0 || items < 0 ? undefined : payload && { _tag: "Yield", dialog, items, payload }
}

const decodeCredit = (cursor: Cursor): Credit | undefined => {
  const dialog = cursor.uint()
  const items = cursor.uint()
  const bytes = cursor.uint()
  return dialog < 0 || items < 0 || bytes < 0 || !cursor.isAtEnd
    ? undefined
    : { _tag: "Credit", dialog, items, bytes }
}

const decodeCancel = (cursor: Cursor): Cancel | undefined => {
  const dialog = cursor.uint()
  const by = cursor.actor()
  if (dialog < 0 || by === undefined) return undefined
  const reason = cursor.text()
  const deadline = cursor.uint()
  return reason === undefined || deadline < 0 || !cursor.isAtEnd
    ? undefined
    : { _tag: "Cancel", dialog, by, reason, deadline }
}

const decodeReturn = (cursor: Cursor): Return | undefined => {
  const dialog = cursor.uint()
  const payload = cursor.payload()
  return dialog < 0 ? undefined : payload && { _tag: "Return", dialog, payload }
}

const decodeError = (cursor: Cursor): Error | undefined => {
  const dialog = cursor.uint()
  const payload = cursor.payload()
  return dialog < 0 ? undefined : payload && { _tag: "Error", dialog, payload }
}

/**
 * Decodes a frame with a word of a call, stream or cancel. Returns `undefined` for a frame with other bytes than the
 * function `encode` of this module writes.
 */
export const decode = (frame: Uint8Array): Message | undefined => {
  switch ((frame[0]! << 8 | frame[1]!)) {
    case 0x9800 + code.start:
      return decodeStart(new Cursor(frame, 2))
    case 0x9400 + code.started:
      return decodeStarted(new Cursor(frame, 2))
    case 0x9200 + code.stop:
      return decodeStop(new Cursor(frame, 2))
    case 0x9400 + code.yield:
      return decodeYield(new Cursor(frame, 2))
    case 0x9400 + code.credit:
      return decodeCredit(new Cursor(frame, 2))
    case 0x9500 + code.cancel:
      return decodeCancel(new Cursor(frame, 2))
    case 0x9300 + code.return:
      return decodeReturn(new Cursor(frame, 2))
    case 0x9300 + code.error:
      return decodeError(new Cursor(frame, 2))
    default:
      return undefined
  }
}
