/**
 * Finds schemas that a second installed copy of Effect has made. A schema of the second copy looks like one of the
 * first copy, but its parser refuses values with errors such as "Expected a string".
 */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

const prototypeOf = (value: object): object => Object.getPrototypeOf(value) as object

/** The prototype of every schema node that this module's copy of Effect makes. */
const ours: object = prototypeOf(prototypeOf(Schema.Unknown.ast))

export const isForeign = (ast: SchemaAST.AST): boolean => !Object.prototype.isPrototypeOf.call(ours, ast)

/**
 * Returns the folder of the copy of Effect that made a schema, read from a stack trace; a bundled copy has no such
 * folder.
 */
const folderOf = (schema: Schema.Top): string | undefined => {
  let stack = ""
  try {
    schema.pipe(() => stack = new Error().stack ?? "")
  } catch {
    return undefined
  }
  return /((?:file:\/\/)?\/?[^\s()]+)\/(?:dist|src)\/Pipeable\.[jt]s/.exec(stack)?.[1]
}

/** The schemas of which a schema is composed: its fields, elements and members. */
function* schemasIn(value: unknown, seen: Set<unknown>): Generator<Schema.Top> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return
  seen.add(value)
  if (Schema.isSchema(value)) yield value as Schema.Top
  else if (!Array.isArray(value) && prototypeOf(value) !== Object.prototype) return
  for (const [key, part] of Object.entries(value)) if (key !== "ast") yield* schemasIn(part, seen)
}

/** Names the folders of the second copy of Effect and of the copy that this module uses. */
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
