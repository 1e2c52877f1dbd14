/** Finds the nodes of a schema (`Unknown`, `Any` and `ObjectKeyword`) whose values are sent as JSON. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** A schema node whose parts can be visited; `visitParameter`, if given, visits the keys of a record. */
export type Visitable = SchemaAST.AST & {
  readonly recur?: (
    visit: (ast: SchemaAST.AST) => SchemaAST.AST,
    visitParameter?: (ast: SchemaAST.AST) => SchemaAST.AST
  ) => SchemaAST.AST
}

/**
 * Makes a function that changes each schema node once: a node that the function meets again gets the result of the
 * first change.
 */
export const onceEach = (change: (ast: Visitable) => SchemaAST.AST): (ast: Visitable) => SchemaAST.AST => {
  const changed = new WeakMap<SchemaAST.AST, SchemaAST.AST>()
  return (ast) => {
    const known = changed.get(ast)
    if (known !== undefined) return known
    const made = change(ast)
    changed.set(ast, made)
    return made
  }
}

export const isOpen = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Unknown" || ast._tag === "Any" || ast._tag === "ObjectKeyword"

/**
 * True when a schema contains a node for which the function `isWanted` returns true. For each node of the schema, the
 * search also visits the nodes that the argument `besides` returns, such as the schema to which the node is converted.
 */
export const contains = (
  root: SchemaAST.AST,
  isWanted: (ast: SchemaAST.AST) => boolean,
  besides: (ast: SchemaAST.AST) => ReadonlyArray<SchemaAST.AST> = () => []
): boolean => {
  const seen = new Set<SchemaAST.AST>()
  let found = false
  const visit = (ast: Visitable): SchemaAST.AST => {
    if (found || seen.has(ast)) return ast
    seen.add(ast)
    if (isWanted(ast)) found = true
    else if (ast._tag === "Suspend") visit(ast.thunk())
    else ast.recur?.(visit)
    for (const other of besides(ast)) visit(other)
    return ast
  }
  visit(root)
  return found
}

/** Makes the new schema `schema` optional when the old schema node `ast`, which it replaces, is an optional key. */
export const optionalAs = (ast: SchemaAST.AST, schema: Schema.Top): Schema.Top =>
  ast.context?.isOptional === true ? Schema.optionalKey(schema) : schema

const isMark = ({ _tag }: SchemaAST.AST): boolean =>
  _tag === "Null" || _tag === "Undefined" || _tag === "Void" || _tag === "Literal"

/**
 * True for a union that has a member for any JSON value, such as `Unknown`, and members for other data. Effect's
 * `SchemaBinary` chooses the member of a union by the kind of the value alone, though the value may match only the
 * member `Unknown`.
 */
const isOpenUnion = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Union" && ast.types.some(isOpen) && !ast.types.every((type) => isOpen(type) || isMark(type))

/** True when a schema, or a schema to which it converts, contains a union with a member such as `Unknown` or `Any`. */
export const hasOpenUnion = (root: SchemaAST.AST): boolean =>
  contains(root, isOpenUnion, ({ encoding }) => encoding?.map(({ to }) => to) ?? [])

/**
 * Copies a schema node, and replaces the schema to which its last conversion leads by the result of the function
 * `renew`. The copied schema node describes the same decoded values as the given node.
 */
export const withLastConversion = (
  node: SchemaAST.AST,
  encoding: SchemaAST.Encoding,
  renew: (to: SchemaAST.AST) => SchemaAST.AST
): SchemaAST.AST => {
  const last = encoding[encoding.length - 1]!
  const link = new SchemaAST.Link(renew(last.to), last.transformation)
  return Object.assign(Object.create(Object.getPrototypeOf(node) as object) as SchemaAST.AST, node, {
    encoding: [...encoding.slice(0, -1), link]
  })
}
