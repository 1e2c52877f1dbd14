/**
 * Writes the JavaScript of the packages that a program's root loads, beside the declarations of the compiler: all modules
 * of a package in one file, `dist/internal/modules.js`, and for each public module a small file that exports from there.
 * Finding, reading and linking a file costs more than the content of most (docs/decisions/0020-one-file-a-package.md).
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { rolldown } from "rolldown"
import { lean } from "./lib/lean.ts"

const root = Path.resolve(import.meta.dirname, "..")

interface Package {
  readonly name: string
  /** Files that are loaded by their path. */
  readonly loaded: ReadonlyArray<string>
  /** Those of them that run before it is known which runtime an actor has: they hold nothing of the others. */
  readonly apart: ReadonlyArray<string>
}

/** Modules that only those import: they are in the file of `preload`. */
const onlyThere = ["internal/runtimeBundle", "internal/oneEffect"]

const packages: ReadonlyArray<Package> = [
  { name: "protocol", loaded: [], apart: [] },
  { name: "actor", loaded: [], apart: [] },
  {
    name: "node",
    loaded: ["internal/runChild"],
    apart: ["childMain", "internal/preload"]
  }
]

/** Files of an earlier build, and of a compiler that wrote them one by one, would be packed. */
const clear = (dist: string): void => {
  if (!Fs.existsSync(dist)) return
  for (const path of Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (/\.js(?:\.map)?$/.test(path)) Fs.rmSync(Path.join(dist, path))
  }
}

const write = async ({ apart, loaded, name }: Package): Promise<void> => {
  const at = (...path: ReadonlyArray<string>) => Path.join(root, "packages", name, ...path)
  const entries = Fs.readdirSync(at("src")).filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3))
  const source = (module: string) => at("src", `${module}.ts`)
  const alone = new Set([...apart, ...onlyThere].map(source))
  const build = await rolldown({
    input: Object.fromEntries([...entries, ...loaded, ...apart].map((module) => [module, source(module)])),
    platform: "node",
    external: (id) => !id.startsWith(".") && !Path.isAbsolute(id),
    preserveEntrySignatures: "strict",
    plugins: [lean],
    logLevel: "warn"
  })
  const { output } = await build.write({
    dir: at("dist"),
    format: "esm",
    // Declarations have the comments for readers; a bundler of the user's needs to know what has no effect.
    comments: { legal: true, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: "[name].js",
    chunkFileNames: "internal/[name].js",
    codeSplitting: { groups: [{ name: "modules", test: (id) => !alone.has(Path.normalize(id)) }] }
  })
  await build.close()
  const chunks = output.filter((chunk) => chunk.type === "chunk")
  const holding = chunks.filter(({ fileName, moduleIds }) => fileName !== "internal/modules.js" && moduleIds.length > 0)
  const strange = holding.filter(({ moduleIds }) => moduleIds.some((id) => !alone.has(Path.normalize(id))))
  if (strange.length > 0) {
    throw new Error(`${name} is not one file: ${strange.map((chunk) => chunk.fileName).join(", ")}`)
  }
}

for (const each of packages) {
  clear(Path.join(root, "packages", each.name, "dist"))
  await write(each)
}
