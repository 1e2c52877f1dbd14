/**
 * Finds the public names of a package and their comments in its sources. A module directly below `src/` is public
 * unless the package's `exports` close it. A name that is exported again is followed to its declaration.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseSync } from "oxc-parser"

export const packages = Path.resolve(import.meta.dirname, "../..")

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: any
}

interface Parsed {
  readonly comments: ReadonlyArray<Node>
  readonly program: { readonly body: ReadonlyArray<Node> }
}

/** A declaration in one file. The same name may declare a value and a type. */
interface Declared {
  readonly kind: "value" | "type"
  /** The comment directly above the declaration, without its stars; empty without a comment. */
  readonly comment: string
}

interface File {
  readonly declared: ReadonlyMap<string, Declared>
  readonly exports: ReadonlyMap<string, Exported>
}

/**
 * An exported name, declared in this file under some name or in another file. Of some names only the type is exported.
 */
interface Exported {
  readonly from: string | undefined
  readonly name: string
  readonly isType: boolean
}

/** One name that a program can import. */
export interface Name extends Declared {
  readonly package: string
  readonly module: string
  readonly name: string
}

/** Returns the text of a doc comment without its stars. */
const textOf = (comment: Node): string =>
  (comment.value as string).slice(1).split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd()).join("\n").trim()

const isDoc = (comment: Node): boolean => comment.type === "Block" && (comment.value as string).startsWith("*")

const typeNodes = ["TSInterfaceDeclaration", "TSTypeAliasDeclaration"]

const namesOf = (node: Node): ReadonlyArray<string> =>
  node.type === "VariableDeclaration"
    ? node.declarations.map((declaration: Node) => declaration.id.name as string)
    : node.id?.name === undefined
    ? []
    : [node.id.name as string]

const nameOf = (node: Node): string => (node.name ?? node.value) as string

/** Parses a source file, and returns it with its comments. */
export const parse = (path: string, source = Fs.readFileSync(path, "utf8")): Parsed => {
  const { comments, errors, program } = parseSync(path, source)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  return { comments, program } as unknown as Parsed
}

/** Returns the doc comments of a file. */
export const comments = (path: string): ReadonlyArray<string> => parse(path).comments.filter(isDoc).map(textOf)

/** Returns the declarations and exports of one source file. */
export const read = (path: string, source = Fs.readFileSync(path, "utf8")): File => {
  const { comments, program } = parse(path, source)
  const declared = new Map<string, Declared>()
  const exports = new Map<string, Exported>()
  const above = (node: Node): string => {
    const comment = comments.findLast(({ end }) => end <= node.start)
    const isNext = comment !== undefined && isDoc(comment) && source.slice(comment.end, node.start).trim() === ""
    return isNext ? textOf(comment) : ""
  }
  const declare = (node: Node, at: Node) => {
    const kind = typeNodes.includes(node.type) ? "type" : "value"
    for (const name of namesOf(node)) {
      // The first of several overloads has the comment; a type with the same name as a value is explained with the
      // value.
      if (kind === "type" && declared.has(name) || declared.get(name)?.kind === "value") continue
      declared.set(name, { kind, comment: above(at) })
    }
  }
  for (const node of program.body) {
    if (node.type === "ExportNamedDeclaration") {
      if (node.declaration) {
        declare(node.declaration, node)
        for (const name of namesOf(node.declaration)) {
          exports.set(name, { from: undefined, name, isType: false })
        }
      }
      for (const { exportKind, exported, local } of node.specifiers as ReadonlyArray<Node>) {
        const isType = node.exportKind === "type" || exportKind === "type"
        exports.set(nameOf(exported), { from: node.source?.value, name: nameOf(local), isType })
      }
    } else if (node.type !== "ImportDeclaration") declare(node, node)
  }
  return { declared, exports }
}

const files = new Map<string, File>()

const fileOf = (path: string): File => {
  const known = files.get(path) ?? read(path)
  files.set(path, known)
  return known
}

const target = (from: string, specifier: string): string => {
  const [, name, module] = /^@furrow\/(\w+)\/(.+)$/.exec(specifier) ?? []
  return name === undefined
    ? Path.resolve(Path.dirname(from), specifier)
    : Path.join(packages, name, "src", `${module}.ts`)
}

/** Finds the declaration of an exported name, in whatever file it is. */
const find = (path: string, name: string): Declared => {
  const { declared, exports } = fileOf(path)
  const exported = exports.get(name)
  const own = exported?.from === undefined
    ? declared.get(exported?.name ?? name)
    : find(target(path, exported.from), exported.name)
  if (own === undefined) throw new Error(`${path} exports ${name}, and declares no such name`)
  return exported?.isType === true ? { ...own, kind: "type" } : own
}

/** Returns the public modules of a package. */
export const modulesOf = (name: string): ReadonlyArray<string> => {
  const { exports } = JSON.parse(Fs.readFileSync(Path.join(packages, name, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  return Fs.readdirSync(Path.join(packages, name, "src")).filter((entry) => entry.endsWith(".ts"))
    .map((entry) => entry.slice(0, -".ts".length))
    // The index is left out, because it only lists the modules.
    .filter((module) => module !== "index" && exports[`./${module}`] !== null)
    .toSorted()
}

/** Returns every public name of a package, module by module. */
export const namesIn = (name: string): ReadonlyArray<Name> =>
  modulesOf(name).flatMap((module) => {
    const path = Path.join(packages, name, "src", `${module}.ts`)
    return [...fileOf(path).exports.keys()].map((exported) => ({
      package: name,
      module,
      name: exported,
      ...find(path, exported)
    }))
  })

/** Returns the parts of a comment that a caller needs and that are missing. */
export const lacks = ({ comment, kind }: Declared): ReadonlyArray<string> => {
  const [meaning = ""] = comment.split(/^@/m)
  const has: ReadonlyArray<readonly [string, boolean]> = [
    ["a meaning", meaning.trim() !== ""],
    ["@category", /^@category \S/m.test(comment)],
    ["@since", /^@since \d+\.\d+\.\d+$/m.test(comment)],
    ["@example", kind === "type" || /^@example\n```ts( check)?\n/m.test(comment)]
  ]
  return has.filter(([, there]) => !there).map(([what]) => what)
}

/** Returns all source files of a package, including internal ones. */
export const sourcesOf = (name: string): ReadonlyArray<string> => {
  const folder = Path.join(packages, name, "src")
  return Fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts")).toSorted()
    .map((path) => Path.join(folder, path))
}
