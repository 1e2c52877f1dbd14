/**
 * A schema <-> the bytes of a payload, by Effect's `SchemaBinary` (docs/decisions/0002-payload-codec.md).
 *
 * Bytes, dates, bigints, Map, Set, Option, Exit, Cause, recursive and class schemas cross unharmed, and a field added
 * to a struct does not break a peer that does not know it. `Unknown` and `Any` carry JSON values only: anything else
 * fails at the sender, though `SchemaBinary` alone would turn it into whatever `JSON.stringify` makes of it.
 *
 * Codecs are derived once per schema and are synchronous: a schema that needs services or is asynchronous cannot be
 * in a contract (the types of `Actor` demand it).
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

/** Either a value or, as text, why not. */
export type Result<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly issue: string }

export interface Codec<A> {
  /** The value that an input stands for: with the defaults of its schema. Throws where it does not match. */
  readonly make: (input: unknown) => A
  readonly encode: (value: unknown) => Result<Uint8Array>
  readonly decode: (bytes: Uint8Array) => Result<A>
  /** True for an input that `encode` writes as it would write what `make` makes of it. False says nothing. */
  readonly isMade: (input: unknown) => boolean
}

type Data = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

const codecs = new WeakMap<object, Derived<unknown>>()

/**
 * The codec of a schema; the same object for the same schema. Never throws: a schema that nothing carries has a codec that
 * refuses every value, and says why.
 */
export const codec = <S extends Data>(schema: S): Codec<S["Type"]> => derivedOf(schema)

/** Derives the codec of a schema, its reader and its checks before the first value. It never throws. */
export const prepare = (schema: Data): void => derivedOf(schema).prepare()

const derivedOf = <S extends Data>(schema: S): Derived<S["Type"]> => {
  const derived = find(schema)
  return derived.ok ? derived.value : refusing(schema)
}

/** Says what in a schema nothing carries, and where, as far as that shows before every schema is defined. */
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

/** Asks again with each value: a schema that is suspended may be defined by then. */
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

/** The encoder of a schema, and the schema whose values it takes: the same one, but where the layout refuses it. */
const encoderOf = <S extends Data>(schema: S): readonly [SchemaBinary.Encoder, S] => {
  if (!hasOpenUnion(schema.ast)) {
    try {
      return [SchemaBinary.encoder(withNegativeZeros(schema)), schema]
    } catch {
      // Said of the schema below, where that is refused as well.
    }
  }
  const other = carried(schema)
  return [SchemaBinary.encoder(withNegativeZeros(other)), other]
}

/** The bytes of a value; its small texts are in `own`, and its large ones are whole or not. */
type Encoded = Large.Written

/** False where half of a surrogate pair may have been replaced. */
const isFaithful = ({ isWhole, own }: Encoded): boolean => isWhole && !holdsReplacement(own)

/** A codec that also says what only people's values need to know. */
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
    // Made at the first value, not before: a suspended schema may not be defined yet.
    check ??= jsonCheck(schema)
    check(value)
    const encoded = sendsLarge && Large.holdsLarge(value) ? places().encode(value) : encodeOwn(value)
    recursive ??= isRecursive(schema)
    // The payload is written at any depth, and read down to a limit: what the reader would refuse is refused here.
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

/** The codec of values with large parts, which follow behind the payload. */
const placesOf = <S extends Data>(schema: S) => {
  const withPlaces = Large.withPlaces(schema)
  const encoder = SchemaBinary.encoder(withNegativeZeros(withPlaces))
  // The payloads of this decoder are small, and the values that it reads are not.
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

/** Bytes from which on the memory of a payload is given back. */
export const minReleasedBytes = Memory.minReleasedBytes

/**
 * Gives back the memory of a large payload that a codec has encoded, when its bytes have left and have no other reader. It is
 * empty from then on. Does nothing for any other payload.
 */
export const releaseWritten = Memory.releaseWritten

/**
 * The same for a payload that has been decoded, and will not be again: its frame is empty from then on, unless the value is a
 * view of it.
 */
export const releaseRead = Memory.releaseReceived

/** Says what `Schema` has thrown of a value, in words: also where the value contains itself or is too deep. */
export const issueOf = explain

/**
 * A codec of payloads that people send: text that UTF-8 cannot hold is refused. The codec alone would write U+FFFD in its place,
 * which is good enough for a message or a log.
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

/** An item of a chunk; of one that does not match its schema the reason, and what the peer sent. */
export type Item<A> =
  | { readonly ok: true; readonly value: A }
  | { readonly ok: false; readonly issue: string; readonly sent: Option.Option<unknown> }

/** The codec of chunks of items. `decodeEach` tells the items of a chunk apart that does not decode as a whole. */
export interface ChunkCodec<A> extends Codec<ReadonlyArray<A>> {
  /** Every item by itself; `undefined` where the bytes hold no such items. */
  readonly decodeEach: (bytes: Uint8Array) => ReadonlyArray<Item<A>> | undefined
}

/** The codec of the chunks of a stream: what people send, as many at once as the stream likes. */
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

/** Reads the same bytes as the codec of an array does, by a schema that lets every item through. */
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

/** An issue without the values that it is about: they are data of the peer, and no text of an error. */
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

/** U+FFFD in UTF-8: of a payload without it all text is whole. */
const holdsReplacement = (bytes: Uint8Array): boolean => {
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true
  }
  return false
}

// ---- writing ------------------------------------------------------------------------------------------------------

/**
 * All of `SchemaBinary` writes into one arena, and the next payload goes behind the last one: an arena above this size is
 * not kept for it, or one large payload would be held in memory by every small one that follows.
 */
const keptArenaBytes = 1024 * 1024

const Small = Schema.Struct({ inside: Schema.Boolean })

let small: { readonly encoder: SchemaBinary.Encoder; readonly value: typeof Small["Type"] } | undefined

/** A payload that is written while another one is being written gets an arena of its own, and that is kept. */
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
  // Encodes once more, outside: the writer forgets the arena it wrote to last.
  small.encoder.encode({ inside: true })
}

// ---- reading ------------------------------------------------------------------------------------------------------

/** A parser holds on to its last payload and value: it is kept for the next one only while these are small. */
const maxKeptParserBytes = 64 * 1024

/**
 * A `SchemaBinary.parser` reads faster than the codec does, but it keeps a cut-off payload and joins it to the next one.
 * So it is given whole payloads only, one at a time, and never again after a failure; the codec names the fault of any
 * other payload.
 */
const decoder = <S extends Data>(schema: S, maxKept = maxKeptParserBytes) => {
  let idle: SchemaBinary.Parser<S["Type"]> | undefined
  let slow: ((bytes: Uint8Array) => S["Type"]) | undefined
  const decode = (bytes: Uint8Array): S["Type"] => {
    if (isWhole(bytes)) {
      // True while the reader is taken: a schema may read another payload of its own kind inside.
      const parser = idle ?? SchemaBinary.parser(schema)
      idle = undefined
      try {
        const values = parser.feedSync(bytes)
        if (bytes.length < maxKept) idle = parser
        return values[0]!
      } catch {
        // Said below, in the codec's words.
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

/** A payload is one frame of `SchemaBinary`: the length of its body as a varint, and exactly that body. */
const isWhole = (bytes: Uint8Array): boolean => bytes.length > 0 && ownSize(bytes) === bytes.length

/** Size of the first frame of a payload, in bytes. Large parts follow behind it; 0 means that there is no frame. */
const ownSize = (bytes: Uint8Array): number => {
  let size = 0
  for (let i = 0, scale = 1; i < 6 && i < bytes.length; i++, scale *= 128) {
    const byte = bytes[i]!
    size += (byte & 0x7f) * scale
    if (byte < 0x80) return size > 0 ? i + 1 + size : 0
  }
  return 0
}

// ---- Unknown and Any ----------------------------------------------------------------------------------------------

/** A schema with `Json` in each place of `Unknown` or `Any`. */
const close: (ast: Visitable) => SchemaAST.AST = onceEach((ast) =>
  isOpen(ast) ? optionalAs(ast, Schema.Json).ast : ast.recur?.(close) ?? ast
)

const noCheck = (): void => {}

/** Throws, and says where, if a value at an `Unknown` or `Any` is not JSON. Schemas without one pay nothing. */
const jsonCheck = (schema: Data): (value: unknown) => void => {
  const encoded = Schema.toEncoded(schema).ast
  if (!contains(encoded, isOpen)) return noCheck
  const encode = Schema.encodeUnknownSync(schema as Schema.Codec<unknown, unknown>)
  const validate = Schema.decodeUnknownSync(Schema.make<Schema.Codec<unknown>>(close(encoded)))
  return (value) => void validate(encode(value))
}
