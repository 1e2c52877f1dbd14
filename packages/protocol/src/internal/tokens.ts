/**
 * Writes and reads some msgpack tokens without the package msgpackr: small integers, short texts in ASCII, bytes and
 * actor ids.
 *
 * This module writes the same bytes that msgpackr would write. The package msgpackr writes the tokens of long texts, of
 * texts with letters beyond ASCII, and of large numbers.
 */
import { isWindow } from "../Credit.ts"
import type { ActorId, Meta, Window } from "../Message.ts"

export const nil = 0xc0
const bin32 = 0xc6
const map1 = 0x81
export const map2 = 0x82
const map3 = 0x83
const array3 = 0x93
const no = 0xc2
const yes = 0xc3
const text8 = 0xd9
/**
 * The size in bytes up to which the length of a text is part of its token; up to `maxTextBytes` the length is the next
 * byte.
 */
const shortTextBytes = 31
const maxTextBytes = 255

export const isSmall = (n: number): boolean => n >>> 0 === n
export const sizeOfUint = (n: number): number => n < 0x80 ? 1 : n < 0x100 ? 2 : n < 0x10000 ? 3 : 5
/**
 * The size in bytes of the head of a msgpack `bin`. All lengths of a `bin` use one form of the head, because one form
 * is simpler than the shortest form for each length.
 */
export const binHead = 5

/**
 * The largest array in bytes that V8 keeps among its objects. An array larger than `smallBytes` has memory of its
 * own, whose allocation takes ten times as long as that of a smaller array.
 */
const smallBytes = 64

const slabBytes = 8192
let slab = new Uint8Array(0)
let used = 0

/**
 * Allocates the bytes of an encoded failure, or of a word up to its payload (its head). Several pieces of more than
 * `smallBytes` bytes are parts of one array, because an array for each piece takes longer to allocate.
 */
export const bytesOf = (size: number): Uint8Array => {
  if (size <= smallBytes || size > slabBytes) return new Uint8Array(size)
  if (used + size > slab.length) {
    slab = new Uint8Array(slabBytes)
    used = 0
  }
  const start = used
  used += size
  return slab.subarray(start, used)
}

export const putUint = (b: Uint8Array, start: number, n: number): number => {
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

/** Writes the head of a `bin`, whose bytes follow. */
export const putBin = (b: Uint8Array, at: number, size: number): number => {
  b[at] = bin32
  return putU32(b, at + 1, size)
}

export const sizeOfText = (text: string): number => text.length <= shortTextBytes ? 1 + text.length : 2 + text.length

export const putText = (b: Uint8Array, start: number, text: string): number => {
  let at = start
  if (text.length <= shortTextBytes) b[at++] = 0xa0 + text.length
  else {
    b[at++] = text8
    b[at++] = text.length
  }
  for (let i = 0; i < text.length; i++) b[at++] = text.charCodeAt(i)
  return at
}

export const isAscii = (text: string): boolean => {
  if (text.length > maxTextBytes) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false
  return true
}

/** The msgpack tokens of a value that many words contain, kept from the last word with this value. */
interface Kept<A> {
  readonly value: A
  readonly bytes: Uint8Array
}

/**
 * The number of actor ids whose msgpack tokens are kept for each direction: those of both ends of a connection, and
 * two more.
 */
const keptActors = 4

type KeptActors = ReadonlyArray<Kept<ActorId>>

let writtenActors: KeptActors = []
let readActors: KeptActors = []

const keep = (actors: KeptActors, kept: Kept<ActorId>): KeptActors => [kept, ...actors.slice(0, keptActors - 1)]

const isSame = (a: ActorId, b: ActorId): boolean => a === b || a.uuid === b.uuid && a.name === b.name && a.pid === b.pid

/**
 * Returns the msgpack tokens of an actor id; `undefined` for an id with a long text, a letter beyond ASCII or a large
 * number. The tokens of the last few actor ids are kept, because most words name one of the same few actors.
 */
export const actorTokens = (actor: ActorId): Uint8Array | undefined => {
  for (const { bytes, value } of writtenActors) if (isSame(value, actor)) return bytes
  const { name, pid, uuid } = actor
  if (!isAscii(name) || !isAscii(uuid) || !isSmall(pid)) return undefined
  const bytes = new Uint8Array(1 + 5 + sizeOfText(name) + 5 + sizeOfText(uuid) + 4 + sizeOfUint(pid))
  bytes[0] = map3
  const afterName = putText(bytes, putText(bytes, 1, "name"), name)
  const afterUuid = putText(bytes, putText(bytes, afterName, "uuid"), uuid)
  putUint(bytes, putText(bytes, afterUuid, "pid"), pid)
  writtenActors = keep(writtenActors, { value: { name, uuid, pid }, bytes })
  return bytes
}

/**
 * Copies the msgpack tokens into the bytes of the word at the position `at`, and returns the position behind the
 * tokens.
 */
export const putTokens = (b: Uint8Array, at: number, tokens: Uint8Array): number => {
  b.set(tokens, at)
  return at + tokens.length
}

let written: Kept<Meta> | undefined
let read: Kept<Meta> | undefined

const traceBytes = ([traceId, spanId, sampled]: NonNullable<Meta["trace"]>): Uint8Array => {
  const bytes = new Uint8Array(1 + sizeOfText("trace") + 1 + sizeOfText(traceId) + sizeOfText(spanId) + 1)
  bytes[0] = map1
  let at = putText(bytes, 1, "trace")
  bytes[at++] = array3
  at = putText(bytes, putText(bytes, at, traceId), spanId)
  bytes[at] = sampled ? yes : no
  return bytes
}

/**
 * Returns the msgpack tokens of the data beside a call's payload, if these data are only a trace. All calls in one
 * span have the same msgpack tokens of their trace.
 */
export const metaTokens = (meta: Meta): Uint8Array | undefined => {
  if (meta === written?.value) return written.bytes
  const { trace } = meta
  if (trace === undefined || Object.keys(meta).length > 1 || !isAscii(trace[0]) || !isAscii(trace[1])) return undefined
  written = { value: meta, bytes: traceBytes(trace) }
  return written.bytes
}

// ---- reading ------------------------------------------------------------------------------------------------------

/**
 * Reads tokens from bytes. A read beyond the end of the bytes throws no error, but leaves the position `at` beyond the
 * end, so the decoder refuses the word.
 */
export class Cursor {
  private readonly b: Uint8Array
  private at: number

  constructor(bytes: Uint8Array, at: number) {
    this.b = bytes
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at === this.b.length
  }

  /** The position of the next field in the bytes that are read. */
  get position(): number {
    return this.at
  }

  /** True when a field of the word was cut off by the end of the bytes. */
  get isPastEnd(): boolean {
    return this.at > this.b.length
  }

  /** Reads an unsigned integer from its msgpack token; -1 for any other token. */
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
    const size = this.textSize()
    if (size < 0) return undefined
    const { b } = this
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

  /** Passes over a text without reading it; false for any other msgpack token. */
  skipText(): boolean {
    const size = this.textSize()
    this.at += Math.max(0, size)
    return size >= 0
  }

  /** Reads the head of a text, and returns the number of its bytes; -1 for any other token, and for a cut-off head. */
  private textSize(): number {
    const token = this.b[this.at++]!
    if (token === text8) return this.b[this.at++] ?? -1
    return token >= 0xa0 && token <= 0xa0 + shortTextBytes ? token - 0xa0 : -1
  }

  /**
   * Reads an actor id. If the same bytes were decoded a short time ago, the cursor returns the earlier actor id,
   * because decoding its texts again takes longer.
   */
  actor(): ActorId | undefined {
    for (const { bytes, value } of readActors) {
      if (this.goesOnWith(bytes)) {
        this.at += bytes.length
        return value
      }
    }
    const start = this.at
    const actor = this.newActor()
    if (actor !== undefined && !this.isPastEnd) {
      readActors = keep(readActors, { value: actor, bytes: this.b.slice(start, this.at) })
    }
    return actor
  }

  private newActor(): ActorId | undefined {
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

  /** Reads the data beside a call's payload if they are `null` or only a trace; `undefined` for any other data. */
  meta(): Meta | null | undefined {
    const start = this.at
    const token = this.b[start]
    if (token === nil) {
      this.at++
      return null
    }
    if (read !== undefined && this.goesOnWith(read.bytes)) {
      this.at += read.bytes.length
      return read.value
    }
    this.at++
    if (token !== map1 || this.text() !== "trace" || this.b[this.at++] !== array3) return undefined
    const traceId = this.text()
    const spanId = traceId === undefined ? undefined : this.text()
    const sampled = this.b[this.at++]
    if (traceId === undefined || spanId === undefined || sampled !== yes && sampled !== no) return undefined
    read = { value: { trace: [traceId, spanId, sampled === yes] }, bytes: this.b.slice(start, this.at) }
    return read.value
  }

  private goesOnWith(bytes: Uint8Array): boolean {
    const { at, b } = this
    for (let i = 0; i < bytes.length; i++) if (b[at + i] !== bytes[i]) return false
    return true
  }

  /** Reads a window of credit or `null`; `undefined` for any other msgpack token. */
  window(): Window | null | undefined {
    const token = this.b[this.at++]
    if (token === nil) return null
    if (token !== map2 || this.text() !== "items") return undefined
    const items = this.uint()
    if (items < 0 || this.text() !== "bytes") return undefined
    const bytes = this.uint()
    const window = { items, bytes }
    return isWindow(window) ? window : undefined
  }

  /** Returns the bytes from the cursor's position to the end, as a view and not as a copy. */
  rest(): Uint8Array {
    return this.b.subarray(this.at)
  }

  /**
   * Returns the payload, the last field of a word, as a view. Returns `undefined` when the field is not of the msgpack
   * type `bin`, or does not end with the frame.
   */
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
