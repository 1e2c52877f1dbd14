/**
 * Encodes a message as the bytes of one frame, and decodes it: a msgpack array `[code, field, ...]` in the order of
 * `Message.words`.
 *
 * The payload of a word is its last field, a msgpack `bin`. The bytes of a payload are appended without a copy when a
 * word is encoded, and decoding returns a view of these bytes. The decoder accepts only plain msgpack
 * (`internal/plain`): before it parses a frame, it checks the msgpack tokens of the frame. The check of the msgpack
 * tokens refuses extensions, false lengths and deep nesting, so none of these reaches the parser. With msgpackr's
 * record extension, for example, a peer could define the shapes of objects. An error of the msgpack parser becomes a
 * violation of the peer.
 *
 * @since 0.1.0
 */
import { Packr, Unpackr } from "msgpackr"
import { isWindow } from "./Credit.ts"
import { described } from "./Described.ts"
import type { Parts } from "./Frame.ts"
import * as Hot from "./internal/hot.ts"
import * as Plain from "./internal/plain.ts"
import { binHead, putBin } from "./internal/tokens.ts"
import { type FieldType, type Message, type Window, type Word, words } from "./Message.ts"
import type { Codec, Result } from "./Payload.ts"
import type { Violation } from "./Violation.ts"

const packr = new Packr({ useRecords: false, int64AsType: "number" })
const unpackr = new Unpackr({ useRecords: false, int64AsType: "number", structuredClone: false } as object)
// The list `structures` of msgpackr is frozen, so that msgpackr throws if a peer sends records of msgpackr, an
// extension of msgpack.
Object.assign(unpackr, { structures: Object.freeze([]) })

const isUint = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0
const isText = (v: unknown): v is string => typeof v === "string"
const isBytes = (v: unknown): v is Uint8Array => v instanceof Uint8Array
const isPlain = (v: unknown): v is Record<string, unknown> =>
  typeof v === "object" && v !== null && Object.getPrototypeOf(v) === Object.prototype
const oneOf = (...values: ReadonlyArray<string>) => (v: unknown): boolean => values.includes(v as string)

/**
 * True for a plain value, which means the same on both sides without a schema. Log annotations hold only plain
 * values.
 */
const isData = (v: unknown, depth = 0): boolean => {
  switch (typeof v) {
    case "string":
    case "number":
    case "boolean":
      return true
    case "object":
      if (v === null) return true
      if (depth > 8) return false
      if (Array.isArray(v)) return v.every((item) => isData(item, depth + 1))
      return isPlain(v) && Object.values(v).every((item) => isData(item, depth + 1))
    default:
      return false
  }
}

const isMeta = (v: unknown): boolean => {
  if (!isPlain(v)) return false
  for (const [key, value] of Object.entries(v)) {
    switch (key) {
      case "deadline":
        if (!isUint(value)) return false
        break
      case "trace":
        if (!Array.isArray(value) || value.length !== 3 || typeof value[2] !== "boolean") return false
        if (!isText(value[0]) || !isText(value[1])) return false
        break
      case "level":
        if (!isText(value)) return false
        break
      case "annotations":
        if (!isPlain(value) || !isData(value)) return false
        break
      default:
        return false
    }
  }
  return true
}

const checks: { readonly [T in FieldType]: (v: unknown) => boolean } = {
  "uint": isUint,
  "text": isText,
  "text?": (v) => v === null || isText(v),
  "texts": (v) => Array.isArray(v) && v.every(isText),
  "bytes": isBytes,
  "bytes?": (v) => v === null || isBytes(v),
  "version": (v) => isPlain(v) && isUint(v["major"]) && isUint(v["minor"]),
  "actor": (v) => isPlain(v) && isText(v["name"]) && isText(v["uuid"]) && isUint(v["pid"]),
  "kind": oneOf("call", "stream", "dialog"),
  "role": oneOf("child", "peer", "probe"),
  "reason": oneOf("version", "proof", "role", "busy", "duplicate", "identity"),
  "meta?": (v) => v === null || isMeta(v),
  "window?": (v) => v === null || isPlain(v) && isWindow(v as unknown as Window)
}

interface Layout {
  readonly tag: Message["_tag"]
  readonly code: number
  readonly names: ReadonlyArray<string>
  readonly checks: ReadonlyArray<(v: unknown) => boolean>
  /** True when the last field of this word is a payload, whose bytes are sent as they are, behind the other fields. */
  readonly payload: boolean
}

const byTag = new Map<string, Layout>()
const byCode = new Map<number, Layout>()
for (const [tag, word] of Object.entries(words) as Array<[Message["_tag"], Word]>) {
  const layout: Layout = {
    tag,
    code: word.code,
    names: word.fields.map(([name]) => name),
    checks: word.fields.map(([, type]) => checks[type]),
    payload: word.fields.at(-1)?.[1] === "bytes"
  }
  byTag.set(tag, layout)
  byCode.set(word.code, layout)
}

/**
 * Encodes a message in two pieces: the field `head` holds the encoded fields, and the payload follows without a copy.
 *
 * @example
 * ```ts
 * const { head } = Envelope.encode({ _tag: "Ping", n: 7 })
 * Array.from(head) // [0x92, 30, 7]
 * ```
 * @category codecs
 * @since 0.1.0
 */
export const encode = (message: Message): Parts => {
  const hot = Hot.encode(message)
  if (hot !== undefined) return hot
  const layout = byTag.get(message._tag)!
  const { names } = layout
  const count = layout.payload ? names.length - 1 : names.length
  const fields: Array<unknown> = [layout.code]
  const values = message as unknown as Readonly<Record<string, unknown>>
  for (let i = 0; i < count; i++) fields.push(values[names[i]!])
  const packed: Uint8Array = packr.pack(fields)
  if (!layout.payload) return { head: packed, tail: undefined }
  const payload = values[names[count]!] as Uint8Array
  const head = new Uint8Array(packed.length + binHead)
  head.set(packed)
  // The payload becomes one more element of the msgpack array that holds the other fields of the word.
  head[0] = packed[0]! + 1
  putBin(head, packed.length, payload.length)
  return { head, tail: payload }
}

/**
 * The type of the result of the function `decode`: the word in the frame, or the rule of the protocol that the frame
 * breaks.
 *
 * @category models
 * @since 0.1.0
 */
export type Decoded =
  | { readonly _tag: "Message"; readonly message: Message }
  | { readonly _tag: "Violation"; readonly violation: Violation }

const violation = (violation: Violation): Decoded => ({ _tag: "Violation", violation })

/** Decodes bytes that hold one value of plain msgpack, and returns the fault of any other bytes. */
const unpacked = (bytes: Uint8Array): Result<unknown> => {
  const issue = Plain.issue(bytes)
  if (issue !== undefined) return { ok: false, issue }
  try {
    return { ok: true, value: unpackr.unpack(bytes) }
  } catch (cause) {
    return { ok: false, issue: described(cause) }
  }
}

/**
 * A codec of plain data, without the checks that the codec of a schema makes.
 *
 * @category models
 * @since 0.1.0
 */
export type PlainCodec<A> = Pick<Codec<A>, "encode" | "decode">

/**
 * Makes a codec of plain data in the runtime's own words: texts, numbers, booleans, nulls, bytes, and lists and records
 * of these. The codec calls the argument `check` with each value before it encodes the value, and with each decoded
 * value. The returned text describes a fault; `undefined` means none. A codec of plain data needs no derivation, while
 * the codec of a schema has to be derived.
 *
 * @example
 * ```ts
 * const numbers = Envelope.plainCodec<number>((value) => typeof value === "number" ? undefined : "it is no number")
 * numbers.encode(7).ok // true
 * numbers.decode(Uint8Array.of(0xc0)) // { ok: false, issue: "it is no number" }
 * ```
 * @category codecs
 * @since 0.1.0
 */
export const plainCodec = <A>(check: (value: unknown) => string | undefined): PlainCodec<A> => ({
  encode: (value) => {
    const issue = check(value)
    return issue === undefined ? { ok: true, value: packr.pack(value) as Uint8Array } : { ok: false, issue }
  },
  decode: (bytes) => {
    const read = unpacked(bytes)
    const issue = read.ok ? check(read.value) : read.issue
    return issue === undefined ? read as Result<A> : { ok: false, issue }
  }
})

/**
 * Decodes one frame; returns the word in the frame, or a violation if the frame breaks a rule. The payload of a
 * decoded word is a view into the frame.
 *
 * @example
 * ```ts
 * Envelope.decode(Uint8Array.of(0x92, 30, 7)) // { _tag: "Message", message: { _tag: "Ping", n: 7 } }
 * Envelope.decode(Uint8Array.of(0x91, 99)) // { _tag: "Violation", violation: { _tag: "Unsupported", word: "99" } }
 * ```
 * @category codecs
 * @since 0.1.0
 */
export const decode = (frame: Uint8Array): Decoded => {
  const hot = Hot.decode(frame)
  if (hot !== undefined) return { _tag: "Message", message: hot }
  const read = unpacked(frame)
  if (!read.ok) return violation({ _tag: "NotMsgpack", issue: read.issue })
  const array = read.value
  if (!Array.isArray(array) || !isUint(array[0])) {
    return violation({ _tag: "NotMsgpack", issue: "not an array that begins with the code of a word" })
  }
  const layout = byCode.get(array[0])
  if (layout === undefined) return violation({ _tag: "Unsupported", word: String(array[0]) })
  const { checks, names } = layout
  // Fields of a word that a newer minor version adds stand at the end and are optional, so this version's decoder
  // ignores them.
  if (array.length <= names.length) {
    return violation({ _tag: "Malformed", word: layout.tag, field: names[array.length - 1]! })
  }
  const message: Record<string, unknown> = { _tag: layout.tag }
  for (let i = 0; i < names.length; i++) {
    const value: unknown = array[i + 1]
    if (!checks[i]!(value)) return violation({ _tag: "Malformed", word: layout.tag, field: names[i]! })
    message[names[i]!] = value
  }
  return { _tag: "Message", message: message as unknown as Message }
}
