/**
 * Finds imports between files from the rows of a census alone, as pure functions.
 *
 * A relative import that names a counted file is an import inside of the folder. A relative import that names no
 * counted file is ignored. An import that is not relative, such as `effect`, counts as an import of a package.
 */
import * as Graph from "effect/Graph"
import * as Path from "node:path"
import { isMeasured, type Measured, type Row } from "./row.ts"
import { extensions } from "./sources.ts"

/** The name of a file or package, with the number of its importers or of its imports. */
export interface Ranked {
  readonly name: string
  readonly files: number
}

export interface Dependencies {
  /** The number of imports between counted files. Several imports of the same file by one file count once. */
  readonly inside: number
  /** The number of imports of packages by counted files. Several imports of the same package by one file count once. */
  readonly outside: number
  readonly nowhere: number
  /** All imported packages, sorted by the number of their importers in descending order. */
  readonly imported: ReadonlyArray<Ranked>
  readonly importing: ReadonlyArray<Ranked>
  readonly packages: ReadonlyArray<Ranked>
  /** Groups of files that import each other in a cycle at load time, the largest group first. */
  readonly cycles: ReadonlyArray<ReadonlyArray<string>>
}

/**
 * The extensions of the source files that an import may mean, listed under the extension that the import has:
 * TypeScript imports a file under the name of its compiled form, and may import declaration files.
 */
const sourceExtensions: { readonly [extension: string]: ReadonlyArray<string> } = {
  ".ts": [".d.ts"],
  ".js": [".ts", ".tsx", ".d.ts"],
  ".jsx": [".tsx"],
  ".mjs": [".mts", ".d.mts"],
  ".cjs": [".cts", ".d.cts"]
}

/** Returns the counted file that a relative import names. */
export const resolve = (file: string, specifier: string, known: ReadonlySet<string>): string | undefined => {
  const path = Path.posix.join(Path.posix.dirname(file), specifier)
  const extension = Path.posix.extname(path)
  const bare = path.slice(0, path.length - extension.length)
  return [
    path,
    ...(sourceExtensions[extension] ?? []).map((source) => bare + source),
    ...extensions.map((each) => path + each),
    ...extensions.map((each) => Path.posix.join(path, `index${each}`))
  ].find((candidate) => known.has(candidate))
}

/**
 * Returns the package that the specifier of an import names: The package of `node:fs/promises` is `node:fs`, and the
 * package of `@a/b/c` is `@a/b`.
 */
export const packageOf = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

const isRelative = (specifier: string): boolean => /^\.{0,2}\/|^\.{1,2}$/.test(specifier)

const add = (map: Map<string, Set<string>>, from: string, to: string): void => {
  const found = map.get(from)
  if (found === undefined) map.set(from, new Set([to]))
  else found.add(to)
}

const rank = (map: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyArray<Ranked> =>
  Array.from(map, ([name, { size }]) => ({ name, files: size }))
    .sort((a, b) => b.files - a.files || (a.name < b.name ? -1 : 1))

const pairs = (ranked: ReadonlyArray<Ranked>): number => ranked.reduce((sum, { files }) => sum + files, 0)

const cyclesOf = (files: ReadonlyArray<Measured>, loads: ReadonlyMap<string, ReadonlySet<string>>) => {
  const names = files.map(({ file }) => file).sort()
  const selfish = new Set(names.filter((name) => loads.get(name)?.has(name)))
  const graph = Graph.directed<string, null>((mutable) => {
    const nodes = new Map(names.map((name) => [name, Graph.addNode(mutable, name)]))
    for (const [from, targets] of loads) {
      for (const to of targets) {
        // A file that cannot be parsed can still be imported by other files, while its own imports are unknown.
        const target = nodes.get(to)
        if (target !== undefined) Graph.addEdge(mutable, nodes.get(from)!, target, null)
      }
    }
  })
  return Graph.stronglyConnectedComponents(graph)
    .map((component) => component.map((node) => names[node]!).sort())
    .filter((component) => component.length > 1 || selfish.has(component[0]!))
    .sort((a, b) => b.length - a.length || (a[0]! < b[0]! ? -1 : 1))
}

export const dependencies = (rows: ReadonlyMap<string, Row>): Dependencies => {
  const known = new Set(rows.keys())
  const measured = Array.from(rows.values()).filter(isMeasured)
  const importers = new Map<string, Set<string>>()
  const imports = new Map<string, Set<string>>()
  const loads = new Map<string, Set<string>>()
  const users = new Map<string, Set<string>>()
  const lost = new Map<string, Set<string>>()
  for (const { file, imports: all } of measured) {
    for (const { kind, specifier } of all) {
      if (!isRelative(specifier)) {
        add(users, packageOf(specifier), file)
        continue
      }
      const target = resolve(file, specifier, known)
      if (target === undefined) {
        add(lost, file, specifier)
        continue
      }
      add(importers, target, file)
      add(imports, file, target)
      if (kind === "static") add(loads, file, target)
    }
  }
  const imported = rank(importers)
  const packages = rank(users)
  return {
    inside: pairs(imported),
    outside: pairs(packages),
    nowhere: pairs(rank(lost)),
    imported,
    importing: rank(imports),
    packages,
    cycles: cyclesOf(measured, loads)
  }
}
