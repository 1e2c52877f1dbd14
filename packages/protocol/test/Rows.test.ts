import { assert, describe, it } from "@effect/vitest"
import * as Payload from "@furrow/protocol/Payload"
import { Arbitrary, Schema } from "effect"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import { vi } from "vitest"

type Data = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

const Row = Schema.Struct({
  id: Schema.Number,
  name: Schema.String,
  active: Schema.Boolean,
  score: Schema.Number,
  group: Schema.String
})
const Rows = Schema.Array(Row)
const Inside = Schema.Struct({ rows: Rows })

const row = { id: 1, name: "one", active: true, score: 0.5, group: "g" }

/** A codec that has been used often enough to have code of its own. */
const warm = <S extends Data>(schema: S, sample: unknown): Payload.Codec<S["Type"]> => {
  // Another schema each time: codecs are kept by theirs.
  const codec = Payload.codec(schema.annotate({}) as unknown as S)
  for (let i = 0; i < 100; i++) {
    const encoded = codec.encode(sample)
    assert(encoded.ok)
    assert.isTrue(codec.decode(encoded.value.slice()).ok)
  }
  return codec
}

const bytesOf = (encoded: Payload.Result<Uint8Array>) => encoded.ok ? [...encoded.value] : encoded.issue

const expectSame = (schema: Data, codec: Payload.Codec<any>, value: unknown): void => {
  const expected = SchemaBinary.encoder(schema).encode(value).slice()
  const encoded = codec.encode(value)
  assert(encoded.ok)
  assert.strictEqual(Buffer.compare(encoded.value, expected), 0)
  assert.deepStrictEqual(codec.decode(expected), { ok: true, value: value as never })
}

const upTo = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

/** One of these, or of all. */
const oneOf = <A>(some: ReadonlyArray<A>, all: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(Arbitrary.all([upTo(some.length * 2), all]), ([at, other]) => at < some.length ? some[at]! : other)

const numbers = oneOf(
  [0, -0, 1.5, -2.25, 0.1, 1e21, 2 ** 48 - 1, -(2 ** 48), 2 ** 53, NaN, Infinity, 1e-9, 63, 64, -12.34, 8192],
  Arbitrary.schema(Schema.Number)
)
const texts = oneOf(
  ["", "a", "g", "é", "\uFEFFbom", "日本語", "x".repeat(33), "y".repeat(130), "abcde"],
  Arbitrary.schema(Schema.String.check(Schema.makeFilter((text: string) => text.isWellFormed())))
)
const rows = Arbitrary.array(
  Arbitrary.all({ id: numbers, name: texts, active: Arbitrary.schema(Schema.Boolean), score: numbers, group: texts }),
  { minLength: 1, maxLength: 90 }
)

describe("Generated code encodes and decodes lists of rows", () => {
  const list = warm(Rows, [row])
  const inside = warm(Inside, { rows: [row] })

  it.prop("G262: generated code writes the same bytes and reads the same values of rows as SchemaBinary", {
    value: rows
  }, ({ value }) => {
    expectSame(Rows, list, value)
    expectSame(Inside, inside, { rows: value })
  })

  it("G262: lists of any number of rows are encoded and decoded by generated code, also when an arena becomes full", () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, id) => ({
        ...row,
        id,
        name: `the name of row ${id} ${"n".repeat(id % 200)}`,
        group: `group ${id % 70}`
      }))
    const held: Array<readonly [Uint8Array, ReadonlyArray<number>]> = []
    for (const count of [1, 64, 65, 500, 3000, 20_000, 2, 700]) {
      const value = many(count)
      expectSame(Rows, list, value)
      expectSame(Inside, inside, { rows: value })
      const encoded = list.encode(value)
      assert(encoded.ok)
      held.push([encoded.value, [...encoded.value.subarray(0, 5000)]])
    }
    // Bytes that were handed out belong to their receiver.
    for (const [bytes, before] of held) assert.deepStrictEqual([...bytes.subarray(0, 5000)], before)
  })

  it("G262: a value that is no list of plain rows is encoded or refused in the same way with and without generated code", () => {
    const cold = Payload.codec(Rows)
    class Instance {
      readonly id = 1
      readonly name = "one"
      readonly active = true
      readonly score = 0.5
      get group() {
        return "inherited"
      }
    }
    const others: ReadonlyArray<unknown> = [
      [],
      [row, { ...row, id: "1" }],
      [row, { id: 1 }],
      [row, null],
      [row, undefined],
      [row, Object.create(row)],
      [row, new Instance()],
      [row, Object.assign([], row)],
      [row, Object.assign(Object.create(null), row)],
      [row, { ...row, more: 1 }],
      [row, { group: "g", score: 1, active: false, name: "n", id: 1 }],
      [row, { ...row, id: null }],
      Object.assign([row], { length: 2 }),
      "rows",
      { length: 1, 0: row },
      null
    ]
    for (const other of others) assert.deepStrictEqual(bytesOf(list.encode(other)), bytesOf(cold.encode(other)))
    for (const other of [{}, null, { rows: 1 }, [], Object.create({ rows: [row] })]) {
      assert.deepStrictEqual(bytesOf(inside.encode(other)), bytesOf(Payload.codec(Inside).encode(other)))
    }
  })

  it.prop(
    "G262: any bytes are decoded to the same result with and without generated code",
    { value: rows, at: upTo(10_000), byte: upTo(255), cut: Arbitrary.schema(Schema.Boolean) },
    ({ at, byte, cut, value }) => {
      for (const [schema, codec, sent] of [[Rows, list, value], [Inside, inside, { rows: value }]] as const) {
        const bytes = SchemaBinary.encoder(schema as Data).encode(sent).slice()
        const place = at % bytes.length
        if (!cut) bytes[place] = byte
        const received = cut ? bytes.subarray(0, place) : bytes
        assert.deepStrictEqual(codec.decode(received), Payload.codec(schema as Data).decode(received) as never)
      }
    }
  )

  it("G262: bytes of a schema version with other fields are decoded to the same result with and without generated code", () => {
    const More = Schema.Array(Schema.Struct({ extra: Schema.Number, ...Row.fields }))
    const bytes = SchemaBinary.encoder(More).encode([{ ...row, extra: 7 }, { ...row, extra: 8 }]).slice()
    assert.deepStrictEqual(list.decode(bytes), { ok: true, value: [row, row] })
    const Less = Schema.Array(Schema.Struct({ id: Schema.Number }))
    const less = list.decode(SchemaBinary.encoder(Less).encode([{ id: 1 }]).slice())
    assert.isFalse(less.ok)
  })

  it("a row whose accessor encodes another row is encoded correctly, and the other row is encoded correctly as well", () => {
    let inner: unknown
    const odd = {
      ...row,
      get name() {
        inner = bytesOf(list.encode([row]))
        return "odd"
      }
    }
    const encoded = list.encode([row, odd])
    assert.deepStrictEqual(bytesOf(encoded), [...SchemaBinary.encoder(Rows).encode([row, { ...row, name: "odd" }])])
    assert.deepStrictEqual(inner, [...SchemaBinary.encoder(Rows).encode([row])])
  })

  it("G262: a field name with quotes or other special characters is only a name in the generated code", () => {
    for (const name of ["a b", "\"];throw 1;[\"", "\\", "\u2028", "constructor", "__proto__", "toString"]) {
      const schema = Schema.Array(Schema.Struct({ [name]: Schema.Number }))
      const value = [JSON.parse(`{${JSON.stringify(name)}: 1}`), JSON.parse(`{${JSON.stringify(name)}: 2}`)]
      const codec = warm(schema, value)
      assert.deepStrictEqual(bytesOf(codec.encode(value)), [...SchemaBinary.encoder(schema).encode(value)])
      const read = codec.decode(SchemaBinary.encoder(schema).encode(value).slice())
      assert(read.ok)
      assert.deepStrictEqual(read.value.map((one) => Object.entries(one)), [[[name, 1]], [[name, 2]]])
    }
  })

  it("G262: rows are encoded and decoded on a platform that allows no generated code", () => {
    vi.stubGlobal("Function", () => {
      throw new Error("code generation from strings is disallowed")
    })
    try {
      expectSame(Rows, warm(Rows, [row]), [row, { ...row, name: "two" }])
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it("code for the rows of a schema is generated after the codec of the schema has been used often", () => {
    const made = vi.fn(globalThis.Function)
    vi.stubGlobal("Function", made)
    try {
      warm(Rows, [row])
      assert.strictEqual(made.mock.calls.length, 2)
      warm(Schema.Array(Schema.Struct({ n: Schema.Int })), [{ n: 1 }])
      assert.strictEqual(made.mock.calls.length, 2)
    } finally {
      vi.unstubAllGlobals()
    }
  })
})
