/**
 * Writes large texts and bytes behind a payload: the payload refers to the large texts and bytes, which follow the
 * payload unchanged.
 *
 * Effect's `SchemaBinary` alone writes a text letter by letter, moves bytes once for each level of nesting, and copies
 * the bytes again when it reads. A text behind the payload is encoded by the JavaScript engine, and bytes behind the
 * payload are read as a view of their frame.
 *
 * The schema of a payload with large parts has a conversion at each text and each `Uint8Array`. Only values that hold a
 * large text or large bytes use the schema with conversions, because conversions slow down all other values.
 */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Memory from "./Memory.ts"
import { onceEach, optionalAs, type Visitable, withLastConversion } from "./Open.ts"

/** The length, in letters or bytes, from which on a text or bytes are written behind their payload. */
export const minLargeLength = 8 * 1024

/** The number of inner values of a value among which a large text or large bytes are searched. */
const maxLooked = 256

/** True when a value holds a large text or large bytes among the first inner values that are searched. */
export const holdsLarge = (value: unknown): boolean => look(value, { left: maxLooked })

const look = (value: unknown, budget: { left: number }): boolean => {
  if (typeof value === "string") return value.length >= minLargeLength
  if (typeof value !== "object" || value === null || budget.left-- <= 0) return false
  if (ArrayBuffer.isView(value)) return value.byteLength >= minLargeLength
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
    for (const part of value) {
      if (look(part, budget)) return true
      if (budget.left <= 0) return false
    }
    return false
  }
  for (const key in value) if (look((value as Record<string, unknown>)[key], budget)) return true
  return false
}

// ---- references to large texts and bytes ---------------------------------------------------------------------------

/** The first four bytes of a reference to large bytes; the position and the size of the large bytes follow. */
const mark = [0xf7, 0x6c, 0x61, 0x72] as const
const placeBytes = 12
/**
 * The beginning of the short text that refers to a large text behind the payload. The short text goes on with the
 * position and the size of the large text, as decimal numbers.
 */
const textMark = "\u0000\u0000large:"

interface Writing {
  readonly parts: Array<Uint8Array>
  size: number
  /** True while no text of the value holds half of a surrogate pair, which UTF-8 cannot write. */
  isWhole: boolean
}

interface Reading {
  readonly area: Uint8Array
  /**
   * The number of bytes behind the payload that the decoder may still read. The decoder reads a limited number of large
   * bytes, which stops a peer whose payload refers to the same large bytes again and again.
   */
  left: number
  /** True when the decoded value contains a view of the bytes behind the payload. */
  isViewed: boolean
}

/**
 * The variable `writing` holds the payload that is being written, and `reading` the payload that is being read. One
 * variable for the written payload and one for the read payload suffice, because codecs are synchronous.
 */
let writing: Writing | undefined
let reading: Reading | undefined

/**
 * The types of the globals `TextDecoder` and `TextEncoder` are written out here, because the package uses the type
 * library of no platform.
 */
const { TextDecoder, TextEncoder } = globalThis as unknown as {
  readonly TextEncoder: new() => { readonly encode: (text: string) => Uint8Array }
  readonly TextDecoder: new(label: string, options: { readonly fatal: boolean; readonly ignoreBOM: boolean }) => {
    readonly decode: (bytes: Uint8Array) => string
  }
}
const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const put = (bytes: Uint8Array): { readonly at: number; readonly size: number } => {
  const { parts, size: at } = writing!
  parts.push(bytes)
  writing!.size += bytes.length
  return { at, size: bytes.length }
}

const take = (at: number, size: number): Uint8Array => {
  if (reading === undefined || at + size > reading.area.length || size > reading.left) {
    throw new Error("a large part of the payload is not behind it")
  }
  reading.left -= size
  return reading.area.subarray(at, at + size)
}

const isPlace = (bytes: Uint8Array): boolean =>
  bytes.length === placeBytes && mark.every((byte, i) => bytes[i] === byte)

/**
 * A small byte array that a reader would take for a reference to large bytes is also written behind the payload, like
 * large bytes.
 */
const placeOfBytes = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length < minLargeLength && !isPlace(bytes)) return bytes
  const { at, size } = put(bytes)
  const place = new Uint8Array(placeBytes)
  place.set(mark)
  const view = new DataView(place.buffer)
  view.setUint32(4, at)
  view.setUint32(8, size)
  return place
}

const bytesOfPlace = (bytes: Uint8Array): Uint8Array => {
  if (!isPlace(bytes)) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, placeBytes)
  const taken = take(view.getUint32(4), view.getUint32(8))
  reading!.isViewed = true
  return taken
}

const placeOfText = (text: string): string => {
  if (text.length < minLargeLength && !text.startsWith(textMark)) return text
  if (!text.isWellFormed()) writing!.isWhole = false
  const bytes = utf8.encode(text)
  Memory.noteWritten(bytes)
  const { at, size } = put(bytes)
  return `${textMark}${at}:${size}`
}

const textOfPlace = (text: string): string => {
  if (!text.startsWith(textMark)) return text
  const [at, size] = text.slice(textMark.length).split(":").map(Number)
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(size) || at! < 0 || size! < 0) {
    throw new Error("the place of a large text is no place")
  }
  return fromUtf8.decode(take(at!, size!))
}

// ---- the schema ---------------------------------------------------------------------------------------------------

const Text = Schema.String.pipe(
  Schema.decodeTo(Schema.String, SchemaTransformation.transform({ decode: textOfPlace, encode: placeOfText }))
)
const Bytes = Schema.Uint8Array.pipe(
  Schema.decodeTo(Schema.Uint8Array, SchemaTransformation.transform({ decode: bytesOfPlace, encode: placeOfBytes }))
)

const bytesId = "effect/schema/Uint8Array"

const isBytes = ({ _tag, annotations }: SchemaAST.AST): boolean =>
  _tag === "Declaration" && (annotations?.representation as { readonly id?: unknown } | undefined)?.id === bytesId

const replace: (ast: Visitable) => SchemaAST.AST = onceEach((ast) => {
  const { encoding } = ast
  if (encoding !== undefined) {
    return Object.assign(withLastConversion(ast, encoding, replace), { context: ast.context })
  }
  const leaf = ast._tag === "String" ? Text : isBytes(ast) ? Bytes : undefined
  if (leaf === undefined) return ast.recur?.(replace, (parameter) => parameter) ?? ast
  // The checks of a schema get the large value itself, and not the reference to this value.
  return ast.checks === undefined
    ? optionalAs(ast, leaf).ast
    : optionalAs(ast, Schema.encodeTo(leaf as Schema.Codec<unknown>)(Schema.make<Schema.Codec<unknown>>(ast))).ast
})

/** Changes a schema so that the large texts and byte arrays of its values are written behind the payload. */
export const withPlaces = <S extends Schema.Top>(schema: S): S => Schema.make<S>(replace(schema.ast))

// ---- whole payloads -----------------------------------------------------------------------------------------------

/**
 * A payload and its large parts, which follow the payload in the frame. The field `isWhole` says that UTF-8 can hold
 * all large texts of the payload.
 */
export interface Written {
  readonly own: Uint8Array
  readonly bytes: Uint8Array
  readonly isWhole: boolean
}

/** The size in bytes of the number behind a payload that says how many bytes of large parts follow. */
const sizeBytes = 4

/**
 * Returns the large parts at the end of a payload, behind its first `own` bytes, or `undefined` if the payload has no
 * large parts.
 */
export const behind = (payload: Uint8Array, own: number): Uint8Array | undefined => {
  const start = own + sizeBytes
  if (own === 0 || start >= payload.length) return undefined
  const size = new DataView(payload.buffer, payload.byteOffset + own, sizeBytes).getUint32(0)
  return start + size === payload.length ? payload.subarray(start) : undefined
}

/** Encodes a value, and appends its large texts and byte arrays to the payload. */
export const write = (encode: () => Uint8Array): Written => {
  const outer = writing
  const mine: Writing = { parts: [], size: 0, isWhole: true }
  writing = mine
  try {
    const own = encode()
    const bytes = new Uint8Array(own.length + sizeBytes + mine.size)
    bytes.set(own)
    new DataView(bytes.buffer).setUint32(own.length, mine.size)
    let at = own.length + sizeBytes
    for (const part of mine.parts) {
      bytes.set(part, at)
      at += part.length
      // The memory of an encoded text is given back at once, because no other code uses its bytes.
      Memory.releaseWritten(part)
    }
    // A nested payload shares its memory with the payload around it, so only the memory of the outer payload is noted.
    if (outer === undefined) Memory.noteWritten(bytes)
    return { own, bytes, isWhole: mine.isWhole }
  } finally {
    writing = outer
  }
}

/**
 * The number of times that the bytes behind a payload may be read: a union may read the bytes once for each member
 * that its decoder tries.
 */
const maxReads = 8

/**
 * Decodes a value whose large texts and byte arrays stand in the bytes `area`. If large bytes of the value are views of
 * the parameter `area`, the memory of `area` is not given back.
 */
export const read = <A>(area: Uint8Array, decode: () => A): A => {
  const outer = reading
  const mine: Reading = { area, left: area.length * maxReads, isViewed: false }
  reading = mine
  try {
    return decode()
  } finally {
    reading = outer
    if (mine.isViewed) Memory.keepReceived(area)
  }
}
