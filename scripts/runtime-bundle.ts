/**
 * Builds the runtime bundle of actors after the compiler has run (docs/decisions/0008-runtime-bundle.md). The bundle
 * contains every built module that an actor loads before the user's modules. The file `packages/node/dist/runtime.js`
 * is the bundle, and `dist/runtime` has a small file for each module, which exports what the module exports. The
 * module packages/node/src/internal/runtimeBundle.ts uses the runtime bundle.
 *
 * The script runtime-bundle.ts then runs an actor with the new bundle, and puts parentheses around the functions that
 * this actor has called. V8 compiles functions in parentheses when it loads the bundle
 * (docs/decisions/0058-functions-compiled-with-the-file.md).
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { parseSync } from "oxc-parser"
import { type InputOptions, type Plugin, rolldown } from "rolldown"
import { minify } from "rolldown/experimental"
import type { Manifest } from "../packages/node/src/internal/runtimeBundle.ts"
import { called, type Coverage, eager, type Range } from "./lib/eager.ts"
import { lean } from "./lib/lean.ts"

const root = Path.resolve(import.meta.dirname, "..")
const at = (...path: ReadonlyArray<string>): string => Path.join(root, ...path)
/**
 * The folder that contains runtime.js, and not the folder of the small files, because other files are found relative
 * to runtime.js.
 */
const dist = at("packages/node/dist")
const folder = Path.join(dist, "runtime")

interface Source {
  readonly name: string
  readonly folder: string
  readonly probe: Manifest["packages"][number]["probe"]
}

/** Packages whose modules a user's program also imports; an actor must get these modules from the runtime bundle. */
const sources: ReadonlyArray<Source> = [
  { name: "effect", folder: at("node_modules/effect"), probe: ["effect/Effect", "dist/Effect.js"] },
  { name: "@furrow/protocol", folder: at("packages/protocol"), probe: ["@furrow/protocol/Frame", "dist/Frame.js"] },
  { name: "@furrow/actor", folder: at("packages/actor"), probe: ["@furrow/actor", "dist/index.js"] },
  { name: "@furrow/node", folder: at("packages/node"), probe: ["@furrow/node", "dist/index.js"] }
]

/** The public modules of a package, without the modules that run before the runtime bundle is found. */
const publicOf = (name: string): ReadonlyArray<string> =>
  Fs.readdirSync(at("packages", name, "dist"))
    .filter((file) => file.endsWith(".js") && !["childMain.js", "runtime.js"].includes(file))
    .map((file) => at("packages", name, "dist", file))

/**
 * The files whose imports make up the runtime bundle. The file runChild.js comes first, because an actor evaluates its
 * modules first. The runtime bundle includes the public modules that only a root uses, because an actor may import the
 * main program.
 */
const roots = [
  at("packages/node/dist/internal/runChild.js"),
  ...["actor", "node", "protocol"].flatMap(publicOf)
]

/**
 * The native part of msgpackr is left out of the runtime bundle. The native code of msgpackr speeds up only long
 * texts, which no envelope has, and the search for this code costs every actor milliseconds.
 */
const pureMsgpackr = at("node_modules/msgpackr/index.js")

const pure: Plugin = {
  name: "pure",
  resolveId: (source) => source === "msgpackr" ? pureMsgpackr : null
}

/**
 * Replaces characters outside of ASCII in the runtime bundle by escapes. A single character outside of ASCII would make
 * V8 store the bundle's source with two bytes per character.
 */
const ascii = (code: string): string =>
  code.replace(/[^\p{ASCII}]/gv, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

/**
 * Matches the modules that are left out of the runtime bundle because only few actors use them: those for RpcGroups
 * and those for exporters. The modules for RpcGroups would be a sixth of the runtime bundle, and the modules for
 * exporters another sixth.
 */
const rare = /^effect\/(?:rpc|observability|devtools)\/|^effect\/http\/FetchHttpClient$/

const options: InputOptions = {
  platform: "node",
  preserveEntrySignatures: "strict",
  external: [/^node:/, rare],
  resolve: { conditionNames: ["import", "node"] },
  plugins: [lean, pure]
}

/**
 * A built module in the runtime bundle: the package that contains the module, and the module's path in that package.
 */
interface Module {
  readonly source: Source
  readonly path: string
}

const locate = (id: string): ReadonlyArray<Module> =>
  !Path.isAbsolute(id) ?
    [] :
    sources.map((source) => ({ source, path: Path.relative(source.folder, id).replaceAll(Path.sep, "/") }))
      .filter(({ path }) => path.startsWith("dist/"))

const reachable = async (): Promise<ReadonlyArray<Module>> => {
  // Unused exports of a module stay in the runtime bundle, because a module of the user may import any export.
  const build = await rolldown({ ...options, input: roots, treeshake: false })
  const { output } = await build.generate({ format: "esm" })
  await build.close()
  const ids = output.flatMap((chunk) => chunk.type === "chunk" ? chunk.moduleIds : [])
  // The modules of the runtime bundle are listed in the order in which an actor evaluates them.
  return [...new Set([roots[0]!, ...ids])].flatMap(locate)
}

/** The kinds of syntax nodes whose parts may each stand on a line of their own. */
const lists = new Set(["Program", "BlockStatement", "FunctionBody", "ClassBody", "StaticBlock"])

/** Returns the places in the bundle at which a statement or a member of a class begins. */
const beginnings = (node: unknown, into: Set<number> = new Set()): ReadonlySet<number> => {
  if (typeof node !== "object" || node === null) return into
  const { body, type } = node as { readonly body?: unknown; readonly type?: unknown }
  if (Array.isArray(body) && lists.has(type as string)) {
    for (const { start } of body as ReadonlyArray<{ readonly start: number }>) into.add(start)
  }
  for (const part of Object.values(node)) beginnings(part, into)
  return into
}

/**
 * Removes text from the runtime bundle that Node would read without need: spaces, and long names of local variables
 * of functions. The names of functions and classes stay in the runtime bundle, because stacks show them. Each
 * statement in the runtime bundle keeps its own line, because Node prints the source line of the bundle that threw an
 * error.
 */
const shrunk = async (code: string): Promise<string> => {
  const { code: short, errors } = await minify("runtime.js", code, {
    module: true,
    compress: false,
    mangle: { keepNames: { function: true, class: true } },
    codegen: { removeWhitespace: true }
  })
  const parsed = parseSync("runtime.js", short)
  const wrong = [...errors, ...parsed.errors]
  if (wrong.length > 0) throw new Error(`the bundle cannot be shortened: ${wrong.map(({ message }) => message).join()}`)
  const at = [...beginnings(parsed.program)].sort((a, b) => a - b)
  return [0, ...at].map((start, i) => short.slice(start, at[i])).join("\n").trimStart()
}

/**
 * Matches the modules of Node that an actor loads only at their first use. Each of these modules takes milliseconds of
 * a start.
 */
const atOnce =
  /^const \S+ = process\.getBuiltinModule\(["'`](node:(?:child_process|crypto|diagnostics_channel|perf_hooks|tls|worker_threads))["'`]\);?$/gm

const write = async (modules: ReadonlyArray<Module>): Promise<void> => {
  const input = modules.map(({ path, source }) =>
    [`runtime/${source.name}/${path.replace(/\.js$/, "")}`, Path.join(source.folder, path)] as const
  )
  const build = await rolldown({ ...options, input: Object.fromEntries(input) })
  // The runtime bundle has no source map, because an actor would need more time to read the map than for the rest of
  // its start.
  const { output } = await build.write({
    dir: dist,
    format: "esm",
    comments: false,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    codeSplitting: { groups: [{ name: "runtime", test: () => true }] }
  })
  await build.close()
  const [bundle, ...more] = output.filter((chunk) => chunk.type === "chunk" && !chunk.isEntry)
  if (bundle?.type !== "chunk" || bundle.fileName !== "runtime.js" || more.length > 0) {
    throw new Error(`the bundle is not one file: ${output.map(({ fileName }) => fileName).join(", ")}`)
  }
  if (/^import\b/m.test(bundle.code)) throw new Error("the bundle imports something in a way that is not known here")
  const early = Array.from(bundle.code.matchAll(atOnce), ([, module]) => module)
  if (early.length > 0) {
    throw new Error(`each actor would load ${early.join(", ")}: src/internal/builtins.ts loads it later`)
  }
  const unwanted = bundle.moduleIds.filter((id) => /\/effect\/dist\/(rpc|observability|devtools)\/|HttpClient/.test(id))
  if (unwanted.length > 0) throw new Error(`in the bundle, though few actors need it: ${unwanted.join(", ")}`)
  const known = new Set(input.map(([, id]) => id))
  const second = bundle.moduleIds.filter((id) => locate(id).length > 0 && !known.has(id))
  if (second.length > 0) throw new Error(`in the bundle, and loaded once more when imported: ${second.join(", ")}`)
  Fs.writeFileSync(Path.join(dist, bundle.fileName), ascii(await shrunk(bundle.code)))
}

const manifestOf = (modules: ReadonlyArray<Module>): Manifest => ({
  entry: "@furrow/node/dist/internal/runChild.js",
  packages: sources.map((source) => {
    const { version } = JSON.parse(Fs.readFileSync(Path.join(source.folder, "package.json"), "utf8")) as {
      readonly version: string
    }
    const own = modules.filter((module) => module.source === source).map(({ path }) => path)
    return {
      name: source.name,
      version,
      probe: source.probe,
      files: Object.fromEntries(own.map((path) => [path, Fs.statSync(Path.join(source.folder, path)).size]))
    }
  })
})

const licenses = (): string =>
  ["effect", "msgpackr"].map((name) =>
    `# ${name}\n\n${Fs.readFileSync(at("node_modules", name, "LICENSE"), "utf8").trim()}\n`
  ).join("\n")

/** The functions of the bundle that an actor calls from its start to its end. */
const sampled = (bundle: string): ReadonlyArray<Range> => {
  const reports = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-sample-"))
  try {
    // A flag of Node in the environment may keep an actor from using the runtime bundle.
    const env = { ...process.env, NODE_OPTIONS: "", NODE_V8_COVERAGE: reports }
    ChildProcess.execFileSync(process.execPath, [at("scripts/lib/sample-life.ts")], {
      env,
      stdio: ["ignore", "ignore", "inherit"]
    })
    const url = pathToFileURL(bundle).href
    const found = Fs.readdirSync(reports).flatMap((file) =>
      called(JSON.parse(Fs.readFileSync(Path.join(reports, file), "utf8")) as Coverage, url)
    )
    if (found.length === 0) throw new Error("the sample actor has not used the bundle: NODE_DEBUG=furrow says why")
    return found
  } finally {
    Fs.rmSync(reports, { recursive: true, force: true })
  }
}

const markCalled = (bundle: string): void => {
  const code = Fs.readFileSync(bundle, "utf8")
  const marked = eager(code, sampled(bundle))
  const { errors } = parseSync("runtime.js", marked)
  if (errors.length > 0) throw new Error(`marked functions are no syntax: ${errors[0]!.message}`)
  Fs.writeFileSync(bundle, marked)
}

// The manifest of the bundle is written last, because a bundle without a manifest is not used.
Fs.rmSync(folder, { recursive: true, force: true })
const modules = await reachable()
await write(modules)
Fs.writeFileSync(Path.join(folder, "LICENSES.md"), licenses())
Fs.writeFileSync(Path.join(folder, "manifest.json"), `${JSON.stringify(manifestOf(modules))}\n`)
markCalled(Path.join(dist, "runtime.js"))
