/**
 * Schemas of a second copy of Effect. They look like ours and are read by other code: a parser of one copy does not know
 * the marks of the other, and says "Expected a string" of a string.
 */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

const prototypeOf = (value: object): object => Object.getPrototypeOf(value) as object

/** Prototype of every node that our copy makes. */
const ours: object = prototypeOf(prototypeOf(Schema.Unknown.ast))

export const isForeign = (ast: SchemaAST.AST): boolean => !Object.prototype.isPrototypeOf.call(ours, ast)

/** Folder of the copy that a schema's methods come from, as a stack shows it; a bundle has none. */
const folderOf = (schema: Schema.Top): string | undefined => {
  let stack = ""
  try {
    schema.pipe(() => stack = new Error().stack ?? "")
  } catch {
    return undefined
  }
  return /((?:file:\/\/)?\/?[^\s()]+)\/(?:dist|src)\/Pipeable\.[jt]s/.exec(stack)?.[1]
}

/** The schemas that a schema was made of, as far as it shows them: its fields, its elements, its members. */
function* schemasIn(value: unknown, seen: Set<unknown>): Generator<Schema.Top> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return
  seen.add(value)
  if (Schema.isSchema(value)) yield value as Schema.Top
  else if (!Array.isArray(value) && prototypeOf(value) !== Object.prototype) return
  for (const [key, part] of Object.entries(value)) if (key !== "ast") yield* schemasIn(part, seen)
}

/** Says where the second copy is, and where ours. */
export const copies = (schema: Schema.Top): string => {
  const foreign = Array.from(schemasIn(schema, new Set())).find(({ ast }) => isForeign(ast))
  const [theirs, own] = [foreign === undefined ? undefined : folderOf(foreign), folderOf(Schema.Unknown)]
  return [
    "a schema of a second copy of effect",
    ...theirs === undefined ? [] : [` (${theirs})`],
    ", which Furrow's copy",
    ...own === undefined ? [] : [` (${own})`],
    " cannot read. Install one copy"
  ].join("")
}
