import { assert, describe, it } from "@effect/vitest"
import * as Frame from "@furrow/protocol/Frame"
import { Arbitrary, Schema } from "effect"

const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(chunks.reduce((n, chunk) => n + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

const header = (size: number) => Uint8Array.of(size & 255, size >>> 8 & 255, size >>> 16 & 255, size >>> 24)
const framed = (body: Uint8Array) => concat([header(body.length), body])

/** Every byte tells where it stands, so that a mix-up shows. */
const pattern = (size: number, seed = 1) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + i >>> 8) + seed & 255)

/** The bytes in pieces of these sizes, one after the other and over again. */
const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length]!
    chunks.push(bytes.slice(at, at + size))
    at += size
  }
  return chunks
}

const reserved = (state: Frame.State): number =>
  state._tag === "Filling" ? state.body.length : state._tag === "Between" ? state.rest.buffer.byteLength : 0

/** Feeds the chunks; what a state holds back is never above the limit and a header. */
const feed = (chunks: ReadonlyArray<Uint8Array>, maxFrame?: number) => {
  let state: Frame.State = Frame.initial
  const frames: Array<Uint8Array> = []
  for (const chunk of chunks) {
    const decoded = Frame.decode(state, chunk, { maxFrame: maxFrame ?? Frame.defaultMaxFrame, parts: false })
    assert.isFalse(state._tag === "Failed" && decoded.frames.length > 0, "a frame after a violation")
    state = decoded.state
    frames.push(...decoded.frames)
    assert.isAtMost(reserved(state), (maxFrame ?? Frame.defaultMaxFrame) + 4)
  }
  return { frames, state }
}

/** The same, said in ten lines that see all bytes at once. */
const oracle = (bytes: Uint8Array, maxFrame: number) => {
  const frames: Array<Uint8Array> = []
  for (let at = 0;;) {
    if (bytes.length - at < 4) return { frames, failed: undefined }
    const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true)
    if (size === 0) return { frames, failed: "FrameEmpty" }
    if (size > maxFrame) return { frames, failed: "FrameTooLarge" }
    if (bytes.length - at - 4 < size) return { frames, failed: undefined }
    frames.push(bytes.slice(at + 4, at + 4 + size))
    at += 4 + size
  }
}

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Sizes = Schema.Array(between(1, 9)).check(Schema.isMaxLength(6))
const many = { arbitrary: { runs: 1000, size: 30 } }

describe("The decoding of frames", () => {
  it.prop(
    "frames are decoded whole and in order, however their bytes are cut into chunks",
    { bodies: Arbitrary.array(Arbitrary.schema(between(1, 20)), { maxLength: 8 }), sizes: Sizes },
    ({ bodies, sizes }) => {
      const expected = bodies.map((size, i) => pattern(size, i))
      const { frames, state } = feed(cut(concat(expected.map(framed)), sizes))
      assert.deepStrictEqual(frames.map((frame) => [...frame]), expected.map((frame) => [...frame]))
      assert.deepStrictEqual(state, Frame.initial)
    },
    many
  )

  it.prop(
    "any bytes are decoded to whole frames and at most one violation, however the bytes are cut into chunks",
    {
      parts: Arbitrary.array(
        Arbitrary.schema(Schema.Union([
          Schema.Struct({ frame: between(1, 12) }),
          Schema.Struct({ size: between(0, 60) }),
          Schema.Struct({ bytes: Schema.Uint8Array })
        ])),
        { maxLength: 8 }
      ),
      sizes: Sizes
    },
    ({ parts, sizes }) => {
      const bytes = concat(
        parts.map((part) =>
          "frame" in part ? framed(pattern(part.frame)) : "size" in part ? header(part.size) : part.bytes
        )
      )
      const expected = oracle(bytes, 40)
      const { frames, state } = feed(cut(bytes, sizes), 40)
      assert.deepStrictEqual(frames.map((frame) => [...frame]), expected.frames.map((frame) => [...frame]))
      assert.strictEqual(state._tag === "Failed" ? state.violation._tag : undefined, expected.failed)
    },
    many
  )

  // Around the size from which a body is reserved at once instead of being kept as it came.
  for (const size of [65_531, 65_535, 65_536, 65_537, 200_000]) {
    it(`a large frame among small frames is decoded whole, however its bytes are cut into chunks (${size} bytes)`, () => {
      const expected = [pattern(3), pattern(size, 9), pattern(5), pattern(size, 4), pattern(1)]
      const bytes = concat(expected.map(framed))
      for (const sizes of [[], [1000], [65_536], [65_543, 3], [7, 100_000], [bytes.length - 1]]) {
        const { frames, state } = feed(cut(bytes, sizes))
        assert.strictEqual(frames.length, expected.length)
        frames.forEach((frame, i) => assert.isTrue(concat([frame]).every((byte, at) => byte === expected[i]![at])))
        assert.deepStrictEqual(state, Frame.initial)
      }
    })
  }

  it("a frame of exactly the limit of size is accepted, and a frame of one byte more is refused by its length alone", () => {
    assert.lengthOf(feed([framed(pattern(40))], 40).frames, 1)
    const { frames, state } = feed([framed(pattern(3)), header(41)], 40)
    assert.lengthOf(frames, 1)
    assert.deepStrictEqual(state, { _tag: "Failed", violation: { _tag: "FrameTooLarge", size: 41, limit: 40 } })
  })

  it("a frame with a length of four gigabytes is refused, because its length counts as unsigned", () => {
    const { state } = feed([Uint8Array.of(255, 255, 255, 255)])
    assert.deepStrictEqual(state, {
      _tag: "Failed",
      violation: { _tag: "FrameTooLarge", size: 0xffff_ffff, limit: Frame.defaultMaxFrame }
    })
  })

  it("an empty frame is refused", () => {
    assert.deepStrictEqual(feed([header(0)]).state, { _tag: "Failed", violation: { _tag: "FrameEmpty" } })
  })

  it("a decoder of frames reads no bytes after a violation", () => {
    const failed = feed([header(0)]).state
    const { frames, state } = Frame.decode(failed, framed(pattern(3)))
    assert.lengthOf(frames, 0)
    assert.strictEqual(state, failed)
  })

  it("a frame that arrives in many chunks reserves its memory once, and not for each chunk", () => {
    let { state } = Frame.decode(Frame.initial, header(1_000_000))
    assert(state._tag === "Filling")
    const { body } = state
    for (let i = 0; i < 10; i++) ({ state } = Frame.decode(state, pattern(1000)))
    assert(state._tag === "Filling")
    assert.strictEqual(state.body, body)
    assert.strictEqual(state.filled, 10_000)
  })

  it("a frame that lies in one chunk is a view of this chunk", () => {
    const chunk = framed(pattern(100_000))
    assert.strictEqual(Frame.decode(Frame.initial, chunk).frames[0]!.buffer, chunk.buffer)
  })
})

// ---- writing ------------------------------------------------------------------------------------------------------

const tails = [0, 1, 16_383, 16_384, 16_385, 65_500, 65_531, 65_532, 65_533, 65_535, 65_536, 65_537, 100_000]
const heads = [1, 5, 300, 49_148, 65_532, 65_533, 70_000]

describe("An outbox of frames", () => {
  it.prop(
    "an outbox hands out the frames that were put into it, and never writes to bytes that it has handed out",
    {
      steps: Arbitrary.array(
        Arbitrary.schema(Schema.Union([
          Schema.Literal("take"),
          Schema.Struct({
            head: Schema.Literals([...heads, 1, 5, 300, 20, 30]),
            tail: Schema.Literals([...tails, -1, -1, -1, 10, 200, 1000])
          })
        ])),
        { maxLength: 24 }
      )
    },
    ({ steps }) => {
      const outbox = new Frame.Outbox()
      const taken: Array<{ readonly chunk: Uint8Array; readonly copy: Uint8Array }> = []
      const take = () => {
        const before = outbox.isEmpty
        const chunks = outbox.take()
        assert.strictEqual(chunks.length === 0, before)
        assert.isTrue(outbox.isEmpty)
        taken.push(...chunks.map((chunk) => ({ chunk, copy: chunk.slice() })))
      }
      const expected: Array<Uint8Array> = []
      for (const [i, step] of steps.entries()) {
        if (step === "take") {
          take()
          continue
        }
        const head = pattern(step.head, i)
        const tail = step.tail < 0 ? undefined : pattern(step.tail, i + 100)
        assert.strictEqual(Frame.sizeOf({ head, tail }), head.length + (tail?.length ?? 0))
        outbox.push({ head, tail })
        expected.push(concat([head, tail ?? new Uint8Array()]))
      }
      take()
      for (const { chunk, copy } of taken) assert.isTrue(same(chunk, copy), "taken bytes were written again")
      const { frames, state } = feed(taken.map(({ chunk }) => chunk))
      assert.strictEqual(frames.length, expected.length)
      frames.forEach((frame, i) => assert.isTrue(same(frame, expected[i]!), `frame ${i}`))
      assert.deepStrictEqual(state, Frame.initial)
    },
    { arbitrary: { runs: 200, size: 24 } }
  )

  it("`Frame.Outbox`, which collects frames for sending, does not copy a large payload, and joins a small payload with its neighbours", () => {
    const outbox = new Frame.Outbox()
    const small = pattern(100)
    const large = pattern(16_385)
    outbox.push({ head: pattern(5), tail: small })
    outbox.push({ head: pattern(5), tail: large })
    outbox.push({ head: pattern(5), tail: undefined })
    const chunks = outbox.take()
    assert.lengthOf(chunks, 3)
    assert.strictEqual(chunks[1], large)
  })

  it.prop(
    "instances of `Frame.Outbox` that copy their frames into shared memory each return only their own frames",
    {
      steps: Arbitrary.array(
        Arbitrary.schema(Schema.Struct({
          box: Schema.Literals([0, 1, 2]),
          head: Schema.Literals([1, 5, 300, 20_000, 65_533]),
          tail: Schema.Literals([-1, 10, 1000, 16_384, 16_385]),
          take: Schema.Boolean
        })),
        { maxLength: 40 }
      )
    },
    ({ steps }) => {
      const boxes = [0, 1, 2].map(() => ({
        outbox: new Frame.Outbox(),
        taken: new Array<Uint8Array>(),
        expected: new Array<Uint8Array>()
      }))
      for (const [i, step] of steps.entries()) {
        const { expected, outbox, taken } = boxes[step.box]!
        const head = pattern(step.head, i)
        const tail = step.tail < 0 ? undefined : pattern(step.tail, i + 100)
        outbox.push({ head, tail })
        expected.push(concat([head, tail ?? new Uint8Array()]))
        if (step.take) taken.push(...outbox.take())
      }
      for (const { expected, outbox, taken } of boxes) {
        const { frames } = feed([...taken, ...outbox.take()])
        assert.strictEqual(frames.length, expected.length)
        frames.forEach((frame, i) => assert.isTrue(same(frame, expected[i]!), `frame ${i}`))
      }
    },
    { arbitrary: { runs: 100, size: 40 } }
  )

  it("`Frame.Outbox` copies small frames into memory that all instances share, and a large frame into memory of its own", () => {
    const bufferOf = (size: number) => {
      const outbox = new Frame.Outbox()
      outbox.push({ head: pattern(size), tail: undefined })
      return outbox.take()[0]!.buffer
    }
    const buffers = new Set(Array.from({ length: 100 }, () => bufferOf(5)))
    assert.isAtMost(buffers.size, 2)
    assert.isFalse(buffers.has(bufferOf(200_000)))
  })

  it("a `Frame.Outbox` without frames returns no bytes for sending", () => {
    const outbox = new Frame.Outbox()
    assert.isTrue(outbox.isEmpty)
    assert.lengthOf(outbox.take(), 0)
  })
})

const same = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
