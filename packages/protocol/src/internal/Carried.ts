/**
 * Replaces a schema that `SchemaBinary` refuses by a schema of the same values that `SchemaBinary` accepts, or names
 * the part that cannot be replaced.
 *
 * A union's value is written by `SchemaBinary` without the number of its member. Effect's `SchemaBinary` therefore
 * requires that the members of a union differ by a literal or by their kind of data. A value of a union that
 * `SchemaBinary` refuses crosses as a pair of its member's number and the value (docs/decisions/0002).
 */
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { copies, isForeign } from "./Copies.ts"
import { hasOpenUnion, onceEach, optionalAs, type Visitable, withLastConversion } from "./Open.ts"
import { at } from "./Shape.ts"

type Any = Schema.Codec<unknown, unknown>
const schemaOf = (ast: SchemaAST.AST): Any => Schema.make<Any>(ast)

const isTaken = (ast: SchemaAST.AST): boolean => {
  if (hasOpenUnion(ast)) return false
  try {
    SchemaBinary.toCodec(schemaOf(ast))
    return true
  } catch {
    return false
  }
}

const carry: (ast: SchemaAST.AST) => SchemaAST.AST = onceEach((ast) => isTaken(ast) ? ast : carryRefused(ast))

const carryRefused = (ast: Visitable): SchemaAST.AST => {
  const { context, encoding } = ast
  if (encoding !== undefined) return Object.assign(withLastConversion(keeping(ast), encoding, carry), { context })
  if (ast._tag === "Union") return numbered(ast)
  // The keys of a record are always written as text, so unions among the keys of a record stay unchanged.
  return ast.recur?.(carry, (parameter) => parameter) ?? ast
}

/** Changes the unions in a schema, so that no union drops a field of a value when the value is encoded. */
const keeping: (ast: SchemaAST.AST) => SchemaAST.AST = onceEach((ast) => {
  const inner = (part: SchemaAST.AST): SchemaAST.AST => part.encoding === undefined ? keeping(part) : part
  if (ast._tag !== "Union") return ast.recur?.(inner, (parameter) => parameter) ?? ast
  const type = SchemaAST.toType(ast)
  const hasConversions = ast.types.some((member, i) => member !== type.types[i])
  return hasConversions ? ast : optionalAs(ast, asItIs(type)).ast
})

/**
 * Makes a union that encodes a value of any member with all fields of the value. Effect's `Schema.Union` alone would
 * drop the fields of a value that the first matching member of the union lacks.
 */
const asItIs = (ast: SchemaAST.Union): Any => {
  const union = Schema.toType(schemaOf(ast))
  const isOfUnion = Schema.is(union)
  const { whole } = membersOf(ast)
  const itself = Schema.declare((value): value is unknown => whole(value) >= 0 && isOfUnion(value), {
    expected: "a member of a union"
  })
  return Schema.Union([itself, union])
}

/** The schema of a union that writes each value beside the number of its member. */
const numbered = (ast: SchemaAST.Union): SchemaAST.AST => {
  const pairs = Schema.Union(
    ast.types.map((type, i) => Schema.Tuple([Schema.Literal(i), schemaOf(carry(type))]))
  ) as Schema.Codec<readonly [number, unknown], unknown>
  const { first, whole } = membersOf(ast)
  const made = pairs.pipe(Schema.decodeTo(
    asItIs(ast),
    SchemaTransformation.transform({
      decode: ([, value]: readonly [number, unknown]) => value,
      encode: (value: unknown) => {
        const member = whole(value)
        return [member < 0 ? first(value) : member, value] as const
      }
    })
  ))
  const missing = ast.context?.constructorDefault
  const open = made as unknown as Schema.Unknown
  return optionalAs(ast, missing === undefined ? open : Schema.withConstructorDefault(missing)(open)).ast
}

interface Members {
  /**
   * The number of the member whose class made the value, or of the first member that matches the value and knows all
   * its fields; -1 if there is none.
   */
  readonly whole: (value: unknown) => number
  /** The number of the first member of the union that matches the value. */
  readonly first: (value: unknown) => number
}

const membersOf = (ast: SchemaAST.Union): Members => {
  const types = ast.types.map((type) => SchemaAST.toType(type))
  const members = types.map((type) => SchemaParser.decodeUnknownExit(schemaOf(type)))
  const matching = (options: SchemaAST.ParseOptions) => (value: unknown): number =>
    members.findIndex((decode) => Exit.isSuccess(decode(value, options)))
  const ofFields = matching({ onExcessProperty: "error" })
  const whole = (value: unknown): number => {
    // A class of one member may extend the class of another member, so an instance can match both members.
    const made = classOf(value)
    const exact = made === undefined ? -1 : types.indexOf(made)
    return exact < 0 ? ofFields(value) : exact
  }
  return { whole, first: matching({}) }
}

const classOf = (value: unknown): SchemaAST.AST | undefined => {
  const made: unknown = typeof value === "object" && value !== null ? value.constructor : undefined
  return Schema.isSchema(made) ? SchemaAST.toType((made as Schema.Top).ast) : undefined
}

/**
 * Returns a schema of the same values that `SchemaBinary` accepts, or the schema itself when there is no such schema.
 */
export const carried = <S extends Schema.Top>(schema: S): S => Schema.make<S>(carry(schema.ast))

// ---- Schemas that no codec can carry -------------------------------------------------------------------------------

const hasKey = (annotations: object | undefined, key: string): boolean =>
  annotations !== undefined && key in annotations

const isSymbol = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Symbol" || ast._tag === "Union" && ast.types.some(isSymbol)

/** The reason why no codec can carry this node of a schema, whatever the parts of the node are. */
const obstacle = (ast: SchemaAST.AST): string | undefined => {
  switch (ast._tag) {
    case "Declaration":
      return hasKey(ast.annotations, "toCodec") || hasKey(ast.annotations, "toCodecJson")
        ? undefined
        : "an instance without a codec. Annotate its schema with `toCodec`, or send data and make the instance from it"
    case "UniqueSymbol":
      return Symbol.keyFor(ast.symbol) === undefined
        ? "a symbol that no other process knows. Make it with Symbol.for"
        : undefined
    case "Objects":
      return ast.propertySignatures.some(({ name }) => typeof name === "symbol") ||
          ast.indexSignatures.some(({ parameter }) => isSymbol(parameter))
        ? "a struct with a symbol for a name. Name its field with text"
        : undefined
    default:
      return undefined
  }
}

type Inside = ReadonlyArray<readonly [keys: ReadonlyArray<unknown>, ast: SchemaAST.AST]>

const unnamed = (asts: ReadonlyArray<SchemaAST.AST>): Inside => asts.map((ast) => [[], ast])

const inside = (ast: SchemaAST.AST): Inside => {
  switch (ast._tag) {
    case "Declaration":
      return unnamed(ast.typeParameters)
    case "Objects":
      return [
        ...ast.propertySignatures.map(({ name, type }) => [[name], type] as const),
        ...unnamed(ast.indexSignatures.map(({ type }) => type))
      ]
    case "Arrays":
      return [...ast.elements.map((element, i) => [[i], element] as const), ...unnamed(ast.rest)]
    case "Union":
      return unnamed(ast.types)
    default:
      return []
  }
}

/**
 * Names the part of a schema that no codec can carry, and the place of this part in the schema. A suspended schema
 * may not be defined yet, so a suspended schema is searched only when the parameter `isUsed` is true.
 */
export const uncarried = (schema: Schema.Top, isUsed: boolean): string | undefined => {
  const seen = new Set<SchemaAST.AST>()
  const look = (ast: SchemaAST.AST, keys: ReadonlyArray<unknown>): string | undefined => {
    if (seen.has(ast)) return undefined
    seen.add(ast)
    if (isForeign(ast)) return `${copies(schema)}${keys.length === 0 ? "" : at(keys)}`
    if (ast.encoding !== undefined) return look(ast.encoding.at(-1)!.to, keys)
    if (ast._tag === "Suspend") return isUsed ? look(ast.thunk(), keys) : undefined
    const here = obstacle(ast)
    if (here !== undefined) return `${here}${keys.length === 0 ? "" : at(keys)}`
    for (const [steps, part] of inside(ast)) {
      const found = look(part, steps.length === 0 ? keys : [...keys, ...steps])
      if (found !== undefined) return found
    }
    return undefined
  }
  return look(schema.ast, [])
}
