/**
 * The envelope reads and writes the words of calls and streams by a shortcut. It must not show: a shortcut that reads
 * what the ordinary way refuses, or reads it otherwise, would be a second language.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Hot from "@furrow/protocol/internal/hot"
import { type Message, words } from "@furrow/protocol/Message"
import { Arbitrary, Schema } from "effect"
import { Packr } from "msgpackr"

const msgpackr = new Packr({ useRecords: false })

const Uint = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 33 }))
const Edge = Schema.Literals([0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32])
const Whole = Schema.Union([Uint, Edge])
const Letters = Schema.String.check(Schema.makeFilter((s: string) => s.isWellFormed()))
const Name = Schema.Union([
  Letters,
  Schema.Literals(["echo", "a".repeat(31), "a".repeat(32), "a".repeat(255), "a".repeat(256), "ä", "a\u0000b"])
])
const Kind = Schema.Literals(["call", "stream", "dialog"])

const Trace = Schema.Tuple([
  Schema.Union([Name, Schema.Literal("0123456789abcdef".repeat(2))]),
  Schema.Union([Name, Schema.Literal("0123456789abcdef")]),
  Schema.Boolean
])

const atLeast = (minimum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum: 2 ** 33 }))
const Window = Schema.NullOr(Schema.Struct({ items: atLeast(1), bytes: atLeast(2) }))

const word = (
  tag: "Start" | "Started" | "Stop" | "Yield" | "Credit" | "Cancel" | "Return" | "Error",
  fields: Schema.Struct.Fields
) =>
  Arbitrary.map(
    Arbitrary.schema(Schema.Struct(fields) as unknown as Schema.Codec<object>),
    (fields) => ({ _tag: tag, ...fields }) as unknown as Message
  )

const hot: Readonly<Record<string, Arbitrary.Arbitrary<Message>>> = {
  Start: word("Start", {
    dialog: Whole,
    kind: Kind,
    endpoint: Name,
    digest: Schema.NullOr(Schema.Literal("d")),
    meta: Schema.NullOr(Schema.Union([
      Schema.Struct({ deadline: Whole }),
      Schema.Struct({ trace: Trace }),
      Schema.Struct({ trace: Trace, deadline: Whole })
    ])),
    window: Window,
    payload: Schema.Uint8Array
  }),
  Started: word("Started", {
    dialog: Whole,
    window: Window,
    payload: Schema.Uint8Array
  }),
  Stop: word("Stop", { dialog: Whole }),
  Yield: word("Yield", { dialog: Whole, items: Whole, payload: Schema.Uint8Array }),
  Credit: word("Credit", { dialog: Whole, items: Whole, bytes: Whole }),
  Cancel: word("Cancel", {
    dialog: Whole,
    by: Schema.Struct({ name: Name, uuid: Name, pid: Whole }),
    reason: Name,
    deadline: Whole
  }),
  Error: word("Error", { dialog: Whole, payload: Schema.Uint8Array }),
  Return: word("Return", { dialog: Whole, payload: Schema.Uint8Array })
}

const frame = (message: Message): Uint8Array => {
  const { head, tail } = Envelope.encode(message)
  return Uint8Array.of(...head, ...tail ?? [])
}

/** The same frame with the head of its array written long, which only the ordinary way reads. */
const ordinary = (bytes: Uint8Array | ReadonlyArray<number>): Uint8Array => {
  const [head = 0, ...rest] = bytes
  return Uint8Array.of(0xdc, 0, head & 0x0f, ...rest)
}

const many = { arbitrary: { runs: 2000, size: 40 } }

describe("The hand-written codec of calls writes and reads the same bytes as the general codec", () => {
  for (const [tag, arbitrary] of Object.entries(hot)) {
    it.prop(
      `the hand-written codec of calls encodes a word as msgpack whose elements are the fields of the word in order (the word ${tag})`,
      { message: arbitrary },
      ({ message }) => {
        const { code, fields } = words[message._tag]
        const values = fields.map(([name]) => (message as unknown as Record<string, unknown>)[name])
        const read = msgpackr.unpack(frame(message)) as Array<unknown>
        assert.deepStrictEqual(read.map(plain), [code, ...values].map(plain))
      },
      many
    )

    it.prop(
      `the hand-written codec of calls decodes each word to the same message as the general decoder (the word ${tag})`,
      { message: arbitrary },
      ({ message }) => {
        const bytes = frame(message)
        assert.deepStrictEqual(Envelope.decode(bytes), { _tag: "Message", message })
        assert.deepStrictEqual(Envelope.decode(ordinary(bytes)), { _tag: "Message", message })
      },
      many
    )

    const Byte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
    it.prop(
      `the hand-written codec of calls decodes a word with changed, removed or inserted bytes like the general decoder (the word ${tag})`,
      {
        message: arbitrary,
        edits: Arbitrary.array(
          Arbitrary.all([Byte, Byte, Arbitrary.schema(Schema.Literals(["set", "cut", "put", "end"]))]),
          { minLength: 1, maxLength: 3 }
        )
      },
      ({ edits, message }) => {
        const bytes = [...frame(message)]
        for (const [at, byte, edit] of edits) {
          // The head and the code stay: without them it is another word, or none.
          if (edit === "end") bytes.length = Math.max(2, bytes.length - at % 8)
          else bytes.splice(2 + at % (bytes.length - 1), edit === "put" ? 0 : 1, ...(edit === "cut" ? [] : [byte]))
        }
        assert.deepStrictEqual(Envelope.decode(Uint8Array.from(bytes)), Envelope.decode(ordinary(bytes)))
      },
      { arbitrary: { runs: 5000, size: 40 } }
    )
  }
})

/** Actor ids that differ in one field, more than the codec keeps. */
const Alike = Schema.Struct({
  name: Schema.Literals(["a", "ab"]),
  uuid: Schema.Literals(["u", "u-1"]),
  pid: Schema.Literals([1, 2, 200])
})

describe("The hand-written codec of calls remembers the encoded ids of actors, and never confuses two ids", () => {
  it.prop(
    "each word in a series of words keeps its own actor id, although the codec keeps the msgpack tokens of earlier actor ids",
    {
      messages: Arbitrary.array(
        word("Cancel", { dialog: Whole, by: Alike, reason: Schema.Literal("r"), deadline: Whole }),
        { minLength: 2, maxLength: 30 }
      )
    },
    ({ messages }) => {
      const frames = messages.map(frame)
      assert.deepStrictEqual(
        frames.map((bytes) => Envelope.decode(bytes)),
        messages.map((message) => ({ _tag: "Message" as const, message }))
      )
    },
    { arbitrary: { runs: 500, size: 40 } }
  )
})

/** Numbers and texts that the shortcut takes, at each of its bounds. */
const numbers = [0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1]
const texts = ["", "echo", "a".repeat(31), "a".repeat(32), "a".repeat(255), "a\u007f"]

const taken: ReadonlyArray<Message> = [
  ...numbers.flatMap((n): ReadonlyArray<Message> => [
    { _tag: "Yield", dialog: n, items: 1, payload: Uint8Array.of(1, 2) },
    { _tag: "Yield", dialog: 1, items: n, payload: new Uint8Array(300) },
    { _tag: "Credit", dialog: n, items: 1, bytes: 1 },
    { _tag: "Credit", dialog: 1, items: n, bytes: 1 },
    { _tag: "Credit", dialog: 1, items: 1, bytes: n },
    { _tag: "Return", dialog: n, payload: new Uint8Array(70_000) },
    { _tag: "Error", dialog: n, payload: new Uint8Array(0) },
    { _tag: "Cancel", dialog: n, by: { name: "a", uuid: "u", pid: 1 }, reason: "r", deadline: 1 },
    { _tag: "Cancel", dialog: 1, by: { name: "a", uuid: "u", pid: n }, reason: "r", deadline: 1 },
    { _tag: "Cancel", dialog: 1, by: { name: "a", uuid: "u", pid: 1 }, reason: "r", deadline: n }
  ]),
  ...texts.flatMap((text): ReadonlyArray<Message> => [
    { _tag: "Cancel", dialog: 1, by: { name: text, uuid: "u", pid: 1 }, reason: "r", deadline: 1 },
    { _tag: "Cancel", dialog: 1, by: { name: "a", uuid: text, pid: 1 }, reason: "r", deadline: 1 },
    { _tag: "Cancel", dialog: 1, by: { name: "a", uuid: "u", pid: 1 }, reason: text, deadline: 1 },
    ...[[text, "s", true], ["t", text, false]].map((trace): Message => ({
      _tag: "Start",
      dialog: 1,
      kind: "call",
      endpoint: "echo",
      digest: null,
      meta: { trace: trace as unknown as readonly [string, string, boolean] },
      window: null,
      payload: Uint8Array.of(1)
    })),
    ...(["call", "stream", "dialog"] as const).map((kind): Message => ({
      _tag: "Start",
      dialog: 1,
      kind,
      endpoint: text,
      digest: null,
      meta: null,
      window: null,
      payload: Uint8Array.of(1)
    }))
  ]),
  ...numbers.map((dialog): Message => ({
    _tag: "Start",
    dialog,
    kind: "call",
    endpoint: "echo",
    digest: null,
    meta: null,
    window: null,
    payload: new Uint8Array(0)
  }))
]

/** Messages that it leaves to the ordinary way. */
const left: ReadonlyArray<Message> = [
  { _tag: "Ping", n: 1 },
  { _tag: "Yield", dialog: 2 ** 32, items: 1, payload: new Uint8Array(0) },
  { _tag: "Yield", dialog: 1, items: 2 ** 32, payload: new Uint8Array(0) },
  { _tag: "Credit", dialog: 2 ** 32, items: 1, bytes: 1 },
  { _tag: "Credit", dialog: 1, items: 2 ** 32, bytes: 1 },
  { _tag: "Credit", dialog: 1, items: 1, bytes: 2 ** 32 },
  { _tag: "Return", dialog: 2 ** 32, payload: new Uint8Array(0) },
  { _tag: "Error", dialog: 2 ** 32, payload: new Uint8Array(0) },
  ...[
    { dialog: 2 ** 32 },
    { deadline: 2 ** 32 },
    { reason: "ä" },
    { reason: "a".repeat(256) },
    { by: { name: "ä", uuid: "u", pid: 1 } },
    { by: { name: "a", uuid: "\u0080", pid: 1 } },
    { by: { name: "a", uuid: "u", pid: 2 ** 32 } }
  ].map((field): Message => ({
    _tag: "Cancel",
    dialog: 1,
    by: { name: "a", uuid: "u", pid: 1 },
    reason: "r",
    deadline: 1,
    ...field
  })),
  ...[
    { dialog: 2 ** 32 },
    { endpoint: "ä" },
    { endpoint: "a".repeat(256) },
    { digest: "d" },
    { meta: { deadline: 1 } }
  ].map((field): Message => ({
    _tag: "Start",
    dialog: 1,
    kind: "call",
    endpoint: "echo",
    digest: null,
    meta: null,
    window: null,
    payload: new Uint8Array(0),
    ...field
  }))
]

describe("The hand-written codec of calls takes words up to its limits, and leaves larger words to the general codec", () => {
  it("the hand-written codec of calls encodes and decodes words whose numbers and texts are as large as its limits allow", () => {
    for (const message of taken) {
      const parts = Hot.encode(message)
      assert.isDefined(parts, JSON.stringify(message))
      const bytes = Uint8Array.of(...parts.head, ...parts.tail ?? [])
      assert.deepStrictEqual(Hot.decode(bytes), message)
      assert.deepStrictEqual(Envelope.decode(ordinary(bytes)), { _tag: "Message", message })
    }
  })

  it("the hand-written codec of calls leaves a word to the general codec if a number or a text of the word exceeds a limit", () => {
    for (const message of left) {
      assert.isUndefined(Hot.encode(message), JSON.stringify(message))
      assert.isUndefined(Hot.decode(frame(message)), JSON.stringify(message))
    }
  })
})

describe("A Start without the number of its dialog is reported as a violation by the general decoder", () => {
  it("a Start without a dialog number is left by the hand-written codec to the general decoder, which names the fault", () => {
    const text = (letters: string) => [0xa0 + letters.length, ...Buffer.from(letters)]
    const bytes = Uint8Array.of(0x98, 10, ...text("call"), ...text("e"), 0xc0, 0xc0, 0xc0, 0xc6, 0, 0, 0, 0)
    assert.isUndefined(Hot.decode(bytes))
    assert.strictEqual(Envelope.decode(bytes)._tag, "Violation")
  })
})

describe("The hand-written codec of calls leaves letters beyond ASCII to the general codec", () => {
  it("the hand-written codec leaves a text with a letter beyond ASCII to the general encoder and decoder", () => {
    const start: Message = {
      _tag: "Start",
      dialog: 1,
      kind: "call",
      endpoint: "a",
      digest: null,
      meta: null,
      window: null,
      payload: new Uint8Array(0)
    }
    const bytes = frame(start)
    const at = bytes.lastIndexOf("a".charCodeAt(0))
    assert.isDefined(Hot.decode(bytes.with(at, 0x7f)))
    for (const byte of [0x80, 0x81, 0xff]) assert.isUndefined(Hot.decode(bytes.with(at, byte)))
  })
})

/** A payload is a Buffer where msgpackr reads it alone. */
const plain = (value: unknown): unknown => value instanceof Uint8Array ? [...value] : value
