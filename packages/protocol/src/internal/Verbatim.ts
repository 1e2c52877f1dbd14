/**
 * Finds values that the method `make` of their schema would only copy: plain structs, lists and leaves, without checks,
 * defaults, classes and conversions. The codec encodes a list of such plain values directly, without a copy by `make`.
 */
import type * as SchemaAST from "effect/SchemaAST"

/**
 * True for a value that the method `make` of its schema would accept and copy unchanged; false means that only `make`
 * can decide.
 */
export type IsVerbatim = (value: unknown) => boolean

/** True for a schema node without checks, conversions and defaults of its own. */
export const isBare = (ast: SchemaAST.AST): boolean =>
  ast.encoding === undefined && ast.checks === undefined && ast.context?.constructorDefault === undefined &&
  (ast as { readonly encodingChecks?: unknown }).encodingChecks === undefined

const isKind = (kind: string): IsVerbatim => (value) => typeof value === kind

const isText = isKind("string")
const isNumber = isKind("number")
const isBoolean = isKind("boolean")
const isBigInt = isKind("bigint")

const leaf = (ast: SchemaAST.AST): IsVerbatim | undefined => {
  if (!isBare(ast)) return undefined
  switch (ast._tag) {
    case "String":
      return isText
    case "Number":
      return isNumber
    case "Boolean":
      return isBoolean
    case "BigInt":
      return isBigInt
    case "Null":
      return (value) => value === null
    case "Literal":
      return (value) => value === ast.literal
    default:
      return undefined
  }
}

const all = <A>(parts: ReadonlyArray<A | undefined>): ReadonlyArray<A> | undefined =>
  parts.includes(undefined) ? undefined : parts as ReadonlyArray<A>

/**
 * A union is accepted only if all its members are leaves. A union with a struct is not accepted, because its `make`
 * keeps only the fields of the struct that matches the value.
 */
const ofUnion = (ast: SchemaAST.Union): IsVerbatim | undefined => {
  if ((ast.options?.mode ?? "anyOf") !== "anyOf") return undefined
  const members = all(ast.types.map(leaf))
  return members === undefined ? undefined : (value) => members.some((isMember) => isMember(value))
}

const ofList = (ast: SchemaAST.Arrays): IsVerbatim | undefined => {
  if (ast.elements.length > 0 || ast.rest.length !== 1) return undefined
  const isItem = verbatim(ast.rest[0]!)
  if (isItem === undefined) return undefined
  return (value) => {
    if (!Array.isArray(value)) return false
    for (let i = 0; i < value.length; i++) if (!isItem(value[i])) return false
    return true
  }
}

interface Field {
  readonly name: string
  readonly isOptional: boolean
  readonly isValue: IsVerbatim
}

const ofStruct = (ast: SchemaAST.Objects): IsVerbatim | undefined => {
  if (ast.indexSignatures.length > 0) return undefined
  const fields = all(ast.propertySignatures.map(({ name, type }): Field | undefined => {
    const isValue = verbatim(type)
    if (typeof name !== "string" || isValue === undefined) return undefined
    return { name, isOptional: type.context?.isOptional === true, isValue }
  }))
  if (fields === undefined) return undefined
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false
    for (let i = 0; i < fields.length; i++) {
      const { isOptional, isValue, name } = fields[i]!
      const part = (value as Record<string, unknown>)[name]
      // A value does not match if it only inherits an optional field, because an inherited field is not written.
      if (isOptional ? Object.hasOwn(value, name) ? !isValue(part) : part !== undefined : !isValue(part)) return false
    }
    return true
  }
}

/**
 * Returns the check for values that the method `make` of the schema would only copy, or `undefined` when `make` may
 * change every value.
 */
export const verbatim = (ast: SchemaAST.AST): IsVerbatim | undefined => {
  if (!isBare(ast)) return undefined
  switch (ast._tag) {
    case "Union":
      return ofUnion(ast)
    case "Arrays":
      return ofList(ast)
    case "Objects":
      return ofStruct(ast)
    default:
      return leaf(ast)
  }
}
