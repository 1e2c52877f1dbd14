/**
 * Writes the public API as text: every name that the published packages export, with the signature that the compiler
 * declares. A change of the API changes docs/api.txt, which a reviewer reads.
 *
 *     npm run api              writes docs/api.txt
 *     npm run api -- --check   fails where it is not what the sources say
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseSync } from "oxc-parser"

const root = Path.resolve(import.meta.dirname, "..")
export const file = "docs/api.txt"
const published = ["protocol", "actor", "node", "testing", "sql", "nats"]

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: any
}

interface Declarations {
  /**
   * The text of each exported or local name of a file, without comments. Overloads and merged declarations of one
   * name are listed one after the other.
   */
  readonly texts: ReadonlyMap<string, ReadonlyArray<string>>
  /** The text of each exported or local name of a file, with the comments inside the text. */
  readonly whole: ReadonlyMap<string, ReadonlyArray<string>>
  /** The doc comment above each exported or local name of a file, without the comment's stars. */
  readonly docs: ReadonlyMap<string, string>
  /** The exports of a file by their public names; an export is declared in the file or comes from another file. */
  readonly exports: ReadonlyMap<string, { readonly from: string | undefined; readonly name: string }>
  /** The modules that a file exports as a whole, each under one name. */
  readonly namespaces: ReadonlyMap<string, string>
}

const namesOf = (node: Node): ReadonlyArray<string> =>
  node.type === "VariableDeclaration"
    ? node.declarations.map((declaration: Node) => declaration.id.name as string)
    : node.id?.name === undefined
    ? []
    : [node.id.name as string]

/** Returns a piece of source without its comments, and without spaces at the ends of its lines. */
const textOf = (source: string, node: Node, comments: ReadonlyArray<Node>): string => {
  let text = ""
  let at = node.start
  for (const { end, start } of comments) {
    if (start < at || end > node.end) continue
    text += source.slice(at, start)
    at = end
  }
  return (text + source.slice(at, node.end)).split("\n").map((line) => line.trimEnd()).filter((line) => line !== "")
    .join("\n")
}

const isDoc = (comment: Node): boolean => comment.type === "Block" && comment.value.startsWith("*")

/** Returns a doc comment without its stars. */
export const plain = (text: string): string =>
  text.slice(1).split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd()).join("\n").trim()

/** Finds the doc comment that stands right above a node of the syntax tree. */
const docsOf = (source: string, comments: ReadonlyArray<Node>) => (node: Node): string | undefined => {
  const last = comments.findLast(({ end }) => end <= node.start)
  if (last === undefined || !isDoc(last) || source.slice(last.end, node.start).trim() !== "") return undefined
  return plain(last.value)
}

const nameOf = (node: Node): string => (node.name ?? node.value) as string

const cache = new Map<string, Declarations>()

/** Reads the names and exports of one file of declarations. */
export const read = (path: string): Declarations => {
  const known = cache.get(path)
  if (known !== undefined) return known
  const source = Fs.readFileSync(path, "utf8")
  const { comments, program } = parseSync(path, source) as unknown as {
    readonly comments: ReadonlyArray<Node>
    readonly program: { readonly body: ReadonlyArray<Node> }
  }
  const texts = new Map<string, Array<string>>()
  const exports = new Map<string, { readonly from: string | undefined; readonly name: string }>()
  const namespaces = new Map<string, string>()
  const whole = new Map<string, Array<string>>()
  const docs = new Map<string, string>()
  const above = docsOf(source, comments)
  const declared = (node: Node, exported: boolean, exportedAt = node) => {
    for (const name of namesOf(node)) {
      texts.set(name, [...texts.get(name) ?? [], textOf(source, node, comments)])
      whole.set(name, [...whole.get(name) ?? [], textOf(source, node, [])])
      const doc = above(exported ? exportedAt : node)
      if (doc !== undefined && !docs.has(name)) docs.set(name, doc)
      if (exported) exports.set(name, { from: undefined, name })
    }
  }
  for (const node of program.body) {
    if (node.type === "ExportAllDeclaration") {
      namespaces.set(nameOf(node.exported), node.source.value)
    } else if (node.type === "ExportNamedDeclaration") {
      if (node.declaration) declared(node.declaration, true, node)
      for (const { exported, local } of node.specifiers as ReadonlyArray<Node>) {
        exports.set(nameOf(exported), { from: node.source?.value, name: nameOf(local) })
      }
    } else if (node.type === "ImportDeclaration") {
      // Imported names are recorded, because a file of declarations may export them again.
      for (const { imported, local } of node.specifiers as ReadonlyArray<Node>) {
        if (imported) texts.set(nameOf(local), [`import ${nameOf(imported)} from ${node.source.value}`])
      }
    } else declared(node, false)
  }
  const found = { texts, whole, docs, exports, namespaces }
  cache.set(path, found)
  return found
}

const target = (from: string, specifier: string): string =>
  Path.resolve(Path.dirname(from), specifier.replace(/\.[jt]s$/, ".d.ts"))

/** Returns the doc comment of an exported name, whichever file declares the name. */
export const docOf = (path: string, name: string): string | undefined => {
  const { docs, exports } = read(path)
  const exported = exports.get(name)
  if (exported?.from === undefined) return docs.get(exported?.name ?? name)
  return exported.from.startsWith(".") ? docOf(target(path, exported.from), exported.name) : undefined
}

/**
 * Returns the declarations of an exported name, whichever file contains them; the option `whole` keeps the comments
 * inside the declarations.
 */
export const signature = (path: string, name: string, kind: "texts" | "whole" = "texts"): ReadonlyArray<string> => {
  const { exports, [kind]: texts } = read(path)
  const exported = exports.get(name)
  if (exported?.from !== undefined) {
    return exported.from.startsWith(".")
      ? signature(target(path, exported.from), exported.name, kind)
      : [`export { ${exported.name} } from "${exported.from}"`]
  }
  const own = texts.get(exported?.name ?? name)
  if (own === undefined) throw new Error(`${path} exports ${name}, and nothing declares it`)
  // The fields of an error are declared in a constant, which the error's class extends.
  const [, base] = /\bextends (\w+_base)\b/.exec(own[0]!) ?? []
  return base === undefined ? own : [...texts.get(base) ?? [], ...own]
}

/** Returns the text of one public module: its names in alphabetical order, each with its declaration. */
export const page = (title: string, path: string): string => {
  const { exports, namespaces } = read(path)
  const names = [...exports.keys()].toSorted()
  return [
    `## ${title}`,
    ...[...namespaces].map(([name, from]) => `export * as ${name} from "${from}"`),
    ...names.flatMap((name) => [`\n# ${name}`, ...signature(path, name)])
  ].join("\n")
}

/** Returns the modules of a package that the `exports` of its package.json make public. */
const modulesOf = (name: string): ReadonlyArray<string> => {
  const { exports } = JSON.parse(Fs.readFileSync(Path.join(root, "packages", name, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  // The names of public modules come from the sources, because an older build may have left files of other modules.
  return Fs.readdirSync(Path.join(root, "packages", name, "src")).filter((entry) => entry.endsWith(".ts"))
    .map((entry) => entry.slice(0, -".ts".length))
    .filter((module) => exports[`./${module}`] !== null)
    .toSorted()
}

/** A public module, with the name by which a program imports it. */
export interface Module {
  readonly pack: string
  readonly module: string
  readonly title: string
  /** The declarations of a public module, as the compiler writes them. */
  readonly path: string
}

/** Returns all public modules of the published packages, package by package. */
export const modules = (): ReadonlyArray<Module> =>
  published.flatMap((pack) =>
    modulesOf(pack).map((module) => ({
      pack,
      module,
      title: module === "index" ? `@furrow/${pack}` : `@furrow/${pack}/${module}`,
      path: Path.join(root, "packages", pack, "dist", `${module}.d.ts`)
    }))
  )

export const report = (): string => modules().map(({ path, title }) => page(title, path)).join("\n\n") + "\n"

/** Makes the compiler write the declarations of all packages, and ends the script if the compiler fails. */
export const declare = (): void => {
  const tsc = Path.join(root, "node_modules", ".bin", "tsc")
  const { status } = ChildProcess.spawnSync(tsc, ["-b", "tsconfig.build.json"], { cwd: root, stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}

if (import.meta.main) {
  declare()
  const text = report()
  const path = Path.join(root, file)
  if (process.argv.includes("--check")) {
    const same = Fs.existsSync(path) && Fs.readFileSync(path, "utf8") === text
    if (!same) {
      Fs.writeFileSync(`${path}.now`, text)
      ChildProcess.spawnSync("diff", ["-u", path, `${path}.now`], { stdio: "inherit" })
      Fs.rmSync(`${path}.now`)
      console.error(`${file} is not what the sources say: run \`npm run api\`, and read what changed`)
    }
    process.exitCode = same ? 0 : 1
  } else Fs.writeFileSync(path, text)
  console.log(`api: ${text.match(/^# /gm)?.length ?? 0} names of ${text.match(/^## /gm)?.length ?? 0} modules`)
}
