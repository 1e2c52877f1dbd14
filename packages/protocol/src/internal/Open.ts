/** The open places of a schema, `Unknown`, `Any` and `ObjectKeyword`: what is there crosses as JSON. */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

export type Visitable = SchemaAST.AST & {
  readonly recur?: (visit: (ast: SchemaAST.AST) => SchemaAST.AST) => SchemaAST.AST
}

export const isOpen = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Unknown" || ast._tag === "Any" || ast._tag === "ObjectKeyword"

export const contains = (root: SchemaAST.AST, isWanted: (ast: SchemaAST.AST) => boolean): boolean => {
  const seen = new Set<SchemaAST.AST>()
  let found = false
  const visit = (ast: Visitable): SchemaAST.AST => {
    if (found || seen.has(ast)) return ast
    seen.add(ast)
    if (isWanted(ast)) found = true
    else if (ast._tag === "Suspend") visit(ast.thunk())
    else ast.recur?.(visit)
    return ast
  }
  visit(root)
  return found
}

/** The schema for the place of another one: a key that may be missing there may be missing with it. */
export const optionalAs = (ast: SchemaAST.AST, schema: Schema.Top): Schema.Top =>
  ast.context?.isOptional === true ? Schema.optionalKey(schema) : schema
