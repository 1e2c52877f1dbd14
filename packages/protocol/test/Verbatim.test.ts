import { assert, describe, it } from "@effect/vitest"
import * as Payload from "@furrow/protocol/Payload"
import { Effect, Schema } from "effect"

type Data = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

const Row = Schema.Struct({
  id: Schema.Number,
  name: Schema.String,
  kind: Schema.Literals(["a", "b"]),
  note: Schema.optionalKey(Schema.NullOr(Schema.String)),
  marks: Schema.Array(Schema.Boolean)
})
const Rows = Schema.Struct({ rows: Schema.Array(Row), big: Schema.BigInt })

const row = { id: 1, name: "one", kind: "a", marks: [true] } as const

/** The bytes of what `make` makes of an input; none where it makes nothing. */
const bytesOfMade = (schema: Data, input: unknown): ReadonlyArray<number> | undefined => {
  const { encode, make } = Payload.codec(schema)
  let made: unknown
  try {
    made = make(input)
  } catch {
    return undefined
  }
  const encoded = encode(made)
  return encoded.ok ? [...encoded.value] : undefined
}

/** Inputs that are made already are written the same as what is made of them. */
const expectSame = (schema: Data, input: unknown): void => {
  const { encode, isMade } = Payload.codec(schema)
  if (!isMade(input)) return
  const encoded = encode(input)
  if (encoded.ok) assert.deepStrictEqual([...encoded.value], bytesOfMade(schema, input))
}

class Inheriting {
  readonly id = 1
  readonly name = "one"
  readonly kind = "a"
  readonly marks = []
  get note(): string {
    return "inherited"
  }
}

/** Inputs that are odd for a row. */
const odd: { readonly [name: string]: unknown } = {
  "null": null,
  "undefined": undefined,
  "a number": 5,
  "text": "one",
  "a list": Object.assign([], row),
  "a function": Object.defineProperties(() => {}, Object.getOwnPropertyDescriptors(row)),
  "a struct without a prototype": Object.assign(Object.create(null), row),
  "a struct with more fields": { ...row, more: 1 },
  "a struct with an inherited field": Object.create(row),
  "an instance with an inherited optional field": new Inheriting(),
  "a struct with a field of undefined": { ...row, note: undefined },
  "a struct with null in an optional field": { ...row, note: null },
  "a struct without a field": { id: 1, name: "one", kind: "a" },
  "a struct with a wrong literal": { ...row, kind: "c" },
  "a struct with a wrong leaf": { ...row, id: "1" },
  "a struct with a boxed leaf": { ...row, name: new String("one") },
  "a struct with a list of holes": { ...row, marks: Object.assign([], { length: 1 }) },
  "a struct with no number": { ...row, id: NaN },
  "a struct with less than nothing": { ...row, id: -0 }
}

describe("Plain values are encoded without a copy", () => {
  it.prop(
    "G261: a value of plain data is encoded without a copy, to the bytes that encoding the result of the schema's `make` would give",
    { value: Rows },
    ({ value }) => {
      const { encode, isMade } = Payload.codec(Rows)
      assert.isTrue(isMade(value))
      const encoded = encode(value)
      assert(encoded.ok)
      assert.deepStrictEqual([...encoded.value], bytesOfMade(Rows, value))
    }
  )

  for (const [name, input] of Object.entries(odd)) {
    it(`G261: an unusual input is encoded without a copy only if this gives the same bytes as the copy that the schema makes (the input is ${name})`, () => {
      expectSame(Row, input)
      expectSame(Rows, { rows: [row, input], big: 1n })
      const Loose = Schema.Struct({ note: Schema.optionalKey(Schema.String) })
      expectSame(Schema.Array(Loose), [input])
      const { isMade } = Payload.codec(Schema.Array(Loose))
      // Its writer would take a list or a text for a struct without fields.
      if (typeof input !== "object" || input === null || Array.isArray(input)) assert.isFalse(isMade([input]))
    })
  }

  it("G261: a list, a text or a number in place of a struct goes through the function `make` of the schema, even if the struct needs no field", () => {
    const { isMade } = Payload.codec(Schema.Array(Schema.Struct({ note: Schema.optionalKey(Schema.String) })))
    for (const other of [[], "text", 5, null]) assert.isFalse(isMade([{}, other]))
    assert.isTrue(isMade([{}, { note: "n" }]))
  })

  it("G261: a struct is copied by the function `make` of its schema before it is encoded if an optional key of the schema has a default", () => {
    const { isMade } = Payload.codec(Schema.Struct({ n: Schema.optionalKey(made) }))
    assert.isFalse(isMade({}))
    assert.isFalse(isMade({ n: 1 }))
  })

  const made = Schema.Number.pipe(Schema.withConstructorDefault(Effect.succeed(3)))
  class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}
  const others: ReadonlyArray<readonly [name: string, schema: Data, input: unknown]> = [
    ["a default", Schema.Struct({ n: made }), { n: 1 }],
    ["a default of an optional key", Schema.Struct({ n: Schema.optionalKey(made) }), {}],
    ["a check", Schema.Struct({ n: Schema.Int }), { n: 1.5 }],
    ["a class", Schema.Struct({ at: Point }), { at: { x: 1 } }],
    ["a conversion", Schema.Struct({ n: Schema.NumberFromString }), { n: 1 }],
    ["a record", Schema.Record(Schema.String, Schema.Number), { a: 1 }],
    ["a union of structs", Schema.Union([Schema.Struct({ a: Schema.Number }), Row]), { a: 1 }],
    ["an open place", Schema.Struct({ of: Schema.Unknown }), { of: 1 }],
    ["a recursive schema", Schema.Struct({ of: Schema.suspend((): Schema.Codec<string> => Schema.String) }), { of: "" }]
  ]
  for (const [name, schema, input] of others) {
    it(`G261: a value whose schema has more than plain data is copied by the function \`make\` of the schema before it is encoded (with ${name})`, () => {
      assert.isFalse(Payload.codec(schema).isMade(input))
      assert.isFalse(Payload.faithful(Schema.Struct({ of: Schema.Array(schema) }) as Data).isMade({ of: [input] }))
    })
  }
})
