/** The open places of a schema, `Unknown`, `Any` and `ObjectKeyword`: a value there crosses as JSON. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** Keys of a record are visited by `visitParameter`, where one is given. */
export type Visitable = SchemaAST.AST & {
  readonly recur?: (
    visit: (ast: SchemaAST.AST) => SchemaAST.AST,
    visitParameter?: (ast: SchemaAST.AST) => SchemaAST.AST
  ) => SchemaAST.AST
}

/** A change of schemas that makes each node once: the same node for the same one, also where it is met again. */
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

/** `besides` are nodes of a node that a visit of its parts does not come to. */
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

/** The schema in the place of another one: an optional key stays optional. */
export const optionalAs = (ast: SchemaAST.AST, schema: Schema.Top): Schema.Top =>
  ast.context?.isOptional === true ? Schema.optionalKey(schema) : schema

const isMark = ({ _tag }: SchemaAST.AST): boolean =>
  _tag === "Null" || _tag === "Undefined" || _tag === "Void" || _tag === "Literal"

/**
 * A union of an open place and of other data: `SchemaBinary` gives a value to the other member by its kind alone, though
 * it may match the open one only.
 */
const isOpenUnion = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Union" && ast.types.some(isOpen) && !ast.types.every((type) => isOpen(type) || isMark(type))

/** True where such a union is anywhere in a schema, also behind its conversions. */
export const hasOpenUnion = (root: SchemaAST.AST): boolean =>
  contains(root, isOpenUnion, ({ encoding }) => encoding?.map(({ to }) => to) ?? [])

/** A node that has conversions, with what the last of them leads to made anew. `node` is the one whose own side is kept. */
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
