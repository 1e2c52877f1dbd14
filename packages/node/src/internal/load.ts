/**
 * Imports the modules of an actor, and finds the actor's endpoints among the definitions that these modules make or
 * export. An error of the import of an actor's module names the fault, and says what to do next.
 */
import { definitionOf, type Exposed, fileOf, isImplemented } from "@furrow/actor/ActorProcess"
import type { AnyEndpoint, Implemented } from "@furrow/actor/Endpoint"

type Definition = Implemented<AnyEndpoint>

/** Returns the file and line of a module's syntax error, which Node sometimes writes above the stack. */
const placeOf = (error: Error): string | undefined => /^(\S+:\d+)\n/.exec(error.stack ?? "")?.[1]

/** The advice in the error about a module that a parent has loaded and its actor cannot load. */
const loaders =
  "a loader that the program registers itself (`module.register`, `registerHooks`) is not in its actors, so put " +
  "it into a module and start Node with `--import` of that module"

/** Codes of Node's errors about a kind of file that Node cannot load without a module loader. */
const unknownKind = new Set(["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNKNOWN_MODULE_FORMAT", "ERR_IMPORT_ATTRIBUTE_MISSING"])

const whatHappened = (url: string, error: Error & { readonly code?: string; readonly url?: string }): string => {
  const code = error.code ?? ""
  if (unknownKind.has(code)) {
    return `${url}, or something it imports, is of a kind that Node does not load by itself: ${error.message}; ${loaders}`
  }
  if (code === "ERR_MODULE_NOT_FOUND") {
    return error.url === url
      ? `${url} cannot be found: ${error.message}`
      : `${url} cannot be found, or something it imports cannot: ${error.message}; ${loaders}`
  }
  if (!(error instanceof SyntaxError)) return `${url} failed while it was imported: ${error.message}`
  const place = placeOf(error)
  return `${url}, or something it imports, has a syntax error: ${error.message}; ` +
    (place === undefined ? "`node --check` with the file shows where" : `it is at ${place}`) +
    `; if its parent could load it, ${loaders}`
}

export const importModule = async (module: string): Promise<Record<string, unknown>> => {
  const url = fileOf(module)
  try {
    return await import(url) as Record<string, unknown>
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    throw new Error(whatHappened(url, error), { cause: error })
  }
}

const find = (exported: Record<string, unknown>, { module, name }: Exposed): Definition => {
  const made = definitionOf({ kind: "endpoint", module, name })
  if (made !== undefined) return made as Definition
  const definitions = new Set(Object.values(exported).filter(isImplemented))
  const found = [...definitions].filter(({ endpoint }) => endpoint.name === name)
  if (found.length === 1) return found[0]!
  if (found.length > 1) {
    throw new Error(
      `${module} exports ${found.length} different endpoints named "${name}": an actor finds its endpoints by name; ` +
        "rename one of them"
    )
  }
  const others = [...definitions].map(({ endpoint }) => endpoint.name)
  throw new Error(
    `${module} has no endpoint named "${name}" once it is imported: make it at the top level of that file` +
      (others.length === 0 ? "; it exports no endpoints at all" : `; it exports ${others.join(", ")}`)
  )
}

export const load = async (exposed: ReadonlyArray<Exposed>): Promise<ReadonlyArray<Definition>> => {
  const modules = new Map<string, Record<string, unknown>>()
  for (const { module } of exposed) {
    if (!modules.has(module)) modules.set(module, await importModule(module))
  }
  return exposed.map((entry) => find(modules.get(entry.module)!, entry))
}
