/**
 * The words that calls, streams and cancels are made of, written and read by hand: no parser, nothing allocated but the result.
 *
 * A shortcut and not a second language. It writes the bytes that msgpackr would write; a payload it cannot read at a
 * glance, sound or not, is `undefined` and left to the ordinary way, which also says what is wrong with it.
 */
import type { Parts } from "../Frame.ts"
import {
  type ActorId,
  type Cancel,
  type Credit,
  type Error,
  type Kind,
  type Message,
  type Return,
  type Start,
  words,
  type Yield
} from "../Message.ts"

const code = {
  start: words.Start.code,
  yield: words.Yield.code,
  credit: words.Credit.code,
  cancel: words.Cancel.code,
  return: words.Return.code,
  error: words.Error.code
} as const

const nil = 0xc0
const bin32 = 0xc6
const map3 = 0x83
const text8 = 0xd9
/** Texts up to this many letters have their length in their token, up to the other in the byte behind it. */
const shortTextBytes = 31
const maxTextBytes = 255

// ---- writing ------------------------------------------------------------------------------------------------------

const isSmall = (n: number): boolean => n >>> 0 === n
const sizeOfUint = (n: number): number => n < 0x80 ? 1 : n < 0x100 ? 2 : n < 0x10000 ? 3 : 5
/** The head of a msgpack `bin`; the shortest form is not needed, one form is simpler. */
export const binHead = 5

const putUint = (b: Uint8Array, start: number, n: number): number => {
  let at = start
  if (n < 0x80) b[at++] = n
  else if (n < 0x100) {
    b[at++] = 0xcc
    b[at++] = n
  } else if (n < 0x10000) {
    b[at++] = 0xcd
    b[at++] = n >>> 8
    b[at++] = n
  } else {
    b[at++] = 0xce
    at = putU32(b, at, n)
  }
  return at
}

const putU32 = (b: Uint8Array, at: number, n: number): number => {
  b[at] = n >>> 24
  b[at + 1] = n >>> 16
  b[at + 2] = n >>> 8
  b[at + 3] = n
  return at + 4
}

/** The head of a `bin`; its bytes follow. */
export const putBin = (b: Uint8Array, at: number, size: number): number => {
  b[at] = bin32
  return putU32(b, at + 1, size)
}

const sizeOfText = (text: string): number => text.length <= shortTextBytes ? 1 + text.length : 2 + text.length

const putText = (b: Uint8Array, start: number, text: string): number => {
  let at = start
  if (text.length <= shortTextBytes) b[at++] = 0xa0 + text.length
  else {
    b[at++] = text8
    b[at++] = text.length
  }
  for (let i = 0; i < text.length; i++) b[at++] = text.charCodeAt(i)
  return at
}

const isAscii = (text: string): boolean => {
  if (text.length > maxTextBytes) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false
  return true
}

const encodeStart = ({ dialog, digest, endpoint, kind, meta, payload, window }: Start): Parts | undefined => {
  if (meta !== null || window !== null || digest !== null || !isSmall(dialog) || !isAscii(endpoint)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog) + sizeOfText(kind) + sizeOfText(endpoint) + 3 + binHead)
  head[0] = 0x98
  head[1] = code.start
  let at = putText(head, putText(head, putUint(head, 2, dialog), kind), endpoint)
  head[at++] = nil
  head[at++] = nil
  head[at++] = nil
  putBin(head, at, payload.length)
  return { head, tail: payload }
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
  if (!isSmall(dialog) || !isSmall(deadline) || !isAscii(reason) || !isOrdinary(by)) return undefined
  const head = new Uint8Array(
    2 + sizeOfUint(dialog) + sizeOfActor(by) + sizeOfText(reason) + sizeOfUint(deadline)
  )
  head[0] = 0x95
  head[1] = code.cancel
  putUint(head, putText(head, putActor(head, putUint(head, 2, dialog), by), reason), deadline)
  return { head, tail: undefined }
}

const isOrdinary = ({ name, pid, uuid }: ActorId): boolean => isAscii(name) && isAscii(uuid) && isSmall(pid)

const sizeOfActor = ({ name, pid, uuid }: ActorId): number =>
  1 + 5 + sizeOfText(name) + 5 + sizeOfText(uuid) + 4 + sizeOfUint(pid)

const putActor = (b: Uint8Array, at: number, { name, pid, uuid }: ActorId): number => {
  b[at] = map3
  const afterName = putText(b, putText(b, at + 1, "name"), name)
  const afterUuid = putText(b, putText(b, afterName, "uuid"), uuid)
  return putUint(b, putText(b, afterUuid, "pid"), pid)
}

/** Both last words: a dialog and a payload. */
const encodeLast = (code: number, { dialog, payload }: Return | Error): Parts | undefined => {
  if (!isSmall(dialog)) return undefined
  const head = new Uint8Array(2 + sizeOfUint(dialog) + binHead)
  head[0] = 0x93
  head[1] = code
  putBin(head, putUint(head, 2, dialog), payload.length)
  return { head, tail: payload }
}

/** The bytes of a message, where it is one of these words and its fields are ordinary. */
export const encode = (message: Message): Parts | undefined => {
  switch (message._tag) {
    case "Start":
      return encodeStart(message)
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

/** Reading past the end moves `at` beyond it, and the word is not taken. */
class Cursor {
  private readonly b: Uint8Array
  private at = 2

  constructor(bytes: Uint8Array) {
    this.b = bytes
  }

  get isAtEnd(): boolean {
    return this.at === this.b.length
  }

  /** -1 where there is none. */
  uint(): number {
    const { b } = this
    const at = this.at + 1
    const token = b[this.at]!
    if (token < 0x80) {
      this.at = at
      return token
    }
    switch (token) {
      case 0xcc:
        this.at = at + 1
        return b[at]!
      case 0xcd:
        this.at = at + 2
        return b[at]! << 8 | b[at + 1]!
      case 0xce:
        this.at = at + 4
        return this.u32(at)
      default:
        return -1
    }
  }

  text(): string | undefined {
    const { b } = this
    const token = b[this.at++]!
    const size = token === text8 ? b[this.at++]! : token >= 0xa0 && token <= 0xa0 + shortTextBytes ? token - 0xa0 : -1
    if (size < 0) return undefined
    const start = this.at
    this.at += size
    let text = ""
    for (let i = start; i < this.at; i++) {
      const letter = b[i]!
      if (letter >= 0x80) return undefined
      text += String.fromCharCode(letter)
    }
    return text
  }

  actor(): ActorId | undefined {
    if (this.b[this.at++] !== map3 || this.text() !== "name") return undefined
    const name = this.text()
    if (name === undefined || this.text() !== "uuid") return undefined
    const uuid = this.text()
    if (uuid === undefined || this.text() !== "pid") return undefined
    const pid = this.uint()
    return pid < 0 ? undefined : { name, uuid, pid }
  }

  nil(): boolean {
    return this.b[this.at++] === nil
  }

  /** A view of the last field. */
  payload(): Uint8Array | undefined {
    const start = this.at + binHead
    if (this.b[this.at] !== bin32 || start + this.u32(this.at + 1) !== this.b.length) return undefined
    return this.b.subarray(start)
  }

  private u32(at: number): number {
    const { b } = this
    return (b[at]! << 24 | b[at + 1]! << 16 | b[at + 2]! << 8 | b[at + 3]!) >>> 0
  }
}

const isKind = (text: string | undefined): text is Kind => text === "call" || text === "stream" || text === "dialog"

const decodeStart = (cursor: Cursor): Start | undefined => {
  const dialog = cursor.uint()
  const kind = cursor.text()
  const endpoint = cursor.text()
  if (dialog < 0 || !isKind(kind) || endpoint === undefined) return undefined
  if (!cursor.nil() || !cursor.nil() || !cursor.nil()) return undefined
  const payload = cursor.payload()
  return payload && { _tag: "Start", dialog, kind, endpoint, digest: null, meta: null, window: null, payload }
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

/** A frame's message, where it is one of these words and written as we write it. */
export const decode = (frame: Uint8Array): Message | undefined => {
  switch ((frame[0]! << 8 | frame[1]!)) {
    case 0x9800 + code.start:
      return decodeStart(new Cursor(frame))
    case 0x9400 + code.yield:
      return decodeYield(new Cursor(frame))
    case 0x9400 + code.credit:
      return decodeCredit(new Cursor(frame))
    case 0x9500 + code.cancel:
      return decodeCancel(new Cursor(frame))
    case 0x9300 + code.return:
      return decodeReturn(new Cursor(frame))
    case 0x9300 + code.error:
      return decodeError(new Cursor(frame))
    default:
      return undefined
  }
}
