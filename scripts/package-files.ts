/**
 * Writes the JavaScript of the packages for a root, next to the compiler's declarations. All modules of a package are
 * in one file, `dist/internal/modules.js`, and a small file for each public module exports from that file. Finding,
 * reading and linking a file costs more than the content of most files (docs/decisions/0020-one-file-a-package.md).
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type OutputChunk, type OutputOptions, type Plugin, rolldown } from "rolldown"
import { lean } from "./lib/lean.ts"

const root = Path.resolve(import.meta.dirname, "..")

interface Package {
  readonly name: string
  /** Files of the packages that are loaded by their own path, and so must exist. */
  readonly loaded: ReadonlyArray<string>
  /** Files that run before an actor knows which runtime it uses, and so contain no code of other files. */
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
 * Files of an earlier build, or of a compiler that wrote separate files, are removed, because npm would pack them as
 * well.
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

/** Builds a list of modules of a package into files, and returns the files that contain them. */
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
    // Comments for readers are left out of the built files, because the declarations have them. Comments for a user's
    // bundler stay in the built files, because the bundler needs to know which code has no effect.
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
 * A plugin for files that load an actor's runtime only when they know whether it is the runtime bundle or separate
 * modules.
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
