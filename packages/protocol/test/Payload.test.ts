import { assert, describe, it } from "@effect/vitest"
import * as Payload from "@furrow/protocol/Payload"
import { Cause, Duration, Effect, Exit, HashMap, Option, Schema, SchemaTransformation } from "effect"
import { Packr, Unpackr } from "msgpackr"

type Data = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

/** UTF-8 has no lone surrogates: `codec` puts U+FFFD in its place, `faithful` refuses it. */
const Text = Schema.String.check(Schema.makeFilter((s: string) => s.isWellFormed()))

class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, y: Schema.Finite }) {
  get sum() {
    return this.x + this.y
  }
}
class TooSmall extends Schema.TaggedError<TooSmall>()("TooSmall", { n: Schema.Int, at: Schema.Date }) {}

interface Tree {
  readonly value: bigint
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  value: Schema.BigInt,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

const sent = <S extends Data>(schema: S, value: unknown): Uint8Array => {
  const encoded = Payload.codec(schema).encode(value)
  assert(encoded.ok, encoded.ok ? "" : encoded.issue)
  return encoded.value
}
const received = <S extends Data>(schema: S, bytes: Uint8Array): S["Type"] => {
  const decoded = Payload.codec(schema).decode(bytes)
  assert(decoded.ok, decoded.ok ? "" : decoded.issue)
  return decoded.value
}
const cross = <S extends Data>(schema: S, value: S["Type"]): S["Type"] => received(schema, sent(schema, value))

/** Schemas whose arbitrary values must arrive as equal ones. */
const schemas: Readonly<Record<string, Data>> = {
  "bytes": Schema.Uint8Array,
  "dates": Schema.Date,
  "big integers": Schema.BigInt,
  "maps": Schema.ReadonlyMap(Text, Schema.Date),
  "sets": Schema.ReadonlySet(Schema.BigInt),
  "options": Schema.Option(Schema.Option(Schema.Uint8Array)),
  "results": Schema.Result(Text, Schema.Date),
  "exits": Schema.Exit(Schema.Uint8Array, TooSmall, Text),
  "causes": Schema.Cause(TooSmall, Text),
  "recursive values": Tree,
  "classes": Point,
  "tagged errors": TooSmall,
  "durations": Schema.Duration,
  "hash maps": Schema.HashMap(Text, Schema.Finite),
  "hash sets": Schema.HashSet(Text),
  "chunks": Schema.Chunk(Schema.Date),
  "tuples": Schema.Tuple([Text, Schema.BigInt, Schema.optionalKey(Schema.Boolean)]),
  "unions": Schema.Union([Schema.Date, Text, Schema.Finite, Schema.Uint8Array, Schema.Null]),
  "records": Schema.Record(Text, Schema.Uint8Array),
  "JSON": Schema.Json,
  "missing and undefined fields": Schema.Struct({
    maybe: Schema.optional(Text),
    absent: Schema.optionalKey(Schema.Date),
    nothing: Schema.UndefinedOr(Schema.Finite)
  }),
  "items in a chunk": Schema.Array(Schema.Struct({ id: Schema.Int, name: Text, tags: Schema.Array(Text) }))
}

describe("The codec of payloads", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    const equivalent = Schema.toEquivalence(schema)
    it.prop(
      `values of each kind of schema are decoded as they were encoded (kind: ${name})`,
      { value: schema },
      ({ value }) => {
        assert.isTrue(equivalent(cross(schema, value), value))
      }
    )
  }

  it.prop("every double is decoded as the same double", { n: Schema.Number }, ({ n }) => {
    assert.isTrue(Object.is(cross(Schema.Number, n), n))
  })
  it("NaN, -0 and the infinities are decoded as they were encoded", () => {
    for (const n of [Number.NaN, -0, 0, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER + 1]) {
      assert.isTrue(Object.is(cross(Schema.Number, n), n), String(n))
    }
  })

  it("a field that is undefined crosses as undefined, and a missing field stays missing", () => {
    const S = Schema.Struct({ a: Schema.optional(Schema.Finite), b: Schema.optionalKey(Schema.Finite) })
    assert.deepStrictEqual(Object.keys(cross(S, { a: undefined })), ["a"])
    assert.deepStrictEqual(Object.keys(cross(S, {})), [])
  })

  it("instances of classes and errors are decoded as instances of their classes, with their methods", () => {
    const point = cross(Point, new Point({ x: 1, y: 2 }))
    assert.instanceOf(point, Point)
    assert.strictEqual(point.sum, 3)
    const error = cross(TooSmall, new TooSmall({ n: 1, at: new Date(5) }))
    assert.instanceOf(error, TooSmall)
    assert.strictEqual(error._tag, "TooSmall")
    assert.deepStrictEqual(error.at, new Date(5))
  })

  it("a Cause is decoded with all its reasons", () => {
    const S = Schema.Cause(TooSmall, Schema.Defect())
    const error = new TooSmall({ n: 1, at: new Date(5) })
    const cause = Cause.combine(Cause.combine(Cause.fail(error), Cause.die(new Error("boo"))), Cause.interrupt(7))
    const { reasons } = cross(S, cause)
    const [, died] = reasons
    assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["Fail", "Die", "Interrupt"])
    assert(died?._tag === "Die")
    assert.strictEqual((died.defect as Error).message, "boo")
  })

  it("the bytes of a payload do not change when later payloads are encoded", () => {
    const first = sent(Text, "first")
    const copy = first.slice()
    for (let i = 0; i < 5000; i++) sent(Text, `later ${i}`)
    assert.deepStrictEqual(first, copy)
  })

  it("a decoded value does not change when later payloads are decoded", () => {
    for (const size of [10, 1000, 30_000, 70_000]) {
      const bytes = new Uint8Array(size).fill(1)
      const first = cross(Schema.Uint8Array, bytes)
      for (let i = 2; i < 50; i++) cross(Schema.Uint8Array, new Uint8Array(size).fill(i))
      assert.isTrue(first.length === size && first.every((byte) => byte === 1))
    }
  })

  it("a payload is decoded correctly even if its decoding decodes another payload of the same schema", () => {
    const Inner = Schema.Struct({ name: Text, nested: Schema.NullOr(Schema.Uint8Array) })
    const inner = sent(Inner, { name: "inner", nested: null })
    // A schema that looks into a payload of its own kind while it is being read.
    const Checked = Inner.check(
      Schema.makeFilter(({ nested }: typeof Inner.Type) =>
        nested === null || received(Checked_(), nested).name === "inner"
      )
    )
    const Checked_ = (): typeof Checked => Checked
    const outer = { name: "outer", nested: inner }
    assert.deepStrictEqual(cross(Checked, outer), outer)
    assert.deepStrictEqual(cross(Checked, outer), outer)
  })

  it("an empty payload is refused", () => {
    for (const schema of [Schema.Struct({ n: Schema.Int }), Schema.Array(Text), Text, Schema.Void]) {
      assert.isFalse(Payload.codec(schema as Data).decode(new Uint8Array(0)).ok)
    }
  })

  it("the same schema always has the same codec", () => assert.strictEqual(Payload.codec(Tree), Payload.codec(Tree)))
})

describe("The codec of a union carries members that differ neither by a literal nor by their kind of data", () => {
  const Some = Schema.Struct({ a: Schema.Int })
  const More = Schema.Struct({ a: Schema.Int, b: Schema.optionalKey(Text) })
  const Other = Schema.Struct({ c: Schema.Date })
  const Nested = Schema.Union([Some, More])
  class Apple extends Schema.Class<Apple>("Apple")({ size: Schema.Int }) {}
  class Pear extends Schema.Class<Pear>("Pear")({ size: Schema.Int }) {}
  interface Nest {
    readonly in: Nest | { readonly nest: Nest } | ReadonlyArray<Nest> | string | null
  }
  const inner = Schema.suspend((): Schema.Codec<Nest> => Nest)
  const Nest: Schema.Codec<Nest> = Schema.Struct({
    in: Schema.Union([
      inner,
      Schema.Struct({ nest: inner }),
      Schema.Array(inner),
      Text,
      Schema.Literal("x"),
      Schema.Null
    ])
  })

  const unions: Readonly<Record<string, Data>> = {
    "structs of which one has more": Schema.Union([Some, More]),
    "structs of other fields": Schema.Union([Some, Other]),
    "structs with the same literal": Schema.Union([
      Schema.Struct({ tag: Schema.Literal("t"), a: Schema.Int }),
      Schema.Struct({ tag: Schema.Literal("t"), b: Text })
    ]),
    "text and some text": Schema.Union([Schema.Literal("auto"), Text, Schema.Finite]),
    "a date by two schemas": Schema.Union([Schema.Date, Schema.DateTimeUtc]),
    "classes of the same fields": Schema.Union([Apple, Pear]),
    "text that becomes a date, and text": Schema.Union([Schema.DateFromString, Text]),
    "lists": Schema.Union([Schema.Array(Schema.Int), Schema.Array(Text)]),
    "exactly one": Schema.Union([Some, Other], { mode: "oneOf" }),
    "unions in unions": Schema.Union([Nested, Schema.Option(Nested), Schema.Array(Nested), Schema.Null]),
    "a field of a struct": Schema.Struct({
      must: Nested,
      may: Schema.optionalKey(Nested),
      can: Schema.optional(Schema.NullOr(Nested))
    }),
    "parts of other data": Schema.Tuple([
      Schema.Record(Text, Nested),
      Schema.ReadonlyMap(Text, Nested),
      Schema.Option(Nested),
      Schema.Exit(Nested, Nested, Text),
      Schema.optionalKey(Schema.ReadonlySet(Schema.Uint8Array))
    ]),
    "items in a chunk": Schema.Array(Nested),
    "recursive values": Nest,
    "unions with a check": Schema.Union([Some, More]).check(Schema.makeFilter(({ a }) => a !== 7))
  }
  for (const [name, schema] of Object.entries(unions)) {
    it.prop(
      `G115: values of a union without literals are decoded as they were encoded (union: ${name})`,
      { value: schema },
      ({ value }) => {
        const arrived = cross(schema, value)
        assert.deepStrictEqual(arrived, value)
        assert.deepStrictEqual(cross(schema, arrived), value)
      }
    )
  }

  it("G115: a value of a union without literals keeps all its fields if one member of the union has all of them", () => {
    for (const members of [[Some, More], [More, Some]] as const) {
      const schema = Schema.Struct({ of: Schema.Union(members) })
      const value = { of: { a: 1, b: "b" } }
      assert.deepStrictEqual(cross(schema, value), value)
      assert.deepStrictEqual(Payload.codec(schema).make(value), value)
    }
  })
  it("a value of a union loses the fields that no member of the union has, just as a struct loses unknown fields", () => {
    assert.deepStrictEqual(cross(Schema.Union([Some, Other]), { a: 1, z: 2 } as { a: number }), { a: 1 })
  })
  it("the missing fields of a union's value get the defaults of the union's member", () => {
    const Low = Schema.Struct({ a: Schema.Int, n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(3))) })
    const schema = Schema.Union([Other, Low])
    assert.deepStrictEqual(Payload.codec(schema).make({ a: 1 }), { a: 1, n: 3 })
    assert.deepStrictEqual(cross(schema, { a: 1, n: 3 }), { a: 1, n: 3 })
  })
  it("a missing field of a struct whose schema is a union with a default gets this default", () => {
    const nested = Nested.pipe(Schema.withConstructorDefault(Effect.succeed({ a: 3 })))
    const { make } = Payload.codec(Schema.Struct({ must: nested, may: Schema.optionalKey(nested) }))
    assert.deepStrictEqual(make({}), { must: { a: 3 }, may: { a: 3 } })
    assert.deepStrictEqual(make({ must: { a: 1, b: "b" } }), { must: { a: 1, b: "b" }, may: { a: 3 } })
  })
  it("G115: an instance of a class in a union is decoded as an instance of its own class, and not of the class that it extends", () => {
    class Fruit extends Apple.extend<Fruit>("Fruit")({ ripe: Schema.optionalKey(Schema.Boolean) }) {}
    const values = [
      new Apple({ size: 1 }),
      new Fruit({ size: 1 }),
      new Fruit({ size: 1, ripe: true }),
      new Pear({ size: 1 })
    ]
    for (const members of [[Apple, Fruit, Pear], [Pear, Fruit, Apple], [Schema.Union([Apple, Pear]), Fruit]] as const) {
      const schema = Schema.Struct({ of: Schema.Array(Schema.Union(members)) })
      assert.deepStrictEqual(cross(schema, { of: values }), { of: values })
    }
  })
  it("G115: a value of a union with a decoding default keeps all its fields if one member of the union has all these fields", () => {
    const value = { a: 1, b: "b" }
    const ofUnion = Nested.pipe(Schema.withDecodingDefaultKey(Effect.succeed({ a: 9 })))
    assert.deepStrictEqual(cross(Schema.Struct({ of: ofUnion }), { of: value }), { of: value })
    const inStruct = Schema.Struct({ of: Nested }).pipe(Schema.withDecodingDefaultKey(Effect.succeed({ of: { a: 9 } })))
    assert.deepStrictEqual(cross(Schema.Struct({ in: inStruct }), { in: { of: value } }), { in: { of: value } })
  })
  it("the encoder refuses a value that matches no member of a union, and its error names the value's place", () => {
    const encoded = Payload.codec(Schema.Struct({ of: Schema.Union([Some, Other]) })).encode({ of: { a: "1" } })
    assert(!encoded.ok)
    assert.match(encoded.issue, /Expected number\n {2}at \["of"\]\["a"\]/)
  })
  it("the encoder and the decoder refuse a value that fails the check of its union", () => {
    const checked = unions["unions with a check"]!
    assert.isFalse(Payload.codec(checked).encode({ a: 7 }).ok)
    assert.isFalse(Payload.codec(checked).decode(sent(unions["structs of which one has more"]!, { a: 7 })).ok)
  })
  it("the encoder refuses a union's value that contains itself, and its error names the place", () => {
    const value: { in: unknown } = { in: null }
    value.in = { nest: value }
    const encoded = Payload.codec(Nest).encode(value)
    assert.deepStrictEqual(encoded, {
      ok: false,
      issue: `Expected a value that does not contain itself\n  at ["in"]["nest"]`
    })
  })
})

describe("The codec of a schema refuses values that cannot cross", () => {
  class Handle {}
  const Opaque = Schema.instanceOf(Handle)
  const instance =
    "no value of it can cross: it has an instance without a codec. Annotate its schema with `toCodec`, or " +
    "send data and make the instance from it"
  const refused: ReadonlyArray<readonly [string, Data, string]> = [
    ["an instance", Opaque, instance],
    [
      "an instance in a field",
      Schema.Struct({ a: Schema.Array(Schema.Struct({ b: Opaque })) }),
      `${instance}\n  at ["a"]["b"]`
    ],
    ["an instance in a tuple", Schema.Tuple([Schema.Int, Opaque]), `${instance}\n  at [1]`],
    ["an instance in a map", Schema.Struct({ m: Schema.ReadonlyMap(Text, Opaque) }), `${instance}\n  at ["m"]`],
    ["an instance in a union", Schema.Struct({ u: Schema.NullOr(Opaque) }), `${instance}\n  at ["u"]`],
    [
      "a symbol as a name",
      Schema.Struct({ s: Schema.Struct({ [Symbol.for("s")]: Text }) }),
      `no value of it can cross: it has a struct with a symbol for a name. Name its field with text\n  at ["s"]`
    ]
  ]
  for (const [what, schema, issue] of refused) {
    it(`G116: a schema whose values cannot be sent is refused before it encodes a value, and its codec refuses every value (the schema has ${what})`, () => {
      assert.strictEqual(Payload.refusal(schema), issue)
      assert.deepStrictEqual(Payload.codec(schema).encode({}), { ok: false, issue })
      assert.deepStrictEqual(Payload.codec(schema).decode(new Uint8Array([1, 0])), { ok: false, issue })
    })
  }
  it("G116: a schema with a unique symbol that other processes do not know is refused before the schema has encoded any value", () => {
    assert.strictEqual(
      Payload.refusal(Schema.Struct({ s: Schema.UniqueSymbol(Symbol("mine")) })),
      `no value of it can cross: it has a symbol that no other process knows. Make it with Symbol.for\n  at ["s"]`
    )
  })
  it("G116: a suspended schema is not inspected before its first use, and from then on its codec refuses the values that cannot cross", () => {
    const Late = Schema.Struct({ of: Schema.suspend((): typeof Opaque => Opaque) })
    assert.isUndefined(Payload.refusal(Late))
    assert.deepStrictEqual(Payload.codec(Late).encode({ of: new Handle() }), {
      ok: false,
      issue: `${instance}\n  at ["of"]`
    })
  })
  it("G116: a schema by `Schema.suspend` refuses values until the suspended schema is defined, and accepts them afterwards", () => {
    const defined: Array<typeof Text> = []
    const Late = Schema.Struct({
      of: Schema.suspend(() => {
        if (defined[0] === undefined) throw new ReferenceError("Cannot access 'Of' before initialization")
        return defined[0]
      })
    })
    const codec = Payload.codec(Late)
    const issue = "no value of it can cross: Cannot access 'Of' before initialization"
    assert.deepStrictEqual(codec.encode({ of: "a" }), { ok: false, issue })
    defined.push(Text)
    assert.isTrue(codec.encode({ of: "a" }).ok)
    assert.deepStrictEqual(cross(Late, { of: "a" }), { of: "a" })
  })
  it("an instance of a class crosses if its schema declares a codec for it", () => {
    class Metre {
      readonly length: number
      constructor(length: number) {
        this.length = length
      }
    }
    const Metres = Schema.Finite.pipe(Schema.decodeTo(
      Schema.instanceOf(Metre),
      SchemaTransformation.transform({ decode: (n) => new Metre(n), encode: ({ length }) => length })
    ))
    assert.isUndefined(Payload.refusal(Metres))
    assert.deepStrictEqual(cross(Metres, new Metre(3)), new Metre(3))
  })
})

/** Items that the side which wrote them took for good, and of which the other one refuses those that hold a 3. */
const chunkKinds: Readonly<Record<string, readonly [of: (check: any) => Schema.Top, items: ReadonlyArray<unknown>]>> =
  (() => {
    const rows = Array.from(
      { length: 64 },
      (_, i) => ({ name: i % 7 === 0 ? "a" : "b", n: i, tags: i % 2 === 0 ? ["even"] : [] })
    )
    return {
      integers: [(check) => Schema.Int.check(check), [1, 2, 3, 4, 5]],
      numbers: [(check) => Schema.Number.check(check), [1.5, 3, NaN, -0]],
      texts: [(check) => Schema.String.check(check), ["a", "3", "a", "b3", "a"]],
      booleans: [() => Schema.Boolean.check(Schema.makeFilter((b: boolean) => isLax || b)), [true, false, true]],
      "big integers": [(check) => Schema.BigInt.check(check), [1n, 3n, 4n]],
      literals: [(check) => Schema.Literals(["one", "3"]).check(check), ["one", "3", "one"]],
      dates: [(check) => Schema.Date.check(check), [new Date(1), new Date(3), new Date(4)]],
      options: [(check) => Schema.Option(Schema.Int.check(check)), [Option.some(1), Option.some(3), Option.none()]],
      unions: [(check) => Schema.Union([Schema.String.check(check), Schema.Int.check(check)]), ["a", 3, "b3", 4]],
      "unions without literals": [
        (check) =>
          Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ a: Schema.Int, b: Schema.String })]).check(
            check
          ),
        [{ a: 1 }, { a: 3 }, { a: 1, b: "x" }]
      ],
      transformations: [(check) => Schema.FiniteFromString.check(check), [1, 3, 4]],
      structs: [
        (check) =>
          Schema.Struct({ name: Schema.String, n: Schema.Int.check(check), tags: Schema.Array(Schema.String) }),
        rows
      ],
      "optional fields": [
        (check) => Schema.Struct({ a: Schema.optional(Schema.Int.check(check)), b: Schema.optional(Schema.String) }),
        [{ a: 1 }, { b: "x" }, { a: 3, b: "x" }, {}]
      ],
      classes: [(check) => Point.check(check), [
        new Point({ x: 1, y: 2 }),
        new Point({ x: 3, y: 1 }),
        new Point({ x: 4, y: 4 })
      ]],
      trees: [
        (check) => (Tree as any).check(check),
        [{ value: 1n, children: [] }, { value: 1n, children: [{ value: 3n, children: [] }] }, {
          value: 2n,
          children: []
        }]
      ]
    }
  })()

let isLax = true
const has3 = (value: unknown): boolean =>
  JSON.stringify(value instanceof Date ? value.getTime() : value, (_, it) => typeof it === "bigint" ? String(it) : it)
    ?.includes("3") === true

describe("The codec of chunks decodes the valid items of a chunk, and gives each invalid item as it was sent", () => {
  for (const [name, [of, items]] of Object.entries(chunkKinds)) {
    it(`G129: a chunk is decoded item by item, and an invalid item is given as the data that the peer sent (a chunk of ${name})`, () => {
      const schema = of(Schema.makeFilter((value: unknown) => isLax || !has3(value))) as Data
      const chunks = Payload.chunks(schema)
      isLax = true
      const encoded = chunks.encode(items)
      assert(encoded.ok, encoded.ok ? "" : encoded.issue)
      const bytes = encoded.value.slice()
      isLax = false
      assert.isFalse(chunks.decode(bytes).ok)
      const each = chunks.decodeEach(bytes)
      assert.strictEqual(each?.length, items.length)
      for (const [i, item] of each!.entries()) {
        const isGood = name === "booleans" ? items[i] === true : !has3(items[i])
        assert.strictEqual(item.ok, isGood, `item ${i}`)
        if (item.ok) assert.deepStrictEqual(item.value, items[i])
        else {
          // Of what is read by another schema, as text or as a pair of a member's number and its value, this is what crossed.
          const sent = Option.getOrThrow(item.sent)
          if (name === "transformations") assert.strictEqual(sent, "3")
          else if (name === "unions without literals") assert.deepStrictEqual((sent as Array<unknown>)[1], items[i])
          else assert.deepStrictEqual(sent, name === "classes" ? { ...items[i] as Point } : items[i])
          assert.match(item.issue, /^Expected /)
          assert.notInclude(item.issue, "got")
        }
      }
    })
  }

  it("G129: a chunk that another schema has encoded is decoded to no items", () => {
    const chunks = Payload.chunks(Schema.Struct({ a: Schema.String }))
    for (const bytes of [[], [1], [3, 1, 2, 255], [0, 0, 0, 0]]) {
      assert.isUndefined(chunks.decodeEach(new Uint8Array(bytes)))
    }
  })

  it.prop(
    "G129: any bytes are decoded to items or to no items, and cause no exception",
    { bytes: Schema.Uint8Array },
    ({ bytes }) => {
      const each = Payload.chunks(Tree).decodeEach(bytes)
      assert.isTrue(each === undefined || Array.isArray(each))
    }
  )
})

describe("The codec of payloads decodes a payload of a newer or older contract", () => {
  const Old = Schema.Struct({ name: Text, size: Schema.Finite })
  const New = Schema.Struct({ name: Text, size: Schema.Finite, colour: Schema.optionalKey(Text) })

  it.prop("a decoder skips an optional field that its older schema does not have", { value: New }, ({ value }) => {
    const { name, size } = value
    assert.deepStrictEqual(received(Old, sent(New, value)), { name, size })
  })
  it.prop(
    "a decoder accepts a value without an optional field that only its newer schema has",
    { value: Old },
    ({ value }) => {
      assert.deepStrictEqual(received(New, sent(Old, value)), value)
    }
  )
  it("a decoder of chunks skips an unknown optional field of items, and accepts items without a new optional field", () => {
    const items = [{ name: "a", size: 1, colour: "red" }, { name: "b", size: 2 }]
    assert.deepStrictEqual(received(Schema.Array(Old), sent(Schema.Array(New), items)), [
      { name: "a", size: 1 },
      { name: "b", size: 2 }
    ])
    const old = [{ name: "a", size: 1 }]
    assert.deepStrictEqual(received(Schema.Array(New), sent(Schema.Array(Old), old)), old)
  })
  it("a missing required field is named by the decoder", () => {
    const decoded = Payload.codec(Schema.Struct({ name: Text, weight: Schema.Finite })).decode(sent(Old, {
      name: "a",
      size: 1
    }))
    assert(!decoded.ok)
    assert.include(decoded.issue, "weight")
  })
})

describe("The codec of payloads names the fault of a value", () => {
  it("the encoder refuses a value that does not match its schema, and its error names the place in the value", () => {
    const encoded = Payload.codec(Schema.Struct({ n: Schema.Int })).encode({ n: 1.5 })
    assert.deepStrictEqual(encoded, { ok: false, issue: `Expected an integer\n  at ["n"]` })
  })

  it("a check of a schema that throws is reported by the encoder and the decoder, with the error's message or its name and fields", () => {
    const throwing = (error: Error) =>
      Text.check(Schema.makeFilter(() => {
        throw error
      }))
    for (
      const [error, text] of [
        [new TypeError("no shelf"), "no shelf"],
        [new TooSmall({ n: 1, at: new Date(5) }), `TooSmall {"n":1,"at":1970-01-01T00:00:00.005Z}`]
      ] as const
    ) {
      const issue = `Code of the schema has thrown: ${text}`
      assert.deepStrictEqual(Payload.codec(throwing(error)).encode("a"), { ok: false, issue })
      assert.deepStrictEqual(Payload.codec(throwing(error)).decode(sent(Text, "a")), { ok: false, issue })
    }
  })

  class Plain {
    readonly x = 1
  }
  const notJson: Readonly<Record<string, unknown>> = {
    "a date": new Date(0),
    "a map": new Map(),
    "NaN": Number.NaN,
    "a field that is undefined": { a: undefined },
    "an instance": new Plain(),
    "bytes": new Uint8Array(2),
    "a function": () => 1
  }
  interface Open {
    readonly any: unknown
    readonly child: Open | null
  }
  const Open: Schema.Codec<Open> = Schema.Struct({
    any: Schema.Unknown,
    child: Schema.NullOr(Schema.suspend((): Schema.Codec<Open> => Open))
  })
  const Loose = Schema.Struct({
    must: Schema.Unknown,
    may: Schema.optionalKey(Schema.Unknown),
    maybe: Schema.optional(Schema.Any),
    number: Schema.optionalKey(Schema.Number)
  })
  /** The same values without prototypes that an arbitrary may have given them. */
  const plain = <A>(value: A): A => structuredClone(value)
  for (const [name, value] of Object.entries(notJson)) {
    it(`the encoder refuses a value that is not JSON data in the place of Schema.Unknown or Schema.Any, and names the place (value: ${name})`, () => {
      const issueOf = (schema: Data, value: unknown) => {
        const encoded = Payload.codec(schema).encode(value)
        return encoded.ok ? "crossed" : encoded.issue
      }
      assert.strictEqual(issueOf(Schema.Unknown, value), "Expected JSON value")
      assert.strictEqual(issueOf(Schema.Array(Schema.Any), [1, value]), "Expected JSON value\n  at [1]")
      assert.include(issueOf(Schema.Option(Schema.Unknown), Option.some(value)), "Expected JSON value")
      assert.include(issueOf(Schema.ReadonlyMap(Text, Schema.Any), new Map([["k", value]])), "Expected JSON value")
      assert.strictEqual(
        issueOf(Open, { any: null, child: { any: value, child: null } }),
        `Expected JSON value\n  at ["child"]["any"]`
      )
    })
  }
  it("a value in the place of Schema.Unknown is also checked for JSON inside a suspended schema", () => {
    const Hidden = Schema.Struct({ any: Schema.Unknown })
    const S = Schema.Struct({ inner: Schema.suspend((): Schema.Codec<typeof Hidden.Type> => Hidden) })
    const encoded = Payload.codec(S).encode({ inner: { any: new Date(0) } })
    assert.deepStrictEqual(encoded, { ok: false, issue: `Expected JSON value\n  at ["inner"]["any"]` })
  })
  it.prop("a JSON value in the place of Schema.Unknown is decoded as it was encoded, including -0", {
    value: Schema.Json
  }, ({ value }) => {
    const open = { any: value, child: { any: value, child: null } }
    const json = plain(open)
    assert.deepStrictEqual(cross(Open, open), json)
    assert.deepStrictEqual(cross(Schema.Option(Schema.Any), Option.some(value)), Option.some(json.any))
    assert.deepStrictEqual(cross(Loose, { must: value, may: value, number: -0 }), {
      must: json.any,
      may: json.any,
      number: -0
    })
  })
  it("a class, a record and a union keep the -0 of a value in the place of Schema.Unknown", () => {
    class Held extends Schema.Class<Held>("Held")({ any: Schema.Unknown }) {}
    const A = Schema.Struct({ a: Schema.Unknown })
    const B = Schema.Struct({ a: Schema.Unknown, b: Schema.Any })
    const held = cross(Held, new Held({ any: [-0] }))
    assert.deepStrictEqual(held.any, [-0])
    assert.deepStrictEqual(cross(Schema.Record(Schema.String, Schema.Unknown), { x: -0 }), { x: -0 })
    assert.deepStrictEqual(cross(Schema.Union([A, B]), { a: -0, b: { c: -0 } }), { a: -0, b: { c: -0 } })
  })
  it("a union of Schema.Unknown and other data leaves every value unchanged", () => {
    class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}
    const values = [{ q: 1 }, { a: 1 }, { a: 1, b: [2] }, { a: "text" }, -0, 0, "text", [1, null], null]
    for (const member of [Schema.Struct({ a: Schema.Number }), Point, Schema.Number, Schema.Array(Schema.Number)]) {
      for (const union of [Schema.Union([member, Schema.Unknown]), Schema.Union([Schema.Any, member])]) {
        for (const value of values) assert.deepStrictEqual(cross(union, value), value)
        const inside = Schema.Struct({ may: Schema.optionalKey(union), list: Schema.Array(Schema.NullOr(union)) })
        for (const value of values) {
          assert.deepStrictEqual(cross(inside, { may: value, list: [value] }), { may: value, list: [value] })
        }
        assert.deepStrictEqual(cross(inside, { list: [] }), { list: [] })
      }
    }
    assert.instanceOf(cross(Schema.Union([Point, Schema.Unknown]), new Point({ x: 1 })), Point)
  })
  it("an optional field with the schema Schema.Unknown may be missing in a value", () => {
    assert.deepStrictEqual(cross(Loose, { must: 1 }), { must: 1 })
    assert.deepStrictEqual(cross(Loose, { must: 1, maybe: undefined }), { must: 1, maybe: undefined })
  })

  describe("The codec refuses values that are too deep or contain themselves", () => {
    class Link extends Schema.Class<Link>("Link")({
      next: Schema.NullOr(Schema.suspend((): Schema.Codec<unknown> => Link as unknown as Schema.Codec<unknown>))
    }) {}
    const link = (next: unknown): Link => Object.assign(Object.create(Link.prototype) as object, { next }) as Link
    const nested = (levels: number, wrap: (inner: unknown) => unknown, inner: unknown): unknown => {
      let value = inner
      for (let i = 1; i < levels; i++) value = wrap(value)
      return value
    }
    const leaf = { value: 0n, children: [] }
    const kinds: ReadonlyArray<readonly [string, Data, (levels: number) => unknown, (value: any) => void]> = [
      ["structs", Tree, (n) => nested(n, (tree) => ({ value: 0n, children: [tree] }), leaf), (tree) => {
        tree.children[0].children[0].children = [tree]
      }],
      ["classes", Link, (n) => nested(n, link, link(null)), (list) => {
        list.next.next.next = list
      }],
      ["JSON", Schema.Json, (n) => nested(n, (json) => ({ json }), null), (json) => {
        json.json.json.json = json
      }],
      ["unknown values", Schema.Struct({ any: Schema.Unknown }), (n) => ({ any: nested(n, (x) => [x], 1) }), (x) => {
        x.any[0][0] = x.any
      }]
    ]
    for (const [name, schema, make, tie] of kinds) {
      it(`the encoder refuses nested values with 20,000 levels, and its error names the place of the deepest level (values: ${name})`, () => {
        const encoded = Payload.codec(schema).encode(make(20_000))
        assert(!encoded.ok)
        assert.match(encoded.issue, /^Expected a value of fewer levels\n {2}at \[.*… \(\d+ steps\)$/)
      })
      it(`the encoder refuses values that contain themselves, and its error names the place (values: ${name})`, () => {
        const value = make(10)
        tie(value)
        const encoded = Payload.codec(schema).encode(value)
        assert(!encoded.ok)
        assert.match(encoded.issue, /^Expected a value that does not contain itself\n {2}at \[/)
      })
      it(`nested values of any depth are either refused by the encoder, or encoded so that the decoder accepts them (values: ${name})`, () => {
        for (const levels of [200, 255, 256, 257, 300, 510, 511, 512, 513, 600, 1000]) {
          const encoded = Payload.codec(schema).encode(make(levels))
          if (encoded.ok) received(schema, encoded.value)
          else assert.match(encoded.issue, /^Expected a value of fewer levels\n {2}at \[/)
        }
      })
    }
  })

  for (const [name, schema] of Object.entries(schemas)) {
    it.prop(
      `a payload is refused if bytes are missing or added at its end, and the codec works afterwards (a payload of ${name})`,
      { value: schema, at: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.999 })) },
      ({ at, value }) => {
        const bytes = sent(schema, value)
        const { decode } = Payload.codec(schema)
        assert.isFalse(decode(bytes.subarray(0, Math.floor(at * bytes.length))).ok)
        assert.isFalse(decode(Uint8Array.of(...bytes, 0)).ok)
        assert.isTrue(decode(bytes).ok)
      }
    )
  }

  const Everything = Schema.Struct({
    bytes: Schema.Uint8Array,
    tree: Tree,
    exit: Schema.Exit(Schema.ReadonlyMap(Text, Schema.Date), TooSmall, Text),
    rows: Schema.Array(Schema.Struct({ id: Schema.Int, name: Text })),
    open: Schema.Json
  })
  it.prop(
    "any bytes are decoded to a value or refused with an issue, and cause no exception",
    { bytes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), value: Everything },
    ({ bytes, value }) => {
      const { decode } = Payload.codec(Everything)
      decode(Uint8Array.from(bytes))
      const edited = sent(Everything, value).slice()
      for (const byte of bytes) edited[byte % edited.length] = byte
      decode(edited)
      assert.isTrue(decode(sent(Everything, value)).ok)
    },
    { arbitrary: { runs: 500 } }
  )
})

// ---- why not something simpler ------------------------------------------------------------------------------------

const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false })

/** How a value can cross: each way encodes, makes bytes, and comes back. */
const ways: Readonly<Record<string, (schema: Data, value: unknown) => unknown>> = {
  plain: (schema, value) => {
    const codec = schema as Schema.Codec<unknown>
    return Schema.decodeUnknownSync(codec)(unpackr.unpack(packr.pack(Schema.encodeUnknownSync(codec)(value))))
  },
  json: (schema, value) => {
    const codec = Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown>
    return Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(value))))
  },
  binary: cross
}

const fidelity: ReadonlyArray<readonly [what: string, schema: Data, value: unknown]> = [
  ["bytes", Schema.Uint8Array, Uint8Array.of(1, 2)],
  ["a date", Schema.Date, new Date(5)],
  ["a big integer", Schema.BigInt, -(2n ** 80n)],
  ["a map", Schema.ReadonlyMap(Text, Schema.Finite), new Map([["a", 1]])],
  ["a set", Schema.ReadonlySet(Schema.Finite), new Set([1])],
  ["an option", Schema.Option(Schema.Finite), Option.some(1)],
  ["an exit", Schema.Exit(Schema.Finite, Text, Text), Exit.fail("e")],
  ["a cause", Schema.Cause(Text, Text), Cause.fail("e")],
  ["a duration", Schema.Duration, Duration.seconds(1)],
  ["a hash map", Schema.HashMap(Text, Schema.Finite), HashMap.make(["a", 1])],
  ["a class", Point, new Point({ x: 1, y: 2 })],
  ["a tagged error", TooSmall, new TooSmall({ n: 1, at: new Date(5) })],
  ["NaN", Schema.Number, Number.NaN],
  ["-0", Schema.Number, -0],
  ["undefined", Schema.UndefinedOr(Schema.Finite), undefined]
]

describe("Payloads are encoded into shared memory", () => {
  it("G85: the codec gives up a large arena after its payload, so that no later small payload keeps the arena in memory", () => {
    const bytes = Payload.codec(Schema.Uint8Array)
    const number = Payload.codec(Schema.Int)
    for (const size of [2 * 1024 * 1024, 16 * 1024 * 1024]) {
      const large = bytes.encode(new Uint8Array(size))
      assert(large.ok)
      assert.isAtLeast(large.value.length, size)
      const next = number.encode(1)
      assert(next.ok)
      assert.isAtMost(next.value.buffer.byteLength, 1024 * 1024)
      assert.notStrictEqual(next.value.buffer, large.value.buffer)
    }
  })
})

describe("Other encodings of Effect lose or change values that the codec of payloads keeps (docs/decisions/0002-payload-codec.md)", () => {
  const arrives = (way: string, schema: Data, value: unknown): boolean => {
    try {
      const arrived = ways[way]!(schema, value)
      return typeof value === "number" ? Object.is(arrived, value) : Schema.toEquivalence(schema)(arrived, value)
    } catch {
      return false
    }
  }
  const lostBy = (way: string) =>
    fidelity.filter(([, schema, value]) => !arrives(way, schema, value)).map(([what]) => what)

  it("the encoding by Schema.encode and msgpackr loses the contents of Effect's own data types", () => {
    assert.deepStrictEqual(lostBy("plain"), [
      "a big integer",
      "a map",
      "a set",
      "an option",
      "an exit",
      "a cause",
      "a duration",
      "a hash map",
      "-0"
    ])
  })
  it("the JSON codec of toCodecJson keeps all of Effect's own data types, but not -0", () =>
    assert.deepStrictEqual(lostBy("json"), ["-0"]))
  it("the encoding of SchemaBinary keeps all of Effect's own data types", () =>
    assert.deepStrictEqual(lostBy("binary"), []))
  it("the JSON codec of toCodecJson encodes bytes and dates as text", () => {
    const encode = (schema: Data, value: unknown) =>
      Schema.encodeUnknownSync(Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown>)(value)
    assert.strictEqual(encode(Schema.Uint8Array, new Uint8Array(30)), "A".repeat(40))
    assert.strictEqual(encode(Schema.Date, new Date(5)), "1970-01-01T00:00:00.005Z")
  })
  it("text with half of a surrogate pair is changed by every encoding except JSON", () => {
    assert.strictEqual(ways["binary"]!(Schema.String, "a\ud800b"), "a\ufffdb")
    assert.strictEqual(ways["plain"]!(Schema.String, "a\ud800b"), "a\ufffd\ufffd\ufffdb")
    assert.strictEqual(ways["json"]!(Schema.String, "a\ud800b"), "a\ud800b")
  })
  it("a date or undefined that Schema.encode leaves unchanged needs an extension of msgpack, which the envelope refuses", () => {
    for (const value of [new Date(5), undefined]) assert.isTrue([0xd4, 0xd6, 0xd7].includes(packr.pack([value])[1]!))
  })
})

describe("The codec of payloads refuses text that UTF-8 cannot hold", () => {
  const text = Payload.faithful(Schema.Struct({ before: Schema.String, text: Schema.String }))

  it("a codec of users' payloads refuses text with half of a surrogate pair anywhere in a value, and accepts U+FFFD", () => {
    for (const [before, bad] of [["", "\ud800"], ["ï", "a\udc00b"], ["�", "\ud800"]] as const) {
      assert.isFalse(text.encode({ before, text: bad }).ok, JSON.stringify(bad))
    }
    for (const fine of ["", "�", "ï", "😀", "￼"]) {
      const encoded = text.encode({ before: "ï", text: fine })
      assert(encoded.ok)
      assert.deepStrictEqual(text.decode(encoded.value), { ok: true, value: { before: "ï", text: fine } })
    }
  })
})
