import { assert, describe, it } from "@effect/vitest"
import * as Frame from "@furrow/protocol/Frame"
import * as Payload from "@furrow/protocol/Payload"
import { Arbitrary, Option, Schema } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

type Data = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

/** Letters or bytes from which on a part is written behind its payload. */
const minLargeLength = 8 * 1024

const Text = Schema.String.check(Schema.makeFilter((s: string) => s.isWellFormed()))
const large = "long ago ".repeat(minLargeLength)

class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, name: Text }) {}
class TooSmall extends Schema.TaggedError<TooSmall>()("TooSmall", { n: Schema.Int, image: Schema.Uint8Array }) {}
class Cat extends Schema.Class<Cat>("Cat")({ name: Text }) {}

interface Tree {
  readonly name: string
  readonly image: Uint8Array
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Text,
  image: Schema.Uint8Array,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

/** All that a text or bytes may stand in. */
const schemas: Readonly<Record<string, Data>> = {
  "bytes": Schema.Uint8Array,
  "texts": Text,
  "texts with checks": Text.check(Schema.isMaxLength(1_000_000)),
  "trimmed texts": Schema.Trim.check(Schema.makeFilter((s: string) => s.isWellFormed())),
  "branded texts": Text.pipe(Schema.brand("Name")),
  "literals": Schema.Literals(["a", "b"]),
  "numbers as text": Schema.FiniteFromString,
  "dates": Schema.Date,
  "maps": Schema.ReadonlyMap(Text, Schema.Uint8Array),
  "sets": Schema.ReadonlySet(Text),
  "options": Schema.Option(Schema.Option(Schema.Uint8Array)),
  "exits": Schema.Exit(Schema.Uint8Array, TooSmall, Text),
  "causes": Schema.Cause(TooSmall, Text),
  "recursive values": Tree,
  "classes": Point,
  "tagged errors": TooSmall,
  "hash maps": Schema.HashMap(Text, Text),
  "chunks": Schema.Chunk(Schema.Uint8Array),
  "tuples": Schema.Tuple([Text, Schema.Uint8Array, Schema.optionalKey(Text)]),
  "unions": Schema.Union([Schema.Date, Text, Schema.Finite, Schema.Uint8Array, Schema.Null]),
  "unions of alike classes": Schema.Union([Point, Cat]),
  "records": Schema.Record(Text, Schema.Uint8Array),
  "JSON": Schema.Json,
  "unknown": Schema.Unknown,
  "missing and undefined fields": Schema.Struct({
    maybe: Schema.optional(Text),
    absent: Schema.optionalKey(Schema.Uint8Array),
    nothing: Schema.UndefinedOr(Text)
  })
}

const encode = <S extends Data>(schema: S, value: S["Type"]): Uint8Array => {
  const encoded = Payload.faithful(schema).encode(value)
  assert(encoded.ok, encoded.ok ? "" : encoded.issue)
  return encoded.value
}
const decode = <S extends Data>(schema: S, bytes: Uint8Array): S["Type"] => {
  const decoded = Payload.faithful(schema).decode(bytes)
  assert(decoded.ok, decoded.ok ? "" : decoded.issue)
  return decoded.value
}

/** The first large value makes its codec look for others. */
const encodeAgain = <S extends Data>(schema: S, value: S["Type"]): Uint8Array => {
  encode(schema, value)
  return encode(schema, value)
}
const cross = <S extends Data>(schema: S, value: S["Type"]): S["Type"] => decode(schema, encodeAgain(schema, value))

describe("A payload with large parts arrives unchanged, and its large parts are not copied", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    const both = Schema.Struct({ value: schema, large: Schema.String })
    const equivalent = Schema.toEquivalence(schema)
    const values = name === "unknown"
      ? Arbitrary.schema(Schema.Json)
      : Arbitrary.schema(schema as Schema.Codec<unknown>)
    it.prop(
      `a payload with a large text carries the other values in it unchanged (here ${name})`,
      { value: values },
      ({ value }) => {
        const crossed = cross(both, { value, large })
        assert.strictEqual(crossed.large, large)
        assert.isTrue(equivalent(crossed.value, value))
      }
    )
  }

  it("G171: a payload with large parts carries texts and bytes of any length and with any letters unchanged", () => {
    const schema = Schema.Struct({ text: Schema.String, bytes: Schema.Uint8Array, more: Schema.Array(Schema.String) })
    for (const length of [minLargeLength - 1, minLargeLength, 100_000, 3_000_000]) {
      const text = "aé\u{1F331}\ufeff\uffff".repeat(length).slice(0, length - length % 8)
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7 & 255)
      const value = { text, bytes, more: ["", text, "\ufeff".repeat(length)] }
      assert.deepStrictEqual(cross(schema, value), value)
    }
  })

  it("a payload with large parts contains each large text or large bytes once, unchanged, behind all other data", () => {
    const bytes = new Uint8Array(1_000_000).fill(9)
    const payload = encodeAgain(Schema.Struct({ bytes: Schema.Uint8Array, text: Schema.String }), {
      bytes,
      text: large
    })
    assert.isBelow(payload.length, bytes.length + large.length + 200)
    assert.deepStrictEqual(payload.subarray(payload.length - large.length), new TextEncoder().encode(large))
  })

  it("G171: a large payload is read without a copy of its bytes, and the bytes of a small payload are copied for its reader", () => {
    const payload = encodeAgain(Schema.Uint8Array, new Uint8Array(100_000).fill(1))
    assert.strictEqual(decode(Schema.Uint8Array, payload).buffer, payload.buffer)
    const small = encode(Schema.Uint8Array, Uint8Array.of(1, 2, 3))
    assert.notStrictEqual(decode(Schema.Uint8Array, small).buffer, small.buffer)
  })

  it("G171: a payload with large parts does not change when its sender changes the value after encoding", () => {
    const bytes = new Uint8Array(100_000).fill(1)
    const payload = encodeAgain(Schema.Uint8Array, bytes)
    bytes.fill(2)
    assert.strictEqual(decode(Schema.Uint8Array, payload)[50_000], 1)
  })

  it("G171: a payload with large parts also carries small texts and bytes that look like its internal references to a large part", () => {
    const place = Uint8Array.of(0xf7, 0x6c, 0x61, 0x72, 0, 0, 0, 0, 0, 0, 0, 5)
    const value = {
      texts: ["\u0000\u0000large:0:5", "\u0000\u0000large:", large],
      bytes: [place, place.subarray(0, 11)]
    }
    const schema = Schema.Struct({ texts: Schema.Array(Schema.String), bytes: Schema.Array(Schema.Uint8Array) })
    assert.deepStrictEqual(cross(schema, value), value)
  })

  it("the encoder refuses a large text with half of a surrogate pair, and its error names the text's place in the value", () => {
    const schema = Schema.Struct({ name: Schema.String, text: Schema.String })
    encode(schema, { name: "a", text: large })
    for (const value of [{ name: "a", text: `${large}\ud800` }, { name: "\ud800", text: large }]) {
      const encoded = Payload.faithful(schema).encode(value)
      assert(!encoded.ok)
      assert.include(encoded.issue, value.name === "a" ? `["text"]` : `["name"]`)
    }
  })

  it("a value with a large text is refused if any of its fields does not match the schema, and the error names the field", () => {
    const schema = Schema.Struct({ n: Schema.Int, text: Text.check(Schema.isMaxLength(10 * large.length)) })
    encode(schema, { n: 1, text: large })
    const refused = Payload.faithful(schema).encode({ n: 0.5, text: large })
    assert(!refused.ok)
    assert.include(refused.issue, `["n"]`)
    const long = Payload.faithful(schema).encode({ n: 1, text: large.repeat(11) })
    assert(!long.ok)
    assert.include(long.issue, `["text"]`)
  })

  it("G85: the memory of a payload with large parts can be collected once the payload has been read", async () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const schema = Schema.Struct({ text: Schema.String, bytes: Schema.Uint8Array })
    const frameOf = () => {
      const payload = encodeAgain(schema, { text: large, bytes: new Uint8Array(100_000) })
      decode(schema, payload)
      return new WeakRef(payload.buffer)
    }
    const frame = frameOf()
    // A WeakRef keeps its value for the turn that made it.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    assert.isUndefined(frame.deref())
  })

  it("the items of a chunk with large parts are decoded one by one if one of the items does not match", () => {
    const schema = Schema.Struct({ text: Schema.String, n: Schema.Finite })
    const chunks = Payload.chunks(schema)
    const strict = Payload.chunks(
      Schema.Struct({ text: Schema.String, n: Schema.Finite.check(Schema.isGreaterThan(1)) })
    )
    const items = [{ text: large, n: 1 }, { text: "b", n: 2 }, { text: large, n: 3 }]
    chunks.encode(items)
    const encoded = chunks.encode(items)
    assert(encoded.ok)
    assert.isFalse(strict.decode(encoded.value).ok)
    assert.deepStrictEqual(strict.decodeEach(encoded.value)?.map(({ ok }) => ok), [false, true, true])
  })
})

describe("The memory of a large payload's frame is freed after decoding, unless it is still in use", () => {
  /** A frame as it arrives: with the payload at its end, and alone in its chunk. */
  const arrived = (payload: Uint8Array, beside = 0) => {
    const frame = (bytes: Uint8Array) => [...new Uint8Array(new Uint32Array([bytes.length]).buffer), ...bytes]
    const chunk = Uint8Array.from([...frame(payload), ...beside === 0 ? [] : frame(new Uint8Array(beside))])
    return Frame.decode(Frame.initial, chunk, undefined, undefined, true).frames[0]!
  }
  const encoded = <S extends Data>(schema: S, value: S["Type"]) => {
    const codec = Payload.codec(schema)
    codec.encode(value)
    const written = codec.encode(value)
    assert(written.ok)
    return { codec, payload: written.value }
  }

  it("G254: the memory of a large payload's frame is freed after decoding, and small byte arrays of the decoded value stay intact", () => {
    const value = { text: large, bytes: new Uint8Array([1, 2, 3]) }
    const { codec, payload } = encoded(Schema.Struct({ text: Text, bytes: Schema.Uint8Array }), value)
    const frame = arrived(payload)
    const read = codec.decode(frame)
    assert.deepStrictEqual(read, { ok: true, value })
    assert.isAbove(frame.length, 0)
    Payload.releaseRead(frame)
    assert.strictEqual(frame.length, 0)
    assert.deepStrictEqual(read, { ok: true, value })
  })

  it("G254: the memory of a large payload's frame is not freed while the decoded value is a view of it or another frame lies in it", () => {
    const image = new Uint8Array(minLargeLength).fill(9)
    const viewed = encoded(Schema.Struct({ text: Text, image: Schema.Uint8Array }), { text: large, image })
    const frame = arrived(viewed.payload)
    const read = viewed.codec.decode(frame)
    Payload.releaseRead(frame)
    assert.deepStrictEqual(read, { ok: true, value: { text: large, image } })
    assert.isAbove(frame.length, 0)
    const { codec, payload } = encoded(Text, large)
    const other = arrived(payload, 10)
    assert.isTrue(codec.decode(other).ok)
    Payload.releaseRead(other)
    assert.isTrue(codec.decode(other).ok)
  })
})

describe("A payload of a hostile peer is refused if its large parts are cut off, repeated or followed by bytes", () => {
  const schema = Schema.Struct({ texts: Schema.Array(Schema.String), bytes: Schema.Option(Schema.Uint8Array) })
  const encoded = () => encodeAgain(schema, { texts: [large], bytes: Option.some(new Uint8Array(minLargeLength)) })

  it("a payload of a hostile peer is refused if its large parts are cut off, or if further bytes follow them", () => {
    const payload = encoded()
    for (const at of [1, 100, minLargeLength, minLargeLength + 1, payload.length - 30]) {
      assert.isFalse(Payload.codec(schema).decode(payload.subarray(0, payload.length - at)).ok)
    }
    for (const more of [[0], [1, 2, 3, 4]]) {
      assert.isFalse(Payload.codec(schema).decode(Uint8Array.from([...payload, ...more])).ok)
      assert.isFalse(Payload.codec(schema).decode(Uint8Array.from([...encode(Schema.Int, 1), ...more])).ok)
    }
  })

  it("G171: a payload of a hostile peer is refused if many of its places for large parts name the same bytes", () => {
    const places = Array.from({ length: 100 }, () => `\u0000\u0000large:0:${large.length}`)
    // Written by a codec that has seen nothing large: texts that look like places are texts.
    const List = Schema.Struct({ texts: Schema.Array(Schema.String) })
    const Fresh = Schema.Struct({ texts: Schema.Array(Schema.String) })
    const own = encode(Fresh, { texts: places })
    const payload = new Uint8Array(own.length + 4 + large.length)
    payload.set(own)
    new DataView(payload.buffer).setUint32(own.length, large.length)
    payload.set(new TextEncoder().encode(large), own.length + 4)
    const decoded = Payload.codec(List).decode(payload)
    assert.isFalse(decoded.ok)
  })

  it.prop(
    "a payload of a hostile peer is decoded or refused, and causes no exception",
    { bytes: Schema.Uint8Array },
    ({ bytes }) => {
      const payload = encoded().slice()
      for (const [i, byte] of bytes.entries()) payload[i * 31 % 200] = byte
      assert.isBoolean(Payload.codec(schema).decode(payload).ok)
    }
  )
})
