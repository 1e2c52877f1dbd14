/**
 * Encodes -0 by a schema with `Unknown` or `Any`: -0 is JSON, but `JSON.stringify` writes 0 instead of -0. While a
 * value with -0 is encoded, a raw piece of JSON stands for each -0; the decoder needs no such piece.
 */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { contains, isOpen, onceEach, optionalAs, type Visitable, withLastConversion } from "./Open.ts"

/**
 * The function `JSON.rawJSON` is missing in the types of ES2024; on a platform without this function, -0 is written
 * as 0.
 */
const { rawJSON } = JSON as unknown as { readonly rawJSON?: (text: string) => unknown }

const hasNegativeZero = (value: unknown): boolean =>
  typeof value === "object" && value !== null
    ? Array.isArray(value) ? value.some(hasNegativeZero) : Object.values(value).some(hasNegativeZero)
    : Object.is(value, -0)

const written = (value: unknown): unknown => {
  if (Object.is(value, -0)) return rawJSON!("-0")
  if (Array.isArray(value)) return value.map(written)
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, written(part)]))
    : value
}

const raw = Schema.Unknown.pipe(Schema.decodeTo(
  Schema.Unknown,
  SchemaTransformation.transform({
    decode: (value: unknown) => value,
    encode: (value: unknown) => hasNegativeZero(value) ? written(value) : value
  })
))

const replace: (ast: Visitable) => SchemaAST.AST = onceEach((ast) => {
  if (ast.encoding !== undefined) return withLastConversion(ast, ast.encoding, replace)
  if (isOpen(ast)) return optionalAs(ast, raw).ast
  return ast.recur?.(replace) ?? ast
})

/**
 * Returns a schema whose encoder keeps -0 in open places (`Unknown` and `Any`), or the given schema when the schema has
 * no open place.
 */
export const withNegativeZeros = <S extends Schema.Top>(schema: S): S =>
  rawJSON === undefined || !contains(Schema.toEncoded(schema).ast, isOpen)
    ? schema
    : Schema.make<S>(replace(schema.ast))
