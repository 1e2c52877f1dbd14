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
  /** Files that run before an actor knows which runtime it uses, so that they contain no code of other files. */
  readonly apart: ReadonlyArray<string>
  /**
   * Files that an actor imports as it imports a user's module. Files that an actor imports like a user's module contain
   * no code of other files, and import the same public modules as users.
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

/**
 * Files of an earlier build, and separate files of a compiler, are removed, because npm would pack them as well.
 */
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
  // The files that run first in an actor are built apart from all other files, which they must not import. An import of
  // another module by a file that runs first would load the whole package and Effect before the runtime bundle is
  // found.
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
