/**
 * Compares the tables of docs/reference.md with docs/api.txt, which another check compares with the sources.
 *
 * A table stands below the mark of the type whose members its rows are: `<!-- members of Dialog.StreamOptions -->`,
 * where the type is an object, or `<!-- events of ActorEvent.ActorEvent -->`, where it is a union of objects with a
 * `_tag`.
 */

/** A public type with its fields; for a union, the fields of each member by the tag of the member. */
export interface Declared {
  readonly fields: ReadonlyArray<string>
  readonly members: ReadonlyMap<string, ReadonlyArray<string>>
}

const fieldsOf = (
  text: string,
  indent: string
): ReadonlyArray<string> => [
  ...new Set(Array.from(text.matchAll(new RegExp(`^${indent}readonly (\\w+)\\??:`, "gm")), ([, name]) => name!))
]

/** Returns the types in docs/api.txt by their names `Module.Name`, in which the module is named without its package. */
export const declared = (api: string): ReadonlyMap<string, Declared> => {
  const types = new Map<string, Declared>()
  for (const [, module, text] of api.matchAll(/^## @furrow\/\w+\/(\w+)\n([^]*?)(?=^## |(?![^]))/gm)) {
    for (const [, name, body] of text!.matchAll(/^# (\w+)\n([^]*?)(?=^# |(?![^]))/gm)) {
      const objects = body!.split("{\n").slice(1).map((object) => object.split("\n}")[0]!)
      const tagged = objects.flatMap((object) => {
        const [, tag] = /^ {4}readonly _tag: "(\w+)";/.exec(object) ?? []
        return tag === undefined ? [] : [[tag, fieldsOf(object, " {4}").filter((field) => field !== "_tag")] as const]
      })
      types.set(`${module}.${name}`, { fields: fieldsOf(body!, " {4}"), members: new Map(tagged) })
    }
  }
  return types
}

interface Table {
  readonly kind: string
  readonly type: string
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

/**
 * Returns the tables of docs/reference.md that stand below a comment with the name of a type, each with the cells of
 * its rows.
 */
export const tables = (page: string): ReadonlyArray<Table> =>
  Array.from(
    page.matchAll(/^<!-- (members|events) of (\S+) -->\n((?:\|.*\n)+)/gm),
    ([, kind, type, text]) => ({
      kind: kind!,
      type: type!,
      rows: text!.trimEnd().split("\n").slice(2).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()))
    })
  )

const quoted = (cell: string): ReadonlyArray<string> => Array.from(cell.matchAll(/`([^`]+)`/g), ([, name]) => name!)

const difference = (
  place: string,
  wanted: ReadonlyArray<string>,
  found: ReadonlyArray<string>
): ReadonlyArray<string> => [
  ...wanted.filter((name) => !found.includes(name)).map((name) => `${place}: there is no row for ${name}`),
  ...found.filter((name, at) => !wanted.includes(name) || found.indexOf(name) !== at)
    .map((name) => `${place}: ${name} is not there, or has two rows`)
]

const tableProblems = ({ kind, rows, type }: Table, types: ReadonlyMap<string, Declared>): ReadonlyArray<string> => {
  const found = types.get(type)
  if (found === undefined) return [`${type}: no public module has it`]
  const names = rows.map(([name]) => quoted(name ?? "")[0] ?? "")
  if (kind === "members") return difference(type, found.fields, names)
  return [
    ...difference(type, [...found.members.keys()], names),
    ...rows.flatMap(([name, fields]) => {
      const tag = quoted(name ?? "")[0] ?? ""
      return difference(`${type}.${tag}`, found.members.get(tag) ?? [], quoted(fields ?? ""))
    })
  ]
}

/** Option types that users never write, such as a spawner's request for an actor. */
const others = new Set(["ActorProcess.ActorMainOptions", "Address.ParseOptions"])

/** A type that two modules export under the same name counts as one type. */
const identity = (name: string, { fields }: Declared): string => [name.split(".")[1], ...fields].join()

/** Every object type of options must have a table on the page docs/reference.md. */
const missingTables = (page: string, types: ReadonlyMap<string, Declared>): ReadonlyArray<string> => {
  const shown = new Set(
    tables(page).flatMap(({ type }) => {
      const found = types.get(type)
      return found === undefined ? [] : [identity(type, found)]
    })
  )
  return [...types]
    .filter(([name, { fields }]) => name.endsWith("Options") && fields.length > 0 && !others.has(name))
    .filter(([name, found]) => !shown.has(identity(name, found)))
    .map(([name]) => `${name}: there is no table for it`)
}

/**
 * Facts of the sources that docs/reference.md must contain too: bounds with their defaults, environment variables,
 * and exit codes.
 */
export interface Facts {
  readonly timeouts: ReadonlyMap<string, number>
  readonly variables: ReadonlyArray<string>
  readonly codes: ReadonlyArray<number>
}

const timeoutProblems = (page: string, { timeouts }: Facts): ReadonlyArray<string> => {
  const rows = tables(page).find(({ type }) => type === "Timeouts.Timeouts")?.rows ?? []
  const said = new Map(rows.map(([name, millis]) => [quoted(name ?? "")[0]!, Number(millis)]))
  return [...timeouts].filter(([name, millis]) => said.get(name) !== millis)
    .map(([name, millis]) => `Timeouts.${name}: the default is ${millis}, the page says ${said.get(name)}`)
}

/**
 * Returns every fault of the page docs/reference.md, one line each: missing facts, and facts that the sources do not
 * have.
 */
export const problems = (page: string, api: string, facts: Facts): ReadonlyArray<string> => {
  const types = declared(api)
  return [
    ...tables(page).flatMap((table) => tableProblems(table, types)),
    ...missingTables(page, types),
    ...timeoutProblems(page, facts),
    ...facts.variables.filter((name) => !new RegExp(`^\\|[^|]*\`${name}[\`=]`, "m").test(page))
      .map((name) => `${name}: there is no row for this variable`),
    ...facts.codes.filter((code) => !new RegExp(`^\\| ${code} \\|`, "m").test(page))
      .map((code) => `exit code ${code}: there is no row for it`)
  ]
}

/**
 * Reads the bounds, environment variables and exit codes that docs/reference.md must contain from the text of the
 * sources.
 */
export const factsOf = (
  sources: { readonly timeouts: string; readonly main: string; readonly all: ReadonlyArray<string> }
): Facts => {
  const [, defaults = ""] = /defaults: Timeouts = \{([^}]*)\}/.exec(sources.timeouts) ?? []
  const [, signals = ""] = /const signals = \{([^}]*)\}/.exec(sources.main) ?? []
  return {
    timeouts: new Map(
      Array.from(
        defaults.matchAll(/(\w+): ([\d_]+)/g),
        ([, name, millis]) => [name!, Number(millis!.replaceAll("_", ""))]
      )
    ),
    variables: [
      ...new Set(
        sources.all.flatMap((text) =>
          Array.from(text.matchAll(/\b(?:process\.env|base)(?:\["([A-Z_]+)"\]|\.([A-Z_]+))/g), ([, a, b]) => a ?? b!)
        )
      )
    ],
    codes: [
      ...Array.from(signals.matchAll(/: (\d+)/g), ([, code]) => Number(code)),
      ...Array.from(sources.main.matchAll(/^const \w+Code = (\d+)$/gm), ([, code]) => Number(code))
    ]
  }
}
