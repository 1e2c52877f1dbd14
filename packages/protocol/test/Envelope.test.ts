import { assert, describe, it } from "@effect/vitest"
import * as Envelope from "@furrow/protocol/Envelope"
import { type FieldType, type Message, words } from "@furrow/protocol/Message"
import { Arbitrary, Schema } from "effect"
import { Packr } from "msgpackr"

const tags = Object.keys(words) as Array<Message["_tag"]>

// ---- messages with arbitrary fields -------------------------------------------------------------------------------

/** UTF-8 has no lone surrogates; text that holds one does not cross unharmed, and nothing in the envelope needs it. */
const Text = Schema.String.check(Schema.makeFilter((s: string) => s.isWellFormed()))
const Uint = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const Actor = Schema.Struct({ name: Text, uuid: Text, pid: Uint })
/** msgpackr writes -0 as 0: in a log annotation nobody minds. */
const Plain = Schema.Finite.check(Schema.makeFilter((n: number) => !Object.is(n, -0)))
const Scalar = Schema.Union([Text, Plain, Schema.Boolean, Schema.Null])
const Key = Text.check(Schema.makeFilter((s: string) => s !== "__proto__"))
const Annotations = Schema.Record(
  Key,
  Schema.Union([Scalar, Schema.Array(Scalar), Schema.Record(Key, Scalar)])
)
const Meta = Schema.Struct({
  deadline: Schema.optionalKey(Uint),
  trace: Schema.optionalKey(Schema.Tuple([Text, Text, Schema.Boolean])),
  level: Schema.optionalKey(Text),
  annotations: Schema.optionalKey(Annotations)
})
const Window = Schema.Struct({
  items: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  bytes: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: Number.MAX_SAFE_INTEGER }))
})

const fields: { readonly [T in FieldType]: Schema.Schema<any> } = {
  "uint": Uint,
  "text": Text,
  "text?": Schema.NullOr(Text),
  "texts": Schema.Array(Text),
  "bytes": Schema.Uint8Array,
  "bytes?": Schema.NullOr(Schema.Uint8Array),
  "version": Schema.Struct({ major: Uint, minor: Uint }),
  "actor": Actor,
  "kind": Schema.Literals(["call", "stream", "dialog"]),
  "role": Schema.Literals(["child", "peer", "probe"]),
  "reason": Schema.Literals(["version", "proof", "role", "busy", "duplicate", "identity"]),
  "meta?": Schema.NullOr(Meta),
  "window?": Schema.NullOr(Window)
}

const arbitrary = (tag: Message["_tag"]): Arbitrary.Arbitrary<Message> =>
  Arbitrary.map(
    Arbitrary.all(Object.fromEntries(words[tag].fields.map(([name, type]) => [name, Arbitrary.schema(fields[type])]))),
    (fields) => ({ _tag: tag, ...fields }) as unknown as Message
  )

/** The bytes of a frame, as the peer gets them. */
const frame = (message: Message): Uint8Array => {
  const { head, tail } = Envelope.encode(message)
  const bytes = new Uint8Array(head.length + (tail?.length ?? 0))
  bytes.set(head)
  if (tail !== undefined) bytes.set(tail, head.length)
  return bytes
}

const ping: Message = { _tag: "Ping", n: 7 }
const healthy = () => assert.deepStrictEqual(Envelope.decode(frame(ping)), { _tag: "Message", message: ping })

/** What the decoder says, as text. */
const verdict = (bytes: ReadonlyArray<number> | Uint8Array): string => {
  const decoded = Envelope.decode(bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes))
  if (decoded._tag === "Message") return `Message ${decoded.message._tag}`
  const { violation } = decoded
  return violation._tag === "NotMsgpack"
    ? `NotMsgpack: ${violation.issue}`
    : violation._tag === "Malformed"
    ? `Malformed ${violation.word}.${violation.field}`
    : violation._tag
}

describe("Words are encoded as envelopes and decoded again", () => {
  for (const tag of tags) {
    it.prop(
      `a word with any valid fields is decoded as it was encoded (the word ${tag})`,
      { message: arbitrary(tag) },
      ({ message }) => assert.deepStrictEqual(Envelope.decode(frame(message)), { _tag: "Message", message })
    )
  }

  it("the payload of a word is not copied when the word is encoded or decoded", () => {
    const payload = new Uint8Array(100_000).fill(7)
    const message: Message = { _tag: "Yield", dialog: 3, items: 2, payload }
    const parts = Envelope.encode(message)
    assert.strictEqual(parts.tail, payload)
    assert.isBelow(parts.head.length, 32)
    const bytes = frame(message)
    const decoded = Envelope.decode(bytes)
    assert(decoded._tag === "Message" && decoded.message._tag === "Yield")
    assert.strictEqual(decoded.message.payload.buffer, bytes.buffer)
  })

  it("the bytes of an encoded word do not change when later words are encoded", () => {
    const heads = Array.from({ length: 2000 }, (_, n) => Envelope.encode({ _tag: "Ping", n }).head)
    heads.forEach((head, n) => {
      assert.deepStrictEqual(Envelope.decode(head), { _tag: "Message", message: { _tag: "Ping", n } })
    })
  })

  it("a greeting is malformed if its version is null, a text or a number instead of an object", () => {
    const { code } = words.Hello
    for (const version of [null, "1.0", 7]) {
      const bytes = new Packr({ useRecords: false }).pack([
        code,
        version,
        [],
        1000,
        { name: "a", uuid: "b", pid: 1 },
        "peer",
        null
      ])
      assert.strictEqual(verdict(Array.from(bytes)), "Malformed Hello.version")
    }
  })

  it("a field that must be a list of texts is malformed if it is anything else", () => {
    const { code } = words.Hello
    for (const capabilities of ["large", [7], null]) {
      const hello = [code, { major: 1, minor: 0 }, capabilities, 1000, { name: "a", uuid: "b", pid: 1 }, "peer", null]
      const bytes = new Packr({ useRecords: false, variableMapSize: true }).pack(hello)
      assert.strictEqual(verdict(Array.from(bytes)), "Malformed Hello.capabilities")
    }
  })

  it("a field that a newer minor version appends to a word is not read", () => {
    assert.strictEqual(verdict([0x94, 30, 5, 0xa1, 0x61, 0x81, 0xa1, 0x61, 0xc0]), "Message Ping")
  })

  it("a whole number in a word may be encoded as a 64-bit integer or as a double", () => {
    assert.deepStrictEqual(Envelope.decode(Uint8Array.of(0x92, 30, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0)), {
      _tag: "Message",
      message: { _tag: "Ping", n: 2 ** 32 }
    })
    assert.strictEqual(verdict([0x92, 30, 0xcb, 0x40, 0, 0, 0, 0, 0, 0, 0]), "Message Ping")
    assert.strictEqual(verdict([0x92, 30, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), "Malformed Ping.n")
    assert.strictEqual(verdict([0x92, 30, 0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0]), "Malformed Ping.n")
  })
})

// ---- hostile bytes ------------------------------------------------------------------------------------------------

const text = (s: string) => [0xa0 + s.length, ...s].map((c) => typeof c === "string" ? c.charCodeAt(0) : c)
/** A Ping with one field more, which nobody reads: what stands there must not matter. */
const beside = (...value: ReadonlyArray<number>) => [0x93, 30, 5, ...value]
/** The same, the field nested so deep. */
const nested = (depth: number, opening: ReadonlyArray<number>) => {
  const bytes = new Uint8Array(4 + depth * opening.length)
  bytes.set(beside())
  for (let i = 0; i < depth; i++) bytes.set(opening, 3 + i * opening.length)
  return bytes
}
const extension = "NotMsgpack: it holds an extension or an unused token"
const cut = "NotMsgpack: it ends inside a value"
const badKey = "NotMsgpack: a map has a key that is not plain text"
const array = "NotMsgpack: not an array that begins with the code of a word"

const hostile: ReadonlyArray<readonly [title: string, bytes: ReadonlyArray<number>, verdict: string]> = [
  ["no bytes", [], cut],
  ["a number", [5], array],
  ["a map", [0x80], array],
  ["an empty array", [0x90], array],
  ["an array that begins with text", [0x91, ...text("Ping")], array],
  ["a code no word has", [0x91, 99], "Unsupported"],
  ["a word without its fields", [0x91, 30], "Malformed Ping.n"],
  ["a field of another type", [0x92, 30, ...text("1")], "Malformed Ping.n"],
  ["a negative number", [0x92, 30, 0xff], "Malformed Ping.n"],
  [
    "a kind that does not exist",
    [0x98, 10, 1, ...text("cast"), ...text("e"), 0xc0, 0xc0, 0xc0, 0xc4, 0],
    "Malformed Start.kind"
  ],
  ["an empty window", [
    0x98,
    10,
    1,
    ...text("stream"),
    ...text("e"),
    0xc0,
    0xc0,
    0x82,
    ...text("items"),
    0,
    ...text("bytes"),
    0,
    0xc4,
    0
  ], "Malformed Start.window"],
  ["a payload that is text", [0x93, 16, 1, ...text("bytes")], "Malformed Return.payload"],
  ["bytes behind the end", [0x92, 30, 5, 5], "NotMsgpack: bytes follow its end"],
  ["the token that is never used", beside(0xc1), extension],
  ["a record definition", beside(0xd4, 0x72, 0x40, 0x91, ...text("a"), 1), extension],
  ["a record definition of two bytes", beside(0xd5, 0x72, 0x40, 1, 0x91, ...text("a"), 1), extension],
  ["undefined", beside(0xd4, 0, 0), extension],
  ["a date", beside(0xd6, 0xff, 0, 0, 0, 0), extension],
  ["a date of twelve bytes", beside(0xc7, 12, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), extension],
  ["a regular expression", beside(0xd4, 0x78, 0, 0x92, ...text("a"), ...text("g")), extension],
  ["an error", beside(0xd4, 0x65, 0, 0x92, ...text("Error"), ...text("boo")), extension],
  ["a set", beside(0xd4, 0x73, 0, 0x91, 1), extension],
  ["a typed array", beside(0xc7, 2, 0x74, 1, 1), extension],
  ["a big integer", beside(0xc7, 2, 0x42, 1, 1), extension],
  ["bundled strings", beside(0xd6, 0x62, 0, 0, 0, 6, ...text("A"), ...text("B")), extension],
  ["a pointer", beside(0xd6, 0x70, 0, 0, 0, 1), extension],
  ["an extension of 32-bit length", beside(0xc9, 0xff, 0xff, 0xff, 0xff, 1), extension],
  ["an array of four billion", [0xdd, 0xff, 0xff, 0xff, 0xff], cut],
  ["an array of thirty million", [0xdd, 0x01, 0xf0, 0, 0], cut],
  ["a map of four billion", beside(0xdf, 0xff, 0xff, 0xff, 0xff), cut],
  ["text of four gigabytes", beside(0xdb, 0xff, 0xff, 0xff, 0xff), cut],
  ["bytes of four gigabytes", beside(0xc6, 0xff, 0xff, 0xff, 0xff), cut],
  ["a key that is a number", beside(0x81, 1, 1), badKey],
  ["a key that is a map", beside(0x81, 0x80, 1), badKey],
  ["the key __proto__", beside(0x81, ...text("__proto__"), 0x81, ...text("admin"), 0xc3), badKey],
  ["the key __proto__, written long", beside(0x81, 0xd9, 9, ...text("__proto__").slice(1), 0x80), badKey]
]

describe("Malformed bytes of a hostile peer are refused as a violation", () => {
  for (const [title, bytes, expected] of hostile) {
    it(`an invalid frame of a hostile peer is refused as a violation (with ${title}: ${expected})`, () => {
      assert.strictEqual(verdict(bytes), expected)
      healthy()
    })
  }

  it("a frame with deeply nested values is refused, at any depth above the limit", () => {
    for (const depth of [20, 1000, 100_000, 5_000_000]) {
      const expected = "NotMsgpack: it is nested more than 16 deep"
      assert.strictEqual(verdict(nested(depth, [0x91])), expected)
      assert.strictEqual(verdict(nested(depth, [0x81, 0xa0])), expected)
    }
    healthy()
  })

  it("a map key that only resembles __proto__ is accepted as the key of data", () => {
    for (const key of ["a__proto__", "__proto_", "constructor", "toString"]) {
      assert.strictEqual(verdict(beside(0x81, ...text(key), 1)), "Message Ping")
    }
    assert.isUndefined(({} as Record<string, unknown>)["admin"])
  })

  it("a frame of a hostile peer that is cut off at any byte is a violation", () => {
    const message: Message = {
      _tag: "Start",
      dialog: 70_000,
      kind: "dialog",
      endpoint: "chat",
      digest: null,
      meta: { deadline: 5, trace: ["t", "s", true], level: "Info", annotations: { a: [1, "b", null, 1.5] } },
      window: { items: 10, bytes: 100_000 },
      payload: new Uint8Array(300)
    }
    const bytes = frame(message)
    for (let length = 0; length < bytes.length; length++) {
      assert.strictEqual(verdict(bytes.subarray(0, length)), cut, `at ${length}`)
    }
    healthy()
  })

  const Byte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
  const many = { arbitrary: { runs: 3000, size: 40 } }

  it.prop(
    "any bytes are decoded to a message or a violation, and cause no exception",
    { bytes: Arbitrary.array(Byte, { maxLength: 40 }) },
    ({ bytes }) => {
      verdict(bytes)
      verdict([0x92, 30, ...bytes])
      healthy()
    },
    many
  )

  it.prop(
    "a message with bytes changed, removed or inserted is decoded to a message or a violation, and causes no exception",
    {
      message: arbitrary("Start"),
      edits: Arbitrary.array(Arbitrary.all([Byte, Byte, Arbitrary.schema(Schema.Literals(["set", "cut", "put"]))]), {
        minLength: 1,
        maxLength: 4
      })
    },
    ({ edits, message }) => {
      const bytes = [...frame(message)]
      for (const [at, byte, edit] of edits) {
        bytes.splice(at % (bytes.length + 1), edit === "put" ? 0 : 1, ...(edit === "cut" ? [] : [byte]))
      }
      verdict(bytes)
      healthy()
    },
    many
  )
})

describe("A Start is malformed if an optional field has an unknown name or a value of a wrong type", () => {
  const decoded = (meta: unknown) => {
    const frame = new Packr({ useRecords: false }).pack([10, 1, "call", "e", null, meta, null, new Uint8Array(1)])
    const read = Envelope.decode(frame)
    return read._tag === "Violation" ? read.violation : read.message._tag
  }
  const malformed = { _tag: "Malformed", word: "Start", field: "meta" } as const

  it("a Start is valid if its field `meta` is null or has optional fields, such as a deadline, a log level or a trace", () => {
    const annotated = { annotations: { a: null, b: [null, { c: null }], d: "e", f: 1, g: true } }
    for (const meta of [null, {}, { deadline: 0 }, { level: "Info" }, { trace: ["t", "s", false] }, annotated]) {
      assert.strictEqual(decoded(meta), "Start", JSON.stringify(meta))
    }
  })

  it("the optional fields of a Start are malformed if they are not data under known names", () => {
    for (
      const meta of [
        5,
        "text",
        true,
        [],
        { other: 1 },
        { deadline: -1 },
        { deadline: "5" },
        { level: 5 },
        { trace: ["t", "s"] },
        { trace: ["t", "s", 1] },
        { trace: ["t", 1, true] },
        { trace: [1, "s", true] },
        { annotations: [] },
        { annotations: null },
        { annotations: { a: new Uint8Array(1) } },
        { annotations: { a: [{ b: new Uint8Array(1) }] } }
      ]
    ) assert.deepStrictEqual(decoded(meta), malformed, JSON.stringify(meta))
  })
})
