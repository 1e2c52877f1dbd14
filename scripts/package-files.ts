/**
 * Writes the JavaScript of the packages that a root loads, next to the declarations that the compiler has written.
 * All modules of a package are in one file, `dist/internal/modules.js`, from which a small file for each public
 * module exports. One file for all modules saves time, because finding, reading and linking a file costs more than
 * its content (docs/decisions/0020-one-file-a-package.md).
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type OutputChunk, type OutputOptions, type Plugin, rolldown } from "rolldown"
import { lean } from "./lib/lean.ts"

const root = Path.resolve(import.meta.dirname, "..")

interface Package {
  readonly name: string
  /** Files of the packages that are loaded by a path of their own, so that each must exist as a file. */
  readonly loaded: ReadonlyArray<string>
  /**
   * Files that run before an actor has found the runtime bundle. The build puts no code of Furrow's other files into
   * the files that run first.
   */
  readonly apart: ReadonlyArray<string>
  /**
   * Files that are built like a module of a user: a file imports Furrow's public modules, and contains no code of other
   * files.
   */
  readonly asUsers: ReadonlyArray<string>
}

const packages: ReadonlyArray<Package> = [
  { name: "protocol", loaded: [], apart: [], asUsers: [] },
  { name: "actor", loaded: [], apart: [], asUsers: [] },
  {
    name: "node",
    loaded: ["internal/runChild"],
    apart: ["childMain", "internal/preload"],
    asUsers: ["internal/rehearsed"]
  }
]

/** Removes the JavaScript files of an earlier build from the folder `dist`, because npm would pack them as well. */
const clear = (dist: string): void => {
  if (!Fs.existsSync(dist)) return
  for (const path of Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (/\.js(?:\.map)?$/.test(path)) Fs.rmSync(Path.join(dist, path))
  }
}

const common = {
  platform: "node",
  external: (id: string) => !id.startsWith(".") && !Path.isAbsolute(id),
  preserveEntrySignatures: "strict",
  logLevel: "warn"
} as const

/** Builds some modules of a package into files, and returns the paths of these files. */
const build = async (
  { name }: Package,
  modules: ReadonlyArray<string>,
  plugins: ReadonlyArray<Plugin>,
  codeSplitting: OutputOptions["codeSplitting"]
): Promise<ReadonlyArray<OutputChunk>> => {
  const at = (...path: ReadonlyArray<string>) => Path.join(root, "packages", name, ...path)
  const input = Object.fromEntries(modules.map((module) => [module, at("src", `${module}.ts`)]))
  const build = await rolldown({ ...common, input, plugins: [lean, ...plugins] })
  const { output } = await build.write({
    dir: at("dist"),
    format: "esm",
    // Comments for people who read the sources are left out of the built files, because the declarations contain
    // these comments. Comments for a user's bundler stay in the built files, because the bundler needs to know which
    // code has no effect.
    comments: { legal: true, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: "[name].js",
    chunkFileNames: "internal/[name].js",
    ...(codeSplitting === undefined ? {} : { codeSplitting })
  })
  await build.close()
  return output.filter((chunk) => chunk.type === "chunk").filter(({ moduleIds }) => moduleIds.length > 0)
}

/**
 * A plugin for files that load an actor's runtime only once they know which one to use: the runtime bundle or
 * separate modules.
 */
const runtimeLater: Plugin = {
  name: "runtime-later",
  resolveId: (source) =>
    source === "./internal/runChild.ts" ? { id: "./internal/runChild.js", external: "absolute" } : null
}

const write = async (it: Package): Promise<void> => {
  const { apart, asUsers, loaded, name } = it
  const src = Path.join(root, "packages", name, "src")
  const entries = Fs.readdirSync(src).filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3))
  const modules = [...entries.filter((entry) => !apart.includes(entry)), ...loaded]
  const files = await build(it, modules, [], { groups: [{ name: "modules", test: () => true }] })
  const strange = files.map(({ fileName }) => fileName).filter((file) => file !== "internal/modules.js")
  if (strange.length > 0) throw new Error(`${name} is not one file: ${strange.join(", ")}`)
  if (asUsers.length > 0) await build(it, asUsers, [], undefined)
  if (apart.length === 0) return
  // A file that runs first in an actor may import only modules of Node. An import of a file of Furrow would load all of
  // Effect before the actor has found the runtime bundle.
  for (const { fileName, imports } of await build(it, apart, [runtimeLater], undefined)) {
    const early = imports.filter((id) => !id.startsWith("node:"))
    if (early.length > 0) {
      throw new Error(`${name}: ${fileName} runs before the runtime, and imports ${early.join(", ")}`)
    }
  }
}

for (const each of packages) {
  clear(Path.join(root, "packages", each.name, "dist"))
  await write(each)
}
