import { assert, describe, it } from "@effect/vitest"
import * as Arrival from "@furrow/protocol/Arrival"
import * as Departure from "@furrow/protocol/Departure"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Message } from "@furrow/protocol/Message"
import type { Violation } from "@furrow/protocol/Violation"
import { Arbitrary, Schema } from "effect"

const maxFrame = 2 * 1024 * 1024
const limits: Frame.Limits = { maxFrame, parts: true }

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(chunks))

/** Every byte tells where it stands, and in whose payload. */
const pattern = (size: number, seed: number) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >>> 8)) + seed & 255)

const yields = (dialog: number, payload: Uint8Array): Message => ({ _tag: "Yield", dialog, items: 1, payload })

const start = (dialog: number, payload: Uint8Array): Message => ({
  _tag: "Start",
  dialog,
  kind: "call",
  endpoint: "e",
  digest: null,
  meta: null,
  window: null,
  payload
})

const part = (dialog: number, size: number, payload: Uint8Array): Message => ({ _tag: "Part", dialog, size, payload })

const frameOf = (parts: Frame.Parts): Uint8Array => {
  const outbox = new Frame.Outbox()
  outbox.push(parts)
  return joined(outbox.take())
}
const framed = (message: Message): Uint8Array => frameOf(Envelope.encode(message))

/** A word as the bytes of its frame, without the length. */
const bodyOf = (message: Message): Uint8Array => framed(message).subarray(4)

/** All parts of the words, in the order in which they leave. */
const departed = (messages: ReadonlyArray<Extract<Message, { dialog: number }>>): ReadonlyArray<Uint8Array> => {
  let state = Departure.initial
  const frames: Array<Uint8Array> = []
  for (const message of messages) {
    const word = { parts: Envelope.encode(message), isStart: message._tag === "Start" }
    if (Departure.has(state, message.dialog)) state = Departure.append(state, message.dialog, word)
    else {
      const [next, begun] = Departure.add(state, message.dialog, word, maxFrame)
      state = next
      frames.push(...begun.map(frameOf))
    }
  }
  for (let next = Departure.next(state, maxFrame); next !== undefined; next = Departure.next(state, maxFrame)) {
    state = next.state
    frames.push(...next.frames.map(frameOf))
  }
  assert.isTrue(Departure.isEmpty(state))
  return frames
}

const underWay = (state: Frame.State) => Frame.arrivingOf(state).reduce((sum, { body }) => sum + body.length, 0)

type Way = "owned" | "lent" | "direct"

/** Reads the bytes in pieces of these sizes; a lent piece is overwritten once it has been read. */
const read = (bytes: Uint8Array, sizes: ReadonlyArray<number>, way: Way) => {
  let state: Frame.State = Frame.initial
  const frames: Array<Uint8Array> = []
  const begun: Array<number> = []
  const take = (decoded: Frame.Decoded) => {
    state = decoded.state
    frames.push(...decoded.frames)
    begun.push(...(decoded.begun ?? []).map(({ dialog }) => dialog))
    assert.isAtMost(underWay(state), Arrival.maxUnderWay(maxFrame))
  }
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    const room = way === "direct" ? Frame.room(state) : undefined
    if (room !== undefined) {
      const piece = bytes.subarray(at, at + Math.min(size, room.length))
      room.set(piece)
      at += piece.length
      take(Frame.filled(state, piece.length))
    } else {
      const piece = bytes.slice(at, at + size)
      at += piece.length
      take(Frame.decode(state, piece, limits, Infinity, way !== "owned"))
      if (way !== "owned") piece.fill(0)
    }
  }
  return { begun, frames, state }
}

const heard = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<Message> =>
  frames.map((frame) => {
    const word = Envelope.decode(frame)
    assert(word._tag === "Message")
    return word.message
  })

const payloadOf = (message: Message | undefined): Uint8Array => {
  assert(message !== undefined && "payload" in message)
  return message.payload
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("Large words arrive in parts", () => {
  it.prop(
    "large words in parts arrive whole and in the order of each dialog, however their bytes are mixed, cut and read",
    {
      words: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({ dialog: between(1, 4), kib: between(1089, 1500) })),
        { minLength: 1, maxLength: 6 }
      ),
      sizes: Arbitrary.array(Arbitrary.schema(between(3, 200_000)), { minLength: 1, maxLength: 4 }),
      way: Arbitrary.schema(Schema.Literals(["owned", "lent", "direct"]))
    },
    ({ sizes, way, words }) => {
      // Tiny pieces alone would take a minute, and show no more.
      const pieces = sizes.some((size) => size > 10_000) ? sizes : [...sizes, 100_000]
      const said = words.map(({ dialog, kib }, i) =>
        yields(dialog, pattern(kib * 1024, i)) as Message & { dialog: number }
      )
      const small = framed(yields(9, pattern(20, 1)))
      const bytes = joined(departed(said as never).flatMap((frame) => [frame, small]))
      const { frames, state } = read(bytes, pieces, way as Way)
      assert.deepStrictEqual(state, Frame.initial)
      const messages = heard(frames)
      for (const dialog of [1, 2, 3, 4]) {
        const sent = said.filter((message) => message.dialog === dialog)
        const got = messages.filter((message) => "dialog" in message && message.dialog === dialog)
        assert.strictEqual(got.length, sent.length)
        sent.forEach((message, i) => assert.isTrue(isEqual(payloadOf(message), payloadOf(got[i]))))
      }
      for (const message of messages) {
        if ("dialog" in message && message.dialog === 9) assert.isTrue(isEqual(payloadOf(message), pattern(20, 1)))
      }
    },
    { arbitrary: { runs: 15 } }
  )

  it("several large words are sent in parts, one part of each word in turn", () => {
    const large = pattern(1200 * 1024, 1)
    const { begun, frames } = read(joined(departed([yields(1, large), yields(3, large)] as never)), [50_000], "lent")
    assert.deepStrictEqual(begun, [1, 3])
    assert.deepStrictEqual(heard(frames).map((message) => "dialog" in message ? message.dialog : 0), [1, 3])
  })

  it("the large words that arrive in parts never use more memory than their reader allows", () => {
    let state = Departure.initial
    const large = { parts: Envelope.encode(start(1, new Uint8Array(1800 * 1024))), isStart: true }
    for (const dialog of [1, 3, 5]) state = Departure.add(state, dialog, large, maxFrame)[0]
    assert.deepStrictEqual(state.leaving.map(({ dialog }) => dialog), [1, 3])
    assert.isTrue(Departure.isUnbegun(state, 5))
    assert.isFalse(Departure.isUnbegun(state, 3))
    assert.deepStrictEqual(Departure.startsOf(state), [1, 3, 5])
    const [dropped, begun] = Departure.drop(state, 1, maxFrame)
    state = dropped
    assert.lengthOf(begun, 1)
    assert.deepStrictEqual(state.leaving.map(({ dialog }) => dialog), [3, 5])
  })

  it("a dialog that ends gives up its large word, of which only some parts have arrived", () => {
    const body = bodyOf(yields(5, pattern(300 * 1024, 1)))
    const { state } = read(framed(part(5, body.length, body.subarray(0, 5000))), [100_000], "owned")
    assert.strictEqual(underWay(state), body.length)
    assert.strictEqual(underWay(Frame.drop(state, 7)), body.length)
    assert.deepStrictEqual(Frame.drop(state, 5), Frame.initial)
  })
})

describe("A connection refuses a malformed part of a large word", () => {
  const size = 300 * 1024
  const body = bodyOf(yields(5, pattern(size, 1)))
  const whole = body.length
  const first = part(5, whole, body.subarray(0, 100_000))
  const malformed = (field: string) => ({ _tag: "Malformed", word: "Part", field }) as const
  const named = (bytes: ReadonlyArray<number>): Uint8Array =>
    joined([Uint8Array.of(bytes.length, 0, 0, 0), Uint8Array.from(bytes)])
  const large = bodyOf(yields(7, new Uint8Array(maxFrame - 100)))
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Message | Uint8Array>, Violation]> = [
    ["of dialog 0", [part(0, whole, body.subarray(0, 5000))], malformed("dialog")],
    ["of a dialog that is no small number", [part(2 ** 40, whole, body.subarray(0, 5000))], malformed("dialog")],
    ["of a frame that is small", [part(5, 64 * 1024, body.subarray(0, 5000))], malformed("size")],
    [
      "of a frame above the limit",
      [part(5, maxFrame + 1, body.subarray(0, 5000))],
      { _tag: "FrameTooLarge", size: maxFrame + 1, limit: maxFrame }
    ],
    [
      "of more than may be under way",
      [7, 9, 11].map((dialog) =>
        part(dialog, large.length, bodyOf(yields(dialog, new Uint8Array(5000))).subarray(0, 4500))
      ),
      { _tag: "FrameTooLarge", size: 3 * large.length, limit: 2 * maxFrame }
    ],
    ["without bytes", [part(5, whole, new Uint8Array(0))], malformed("payload")],
    ["with few bytes, and not the last", [part(5, whole, body.subarray(0, 100))], malformed("payload")],
    ["with more bytes than are missing", [first, part(5, whole, new Uint8Array(whole))], malformed("payload")],
    ["of another size than the first", [first, part(5, whole + 1, body.subarray(0, 5000))], malformed("size")],
    ["of a word for another dialog", [part(7, whole, body.subarray(0, 5000))], malformed("dialog")],
    [
      "of a word that has no payload of a dialog",
      [part(5, whole, bodyOf({ _tag: "Bye", payload: new Uint8Array(5000) }))],
      malformed("payload")
    ],
    [
      "of a part",
      [part(5, whole, bodyOf(part(5, 100_000, new Uint8Array(5000))))],
      malformed("payload")
    ],
    ["of nothing that is a word", [part(5, whole, new Uint8Array(5000).fill(0xff))], malformed("payload")],
    ["whose bytes are called text", [framed(first).with(12, 0xdb)], malformed("payload")],
    ["whose bytes are fewer than is said", [framed(first).with(16, 0x9f)], malformed("payload")],
    ["whose head is cut off", [named([0x94, 18, 5])], malformed("size")],
    ["whose bytes are text", [named([0x94, 18, 5, 0xcd, 0xff, 0xff, 0xa1, 65])], malformed("payload")]
  ]
  for (const [name, said, violation] of cases) {
    it(name, () => {
      const bytes = joined(said.map((message) => message instanceof Uint8Array ? message : framed(message)))
      for (const [sizes, way] of [[[bytes.length], "owned"], [[3000], "lent"], [[7, 70_000], "direct"]] as const) {
        const { frames, state } = read(bytes, sizes, way)
        assert.deepStrictEqual(state, { _tag: "Failed", violation })
        assert.lengthOf(frames, 0)
      }
    })
  }

  it("a connection delivers a Part like any other word if one of its sides does not support parts of frames", () => {
    const { frames } = Frame.decode(Frame.initial, framed(first))
    assert.strictEqual(heard(frames)[0]!._tag, "Part")
  })
})
