/**
 * Encodes values of a schema as bytes of a payload, by Effect's `SchemaBinary` (docs/decisions/0002-payload-codec.md).
 *
 * Bytes, dates, bigints, Map, Set, Option, Exit, Cause, recursive schemas and class schemas cross unchanged. A field
 * that is added to a struct does not break a peer whose schema lacks the field. The schemas `Unknown` and `Any` carry
 * only JSON values: any other value fails at the sender. For a value that is not JSON, `SchemaBinary` alone would
 * silently send the text that `JSON.stringify` makes of the value.
 *
 * Each schema has one codec, which is synchronous: a schema that needs services or is asynchronous cannot be in a
 * contract, and the types of `Actor` refuse it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { carried, uncarried } from "./internal/Carried.ts"
import * as Large from "./internal/Large.ts"
import * as Memory from "./internal/Memory.ts"
import { withNegativeZeros } from "./internal/NegativeZeros.ts"
import { contains, hasOpenUnion, isOpen, onceEach, optionalAs, type Visitable } from "./internal/Open.ts"
import { Rows } from "./internal/Rows.ts"
import { explain, explainRead, mayBeDeep, textIssue } from "./internal/Shape.ts"
import { verbatim } from "./internal/Verbatim.ts"

/** The result of a codec: the encoded or decoded value, or the reason as text why the codec refuses the value. */
export type Result<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly issue: string }

/** A codec encodes the values of one schema as bytes, and decodes these bytes. */
export interface Codec<A> {
  /**
   * Turns an input into a value of the codec's schema, and fills in the schema's defaults for missing fields. The
   * function `make` throws when the input does not match the schema of the codec.
   */
  readonly make: (input: unknown) => A
  readonly encode: (value: unknown) => Result<Uint8Array>
  readonly decode: (bytes: Uint8Array) => Result<A>
  /**
   * True when an input and the value that the codec's function `make` returns for the input are encoded to the same
   * bytes.
   */
  readonly isMade: (input: unknown) => boolean
}

type Data = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

const codecs = new WeakMap<object, Derived<unknown>>()

/**
 * Returns the codec of a schema, which is the same object for the same schema. `codec` never throws. For a schema whose
 * values cannot cross, the returned codec refuses each value and says why.
 *
 * @example
 * ```ts
 * const codec = Payload.codec(Schema.Struct({ id: Schema.Int }))
 * const encoded = codec.encode({ id: 7 })
 * encoded.ok && codec.decode(encoded.value) // { ok: true, value: { id: 7 } }
 * ```
 */
export const codec = <S extends Data>(schema: S): Codec<S["Type"]> => derivedOf(schema)

/**
 * Derives the codec of a schema, its reader and its checks before the first value, so that the first call does not wait
 * for the derivation. `prepare` never throws.
 *
 * @example
 * ```ts
 * Payload.prepare(Schema.String) // undefined
 * ```
 */
export const prepare = (schema: Data): void => derivedOf(schema).prepare()

const derivedOf = <S extends Data>(schema: S): Derived<S["Type"]> => {
  const derived = find(schema)
  return derived.ok ? derived.value : refusing(schema)
}

/**
 * Describes, as text, the part of a schema whose values cannot be sent to another process. Returns `undefined` when
 * every value of the schema can be sent, as far as is known. A suspended schema that is not defined yet is not
 * searched.
 *
 * @example
 * ```ts
 * Payload.refusal(Schema.String) // undefined
 * ```
 */
export const refusal = (schema: Schema.Top): string | undefined => {
  const issue = uncarried(schema, false)
  return issue === undefined ? undefined : `no value of it can cross: it has ${issue}`
}

const find = <S extends Data>(schema: S): Result<Derived<S["Type"]>> => {
  const known = codecs.get(schema)
  if (known !== undefined) return { ok: true, value: known as Derived<S["Type"]> }
  const issueOf = (cause: unknown) => `no value of it can cross: ${reasonOf(schema, cause)}`
  const derived = attempt(issueOf, () => derive(schema))
  if (derived.ok) codecs.set(schema, derived.value as Derived<unknown>)
  return derived
}

const reasonOf = (schema: Schema.Top, cause: unknown): string => {
  const found = attempt(explainRead, () => uncarried(schema, true))
  if (!found.ok) return found.issue
  return found.value === undefined ? explainRead(cause).replace("Binary layout: ", "") : `it has ${found.value}`
}

/**
 * Makes a codec that derives the codec of its schema again at each use, because a suspended schema may be defined only
 * later. Each use fails until a derivation succeeds.
 */
const refusing = <S extends Data>(schema: S): Derived<S["Type"]> => {
  const use = <A>(f: (codec: Derived<S["Type"]>) => Result<A>): Result<A> => {
    const derived = find(schema)
    return derived.ok ? f(derived.value) : derived
  }
  return {
    make: (input) => makeOf(schema, input),
    encode: (value) => use(({ encode }) => encode(value)),
    encodeFully: (value) => use(({ encodeFully }) => encodeFully(value)),
    decode: (bytes) => use(({ decode }) => decode(bytes)),
    isMade: () => false,
    prepare: () => {}
  }
}

/**
 * Returns the encoder of a schema, and the schema whose values this encoder takes. When Effect's `SchemaBinary` cannot
 * encode the given schema, the returned schema is a replacement for the given schema.
 */
const encoderOf = <S extends Data>(schema: S): readonly [SchemaBinary.Encoder, S] => {
  if (!hasOpenUnion(schema.ast)) {
    try {
      return [SchemaBinary.encoder(withNegativeZeros(schema)), schema]
    } catch {
      // `SchemaBinary` refuses the given schema, so the encoder is made from a schema that the function `carried` has
      // changed.
    }
  }
  const other = carried(schema)
  return [SchemaBinary.encoder(withNegativeZeros(other)), other]
}

/**
 * The bytes of an encoded value. The field `own` of an encoded value holds the bytes without large texts and byte
 * arrays; `isWhole` is true if UTF-8 can hold all large texts.
 */
type Encoded = Large.Written

/** True when no text in the encoded bytes has lost half of a surrogate pair. */
const isFaithful = ({ isWhole, own }: Encoded): boolean => isWhole && !holdsReplacement(own)

/** A codec with two more functions, which only this module uses. */
interface Derived<A> extends Codec<A> {
  readonly encodeFully: (value: unknown) => Result<Encoded>
  readonly prepare: () => void
}

const derive = <S extends Data>(given: S): Derived<S["Type"]> => {
  const [encoder, schema] = encoderOf(given)
  let check: ((value: unknown) => void) | undefined
  const places = lazily(() => placesOf(schema))
  const own = decoder(schema)
  const rows = new Rows(schema.ast)
  const decode = (bytes: Uint8Array): S["Type"] => {
    const read = rows.decode(bytes)
    if (read !== undefined) return read as S["Type"]
    const size = ownSize(bytes)
    const area = size < bytes.length ? Large.behind(bytes, size) : undefined
    return area === undefined ? own.decode(bytes) : Large.read(area, () => places().decode(bytes.subarray(0, size)))
  }
  let recursive: boolean | undefined
  let sendsLarge = false
  const isVerbatim = lazily(() => verbatim(given.ast) ?? never)
  const encodeByLayout = (value: unknown): Uint8Array => {
    const bytes = encoder.encode(value)
    if (bytes.buffer.byteLength > keptArenaBytes) letGo()
    return bytes
  }
  const encodeOwn = (value: unknown): Encoded => {
    const bytes = rows.encode(value) ?? encodeByLayout(value)
    sendsLarge ||= bytes.length >= Large.minLargeLength
    return { bytes, own: bytes, isWhole: true }
  }
  const encode = (value: unknown): Encoded => {
    // A schema is searched for `Unknown` and `Any` only at the first value, because a suspended schema may be
    // undefined before.
    check ??= jsonCheck(schema)
    check(value)
    const encoded = sendsLarge && Large.holdsLarge(value) ? places().encode(value) : encodeOwn(value)
    recursive ??= isRecursive(schema)
    // The decoder of `SchemaBinary` limits the depth of values, and its encoder does not. The sender decodes each deep
    // value once, to refuse a value that the reader would refuse.
    if (recursive && mayBeDeep(value, encoded.bytes.length)) decode(encoded.bytes)
    return encoded
  }
  const encodeFully = (value: unknown) => attempt((cause) => explain(cause, value), () => encode(value))
  return {
    make: (input) => makeOf(schema, input),
    encodeFully,
    encode: (value) => {
      const encoded = encodeFully(value)
      return encoded.ok ? { ok: true, value: encoded.value.bytes } : encoded
    },
    decode: (bytes) => attempt(explainRead, () => decode(bytes)),
    isMade: (input) => isVerbatim()(input),
    prepare: () => {
      check ??= jsonCheck(schema)
      recursive ??= isRecursive(schema)
      own.prepare()
    }
  }
}

const never = () => false

const isRecursive = (schema: Data): boolean => contains(Schema.toEncoded(schema).ast, ({ _tag }) => _tag === "Suspend")

const lazily = <A>(make: () => A): () => A => {
  let made: A | undefined
  return () => made ??= make()
}

/** Makes the codec of values with large texts or large bytes, which are written behind the payload. */
const placesOf = <S extends Data>(schema: S) => {
  const withPlaces = Large.withPlaces(schema)
  const encoder = SchemaBinary.encoder(withNegativeZeros(withPlaces))
  const { decode } = decoder(withPlaces, 0)
  return {
    encode: (value: unknown): Encoded => Large.write(() => encoder.encode(value)),
    decode
  }
}

const makeOf = <S extends Data>(schema: S, input: unknown): S["Type"] =>
  (schema as unknown as { readonly make: (input: unknown) => S["Type"] }).make(input)

const attempt = <A>(issueOf: (cause: unknown) => string, f: () => A): Result<A> => {
  try {
    return { ok: true, value: f() }
  } catch (cause) {
    return { ok: false, issue: issueOf(cause) }
  }
}

/**
 * The size in bytes of the smallest payload whose memory is freed at once, without waiting for a garbage collection.
 */
export const minReleasedBytes = Memory.minReleasedBytes

/**
 * Gives back the memory of a large payload that a codec has encoded, once its bytes have left and no other code reads
 * them. A payload whose memory was given back is empty from then on. The function `releaseWritten` has no effect on a
 * payload that shares its memory with other data.
 */
export const releaseWritten = Memory.releaseWritten

/**
 * Gives back the memory of a large payload that has been decoded for the last time. The frame of the payload is empty
 * afterwards, unless the decoded value is a view of the frame.
 */
export const releaseRead = Memory.releaseReceived

/**
 * Describes in words the error that `Schema` has thrown for a value, also when the value contains itself or is too
 * deep.
 */
export const issueOf = explain

/**
 * Returns a codec for payloads of the user, which refuses text that UTF-8 cannot hold. The function `codec` alone
 * writes U+FFFD for text that UTF-8 cannot hold, which suffices for a message or a log.
 *
 * @example
 * ```ts
 * Payload.faithful(Schema.String).encode("\ud800").ok // false
 * Payload.codec(Schema.String).encode("\ud800").ok // true
 * ```
 */
export const faithful = <S extends Data>(schema: S): Codec<S["Type"]> => {
  const { decode, encodeFully, isMade, make } = derivedOf(schema)
  return {
    make,
    decode,
    isMade,
    encode: (value) => {
      const encoded = encodeFully(value)
      if (!encoded.ok) return encoded
      const { bytes } = encoded.value
      const issue = isFaithful(encoded.value) ? undefined : textIssue(value, () => {
        const read = decode(bytes)
        return read.ok ? read.value : undefined
      })
      return issue === undefined ? { ok: true, value: bytes } : { ok: false, issue }
    }
  }
}

/**
 * One item of a chunk: its value, or, when the item does not match its schema, the reason and the bytes or value that
 * the peer sent.
 */
export type Item<A> =
  | { readonly ok: true; readonly value: A }
  | { readonly ok: false; readonly issue: string; readonly sent: Option.Option<unknown> }

/**
 * The codec of chunks of items. The function `decodeEach` reads the items one by one when the chunk does not decode
 * as a whole.
 */
export interface ChunkCodec<A> extends Codec<ReadonlyArray<A>> {
  /** Reads each item of a chunk by itself; `undefined` means that the bytes are no chunk of items of this codec. */
  readonly decodeEach: (bytes: Uint8Array) => ReadonlyArray<Item<A>> | undefined
}

/**
 * The codec of the chunks of a stream. A chunk holds any number of items, and the codec refuses a chunk with text that
 * UTF-8 cannot hold.
 *
 * @example
 * ```ts
 * const codec = Payload.chunks(Schema.Int)
 * const encoded = codec.encode([1, 2])
 * encoded.ok && codec.decode(encoded.value) // { ok: true, value: [1, 2] }
 * ```
 */
export const chunks = <S extends Data>(schema: S): ChunkCodec<S["Type"]> => {
  let each: ((bytes: Uint8Array) => ReadonlyArray<Item<S["Type"]>>) | undefined
  return {
    ...(faithful(Schema.Array(schema) as unknown as Data) as Codec<ReadonlyArray<S["Type"]>>),
    decodeEach: (bytes) => {
      const read = attempt(explainRead, () => (each ??= eachOf(schema))(bytes))
      return read.ok ? read.value : undefined
    }
  }
}

class Refused {
  readonly item: Item<never>
  constructor(item: Item<never>) {
    this.item = item
  }
}

/** Makes a reader of a chunk's bytes that also returns items which do not match their schema. */
const eachOf = <S extends Data>(schema: S): (bytes: Uint8Array) => ReadonlyArray<Item<S["Type"]>> => {
  const open = Schema.catchDecoding((issue: SchemaIssue.Issue) =>
    Effect.succeed(Option.some<unknown>(new Refused(refused(issue))))
  )((encoderOf(schema)[1] as unknown as Schema.Codec<unknown>).pipe(
    Schema.decodeTo(Schema.Unknown, SchemaTransformation.passthrough<unknown>())
  ))
  const items = Schema.Array(open)
  const reading = (schema: Schema.Top) =>
    Schema.decodeUnknownSync(
      SchemaBinary.toCodec(schema as never) as unknown as Schema.Codec<ReadonlyArray<unknown>, Uint8Array>,
      { reportInput: true }
    )
  const own = lazily(() => reading(items))
  const places = lazily(() => reading(Large.withPlaces(items)))
  const decode = (bytes: Uint8Array) => {
    const size = ownSize(bytes)
    const area = size < bytes.length ? Large.behind(bytes, size) : undefined
    return area === undefined ? own()(bytes) : Large.read(area, () => places()(bytes.subarray(0, size)))
  }
  return (bytes) =>
    decode(bytes).map((item): Item<S["Type"]> => item instanceof Refused ? item.item : { ok: true, value: item })
}

const refused = (issue: SchemaIssue.Issue): Item<never> => {
  const sent = SchemaIssue.hasInput(issue) ? Option.some(issue.input) : Option.none()
  return { ok: false, issue: explainRead(new Schema.SchemaError(withoutInput(issue))), sent }
}

/**
 * Copies an issue of a schema without the values in it, because no data of the peer may appear in the text of an
 * error.
 */
const withoutInput = <I extends SchemaIssue.Issue>(issue: I): I => {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(issue) as object) as object, issue) as {
    input?: unknown
    issue?: SchemaIssue.Issue
    issues?: ReadonlyArray<SchemaIssue.Issue>
  }
  delete copy.input
  if (copy.issue !== undefined) copy.issue = withoutInput(copy.issue)
  if (copy.issues !== undefined) copy.issues = copy.issues.map(withoutInput)
  return copy as I
}

/** True when the bytes hold U+FFFD in UTF-8. A payload without U+FFFD contains no text that was replaced. */
const holdsReplacement = (bytes: Uint8Array): boolean => {
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true
  }
  return false
}

// ---- writing ------------------------------------------------------------------------------------------------------

/**
 * The size in bytes of the largest arena, the memory into which `SchemaBinary` writes, that is kept for the next
 * payload. An arena with more bytes is dropped after its payload, so that later small payloads do not keep the arena's
 * memory in use.
 */
const keptArenaBytes = 1024 * 1024

const Small = Schema.Struct({ inside: Schema.Boolean })

let small: { readonly encoder: SchemaBinary.Encoder; readonly value: typeof Small["Type"] } | undefined

/**
 * Makes `SchemaBinary` drop its arena, the memory for its payloads. `SchemaBinary` takes a new arena when one encoding
 * begins inside another encoding.
 */
const letGo = (): void => {
  if (small === undefined) {
    const encoder = SchemaBinary.encoder(Small)
    const value = {
      get inside(): boolean {
        encoder.encode({ inside: true })
        return true
      }
    }
    small = { encoder, value }
  }
  small.encoder.encode(small.value)
  small.encoder.encode({ inside: true })
}

// ---- reading ------------------------------------------------------------------------------------------------------

/**
 * The size in bytes of the largest payload after which a parser is kept, because a parser holds its last payload and
 * value in memory.
 */
const maxKeptParserBytes = 64 * 1024

/**
 * A `SchemaBinary.parser` reads faster than a codec does, but a parser keeps a cut-off payload and joins it to the next
 * payload. A parser gets only whole payloads, one at a time, and a parser that has failed is not used again. A cut-off
 * payload goes to the codec of its schema, which names the fault of the payload.
 */
const decoder = <S extends Data>(schema: S, maxKept = maxKeptParserBytes) => {
  let idle: SchemaBinary.Parser<S["Type"]> | undefined
  let slow: ((bytes: Uint8Array) => S["Type"]) | undefined
  const decode = (bytes: Uint8Array): S["Type"] => {
    if (isWhole(bytes)) {
      // A parser that is reading is not shared: a check in the schema may itself read another payload, which then gets
      // another parser.
      const parser = idle ?? SchemaBinary.parser(schema)
      idle = undefined
      try {
        const values = parser.feedSync(bytes)
        if (bytes.length < maxKept) idle = parser
        return values[0]!
      } catch {
        // The codec of the schema reads a refused payload again, and names the fault of the payload.
      }
    }
    slow ??= Schema.decodeUnknownSync(SchemaBinary.toCodec(schema) as Schema.Codec<S["Type"], Uint8Array>)
    return slow(bytes)
  }
  return {
    decode,
    prepare: () => {
      idle ??= SchemaBinary.parser(schema)
    }
  }
}

/** True for a payload that is one whole frame of `SchemaBinary`: the length of its body as a varint, and exactly that body. */
const isWhole = (bytes: Uint8Array): boolean => bytes.length > 0 && ownSize(bytes) === bytes.length

/**
 * Returns the size in bytes of the first `SchemaBinary` frame of a payload, behind which large parts follow. The size 0
 * means that the payload does not begin with a `SchemaBinary` frame.
 */
const ownSize = (bytes: Uint8Array): number => {
  let size = 0
  for (let i = 0, scale = 1; i < 6 && i < bytes.length; i++, scale *= 128) {
    const byte = bytes[i]!
    size += (byte & 0x7f) * scale
    if (byte < 0x80) return size > 0 ? i + 1 + size : 0
  }
  return 0
}

// ---- Values of `Unknown` and `Any` ---------------------------------------------------------------------------------

/** Replaces each `Unknown` and `Any` in a schema by the schema `Json`. */
const close: (ast: Visitable) => SchemaAST.AST = onceEach((ast) =>
  isOpen(ast) ? optionalAs(ast, Schema.Json).ast : ast.recur?.(close) ?? ast
)

const noCheck = (): void => {}

/**
 * Makes the check that throws when a value at an `Unknown` or `Any` is not JSON. The check for JSON values does nothing
 * for a schema without `Unknown` and `Any`.
 */
const jsonCheck = (schema: Data): (value: unknown) => void => {
  const encoded = Schema.toEncoded(schema).ast
  if (!contains(encoded, isOpen)) return noCheck
  const encode = Schema.encodeUnknownSync(schema as Schema.Codec<unknown, unknown>)
  const validate = Schema.decodeUnknownSync(Schema.make<Schema.Codec<unknown>>(close(encoded)))
  return (value) => void validate(encode(value))
}
