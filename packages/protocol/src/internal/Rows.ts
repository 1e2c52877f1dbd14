/**
 * Writes and reads lists of plain rows by code that is generated for their fields. The generated code writes and
 * reads the format of `SchemaBinary`, which alone would look at the schema of each field for each row.
 *
 * The code for a schema's rows is generated once the schema's codec has been used often, and is compared with the codec
 * on sample rows. Values, bytes and format versions that the generated code does not know are left to `SchemaBinary`.
 * On a platform that allows no generated code, `SchemaBinary` does everything.
 */
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import { otherForm, RowReader, RowWriter, Texts } from "./RowBytes.ts"
import { isBare } from "./Verbatim.ts"

/**
 * The number of uses of a codec in one direction before code for rows is generated for this direction: encoding or
 * decoding.
 */
const usesBefore = 32
/** The first byte in the body of each payload that `SchemaBinary` writes. */
const envelope = 0x20

type Kind = "text" | "number" | "boolean"

interface Column {
  readonly name: string
  readonly kind: Kind
  readonly id: number
}

/** The form of a payload with rows: a list of rows alone, or a struct with the list as its only field. */
interface Form {
  readonly field: { readonly name: string; readonly id: number } | undefined
  readonly columns: ReadonlyArray<Column>
}

type Write = (writer: RowWriter, rows: ReadonlyArray<unknown>, texts: ReadonlyArray<Texts | undefined>) => boolean
type Read = (
  reader: RowReader,
  count: number,
  texts: ReadonlyArray<Array<string> | undefined>,
  otherForm: unknown
) => ReadonlyArray<unknown>

// ---- the schema of a payload with rows ------------------------------------------------------------------------------

const kinds: { readonly [tag: string]: Kind } = { String: "text", Number: "number", Boolean: "boolean" }
const samples = {
  text: ["a", "ab", "a", ""],
  number: [1, -7, 2.5, 1 / 3],
  boolean: [true, false, true, false]
} as const

/**
 * The fields of a struct whose fields are all required and unchanged by conversions; `undefined` for another schema.
 */
const fieldsOf = (ast: SchemaAST.AST): ReadonlyArray<readonly [name: string, type: SchemaAST.AST]> | undefined => {
  if (ast._tag !== "Objects" || !isBare(ast) || ast.indexSignatures.length > 0) return undefined
  const fields = ast.propertySignatures.map(({ name, type }) => [name, type] as const)
  const isKnown = fields.length > 0 &&
    fields.every(([name, type]) =>
      typeof name === "string" && !(name in Object.prototype) && type.context?.isOptional !== true && isBare(type)
    )
  return isKnown ? fields as ReadonlyArray<readonly [string, SchemaAST.AST]> : undefined
}

const rowOf = (ast: SchemaAST.AST): SchemaAST.AST | undefined =>
  ast._tag === "Arrays" && isBare(ast) && ast.elements.length === 0 && ast.rest.length === 1 ? ast.rest[0] : undefined

const body = (bytes: Uint8Array): RowReader => {
  const reader = new RowReader()
  reader.begin(bytes)
  reader.region()
  if (reader.byte() !== envelope) throw otherForm
  return reader
}

/** The number of a field in a struct or in a row, as `SchemaBinary` writes this number. */
const idOf = (name: string, type: SchemaAST.AST, value: unknown, isRow: boolean): number => {
  const struct = Schema.Struct({ [name]: Schema.make<Schema.Top>(type) })
  const encoder = SchemaBinary.encoder(isRow ? Schema.Array(struct) : struct)
  const reader = body(encoder.encode(isRow ? [{ [name]: value }] : { [name]: value }))
  if (!isRow) return reader.varint() / 8
  const count = reader.varint()
  reader.region()
  if (count !== 1 || reader.varint() !== 0) throw otherForm
  return reader.varint()
}

const formOf = (ast: SchemaAST.AST): Form | undefined => {
  const row = rowOf(ast)
  if (row !== undefined) {
    const columns = fieldsOf(row)?.map(([name, type]): Column | undefined => {
      const kind = kinds[type._tag]
      return kind === undefined ? undefined : { name, kind, id: idOf(name, type, samples[kind][0], true) }
    })
    const isKnown = columns !== undefined && !columns.includes(undefined)
    return isKnown ? { field: undefined, columns: columns as ReadonlyArray<Column> } : undefined
  }
  const fields = fieldsOf(ast)
  if (fields?.length !== 1) return undefined
  const [[name, type]] = fields as readonly [readonly [string, SchemaAST.AST]]
  const list = rowOf(type) === undefined ? undefined : formOf(type)
  return list === undefined ? undefined : { field: { name, id: idOf(name, type, [], false) }, columns: list.columns }
}

// ---- generated code -----------------------------------------------------------------------------------------------

/** Makes a function from source text, on a platform that lets programs do so. */
const generate = <F>(parameters: ReadonlyArray<string>, text: string): F => {
  const { Function } = globalThis as unknown as { readonly Function: new(...parts: ReadonlyArray<string>) => F }
  return new Function(...parameters, `"use strict"\n${text}`)
}

const types: { readonly [K in Kind]: string } = { text: "string", number: "number", boolean: "boolean" }

const writerOf = (columns: ReadonlyArray<Column>): Write =>
  generate(
    ["writer", "rows", "texts"],
    `for (let i = 0; i < rows.length; i++) {
      const row = rows[i]
      if (typeof row !== "object" || row === null || Object.getPrototypeOf(row) !== Object.prototype) return false
      const place = writer.open()
      writer.varint(i === 0 ? 0 : 1)
      ${
      columns.map(({ id, kind, name }, k) =>
        `const v${k} = row[${JSON.stringify(name)}]
        if (typeof v${k} !== "${types[kind]}") return false
        if (i === 0) writer.varint(${id})
        writer.${kind}(${kind === "text" ? `texts[${k}], ` : ""}v${k})`
      ).join("\n")
    }
      writer.close(place, 1)
    }
    return true`
  )

const readerOf = (columns: ReadonlyArray<Column>): Read =>
  generate(
    ["reader", "count", "texts", "otherForm"],
    `const rows = new Array(count)
    for (let i = 0; i < count; i++) {
      const end = reader.region()
      if (reader.varint() !== (i === 0 ? 0 : 1)) throw otherForm
      ${
      columns.map(({ id, kind }, k) =>
        `if (i === 0 && reader.varint() !== ${id}) throw otherForm
        const v${k} = reader.${kind}(${kind === "text" ? `texts[${k}]` : ""})`
      ).join("\n")
    }
      if (reader.at !== end) throw otherForm
      rows[i] = { ${columns.map(({ name }, k) => `${JSON.stringify(name)}: v${k}`).join(", ")} }
    }
    return rows`
  )

// ---- a codec ------------------------------------------------------------------------------------------------------

const writer = new RowWriter()
const reader = new RowReader()
let isBusy = false

/**
 * Runs the function `use` unless the writer or reader of rows is already in use: an accessor of a row may itself
 * encode a value.
 */
const alone = <A>(use: () => A | undefined): A | undefined => {
  if (isBusy) return undefined
  isBusy = true
  try {
    return use()
  } catch {
    // The codec of rows returns `undefined`, and `SchemaBinary` then encodes the same list, or throws an error that
    // names the fault.
    return undefined
  } finally {
    isBusy = false
  }
}

interface Generated {
  readonly encode: (value: unknown) => Uint8Array | undefined
  readonly decode: (bytes: Uint8Array) => unknown
}

const make = ({ field }: Form, order: ReadonlyArray<Column>): Generated => {
  const write = writerOf(order)
  const read = readerOf(order)
  const hasTexts = order.map(({ kind }) => kind === "text")
  const textsOf = <A>(make: () => A): ReadonlyArray<A | undefined> => hasTexts.map((has) => has ? make() : undefined)
  const listOf = (value: unknown): unknown => {
    if (field === undefined) return value
    const isPlain = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
    return isPlain ? (value as Record<string, unknown>)[field.name] : undefined
  }
  const encode = (value: unknown): Uint8Array | undefined => {
    const rows = listOf(value)
    if (!Array.isArray(rows) || rows.length === 0) return undefined
    writer.begin()
    writer.byte(envelope)
    if (field !== undefined) writer.varint(field.id * 8)
    const place = field === undefined ? undefined : writer.open()
    writer.varint(rows.length)
    if (!write(writer, rows, textsOf(() => new Texts()))) return undefined
    if (place !== undefined) writer.close(place, 1)
    return writer.end()
  }
  const decode = (bytes: Uint8Array): unknown => {
    reader.begin(bytes)
    try {
      if (reader.region() !== bytes.length || reader.byte() !== envelope) return undefined
      if (field !== undefined && (reader.varint() !== field.id * 8 || reader.region() !== bytes.length)) {
        return undefined
      }
      const count = reader.varint()
      if (count === 0 || count > reader.left) return undefined
      const rows = read(reader, count, textsOf((): Array<string> => []), otherForm)
      if (reader.left > 0) return undefined
      return field === undefined ? rows : { [field.name]: rows }
    } finally {
      reader.end()
    }
  }
  return { encode: (value) => alone(() => encode(value)), decode: (bytes) => alone(() => decode(bytes)) }
}

const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean =>
  b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i])

/**
 * Generates the code of a list of rows. `SchemaBinary` first encodes a few sample rows, whose bytes show in which order
 * the generated code has to write the fields of a row.
 */
const generated = (ast: SchemaAST.AST): Generated | undefined => {
  const form = formOf(ast)
  if (form === undefined) return undefined
  const { columns, field } = form
  const rows = samples.text.map((_, i) =>
    Object.fromEntries(columns.map(({ kind, name }, k) => [name, samples[kind][(i + k) % samples[kind].length]]))
  )
  const sample = field === undefined ? rows : { [field.name]: rows }
  const bytes = SchemaBinary.encoder(Schema.make<Schema.Top>(ast)).encode(sample)
  for (const order of [columns.toSorted((a, b) => a.id - b.id), columns]) {
    const made = make(form, order)
    const read = made.decode(bytes)
    if (read !== undefined && isSame(bytes, made.encode(sample)) && isSame(bytes, made.encode(read))) return made
  }
  return undefined
}

/** The generated code for the rows of one schema, which is made once the schema has been used often. */
export class Rows {
  private readonly ast: SchemaAST.AST
  private uses = 0
  private code: Generated | undefined

  constructor(ast: SchemaAST.AST) {
    this.ast = ast
  }

  /** Encodes a list of rows, or returns `undefined` to leave the list to `SchemaBinary`. */
  encode(value: unknown): Uint8Array | undefined {
    return this.code === undefined ? this.count() : this.code.encode(value)
  }

  /** Decodes a payload of rows, or returns `undefined` to leave the payload to `SchemaBinary`. */
  decode(bytes: Uint8Array): unknown {
    return this.code === undefined ? this.count() : this.code.decode(bytes)
  }

  private count(): undefined {
    if (++this.uses !== usesBefore) return undefined
    try {
      this.code = generated(this.ast)
    } catch {
      // No code is generated if `SchemaBinary` writes this schema differently, or the platform allows no generated
      // code.
    }
    return undefined
  }
}
