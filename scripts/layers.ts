/**
 * Checks the layers of the runtime, which scripts/lib/picture.ts describes. The check of the layers fails for an import
 * of a higher layer, an unlisted import of a neighbour layer, or an import of a forbidden package. The check of the
 * layers also fails for a cycle of imports, and for a file or function that is too long. `lib/seams.ts` lists calls
 * that the check of the layers forbids, such as `Date.now` and `setTimeout`, because a simulation cannot control them.
 *
 * The picture of the layers is data in the file `lib/picture.ts`; docs/architecture.md shows it, as
 * scripts/architecture.ts draws it.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { layers } from "./lib/picture.ts"
import * as Seams from "./lib/seams.ts"
import type { Import, Source } from "./lib/source.ts"
import * as SourceFile from "./lib/source.ts"

/** Private packages of this repository that consist only of tests. */
const tests: ReadonlySet<string> = new Set(["engines", "faults", "hosts", "simulation"])

/**
 * Packages with programs whose hosts show certificates to each other. Each run of a program with certificates makes
 * new certificates, so that the repository contains no private key.
 */
const certified: ReadonlySet<string> = new Set(["attack", "examples"])

/** The module that makes TLS certificates for tests and examples. */
const certificates = "@furrow/testing/Certificates"

/** The packages that each published package may import. Private packages may import any package except testing. */
const published: Readonly<Record<string, ReadonlyArray<string>>> = {
  protocol: ["effect", "msgpackr"],
  actor: ["effect", "@furrow/protocol"],
  node: ["effect", "@furrow/protocol", "@furrow/actor", "node:"],
  testing: ["effect", "@furrow/protocol", "@furrow/actor", "node:", "vitest", "@effect/vitest"],
  sql: ["effect", "@furrow/actor", "@effect/sql-pg"],
  nats: ["effect", "@furrow/actor", "@nats-io/jetstream", "@nats-io/kv", "@nats-io/transport-node"]
}

const budget = { file: 400, body: 80 }

interface Module extends Source {
  readonly package: string
  /** The path of a source file below the `src` of its package. */
  readonly path: string
}

const matches = (specifier: string, rule: string) =>
  specifier === rule || specifier.startsWith(rule.endsWith(":") ? rule : `${rule}/`)

const packageProblem = (module: Module, specifier: string): string | undefined => {
  const allowed = published[module.package]
  if (specifier.startsWith(".")) {
    const target = Path.resolve(Path.dirname(module.file), specifier)
    const src = module.file.slice(0, -module.path.length)
    return target.startsWith(src) ? undefined : `${specifier} leaves the package: import it by its name`
  }
  if (tests.has(module.package)) return undefined
  if (specifier === certificates && certified.has(module.package)) return undefined
  if (matches(specifier, "@furrow/testing")) return "only tests may import @furrow/testing"
  if (allowed === undefined) return undefined
  if (specifier === "effect") {
    return "import the submodule (effect/Effect): the barrel loads all of Effect in every actor"
  }
  return allowed.some((rule) => matches(specifier, rule)) ? undefined : `${module.package} must not import ${specifier}`
}

/** Returns the layer of a file below src/internal, or `face` for a public file directly below src. */
const layerOf = (path: string): string => {
  const [first, second] = Path.dirname(path).split(Path.sep)
  return first === "internal" ? second ?? first : first === "." ? "face" : first!
}

/** A public module may import every layer, and no layer may import a public module. */
const layerProblem = (module: Module, specifier: string): string | undefined => {
  const from = layerOf(module.path)
  if (module.package !== "actor" || from === "face") return undefined
  const allowed = layers[from]?.imports
  if (allowed === undefined) {
    return `${from} is not in the picture: add it to scripts/lib/picture.ts, with what it may import`
  }
  if (!specifier.startsWith(".")) return undefined
  const target = layerOf(Path.join(Path.dirname(module.path), specifier))
  if (target === from || allowed.includes(target)) return undefined
  return `${from} must not import ${target === "face" ? "the public face" : target}`
}

const budgetProblems = (module: Module): ReadonlyArray<string> => [
  ...(module.codeLines > budget.file ? [`: ${module.codeLines} code lines, the budget is ${budget.file}`] : []),
  ...module.bodies
    .filter((body) => body.codeLines > budget.body)
    .map((body) => `:${body.line} ${body.name}: ${body.codeLines} code lines, the budget is ${budget.body}`)
]

const resolve = (root: string, module: Module, { specifier }: Import): string | undefined => {
  if (specifier.startsWith(".")) return Path.resolve(Path.dirname(module.file), specifier)
  const [, name, path = "index"] = /^@furrow\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? []
  return name === undefined ? undefined : Path.join(root, "packages", name, "src", `${path}.ts`)
}

/** Returns every cycle of value imports once, as the list of the cycle's files. */
const cycles = (root: string, modules: ReadonlyArray<Module>): ReadonlyArray<ReadonlyArray<string>> => {
  const byFile = new Map(modules.map((module) => [module.file, module]))
  const done = new Set<string>()
  const found: Array<ReadonlyArray<string>> = []
  const visit = (module: Module, path: ReadonlyArray<string>) => {
    if (path.includes(module.file)) return void found.push(path.slice(path.indexOf(module.file)))
    if (done.has(module.file)) return
    for (const item of module.imports) {
      const next = item.kind === "value" ? byFile.get(resolve(root, module, item) ?? "") : undefined
      if (next !== undefined) visit(next, [...path, module.file])
    }
    done.add(module.file)
  }
  for (const module of modules) visit(module, [])
  return found
}

/**
 * Published packages may import only each other's public modules, because an installed package exports no other
 * modules.
 */
const reachesIn = (module: Module, specifier: string): string | undefined =>
  published[module.package] !== undefined && /^@furrow\/[^/]+\/(.*\/)?internal\//.test(specifier)
    ? `${specifier} is closed where the package is installed: use its public modules`
    : undefined

/** True when only the sources of this repository may use a module, and not users of the installed package. */
const isClosed = (target: unknown): boolean =>
  target === null ||
  typeof target === "object" && target !== null &&
    Object.keys(target).every((condition) => condition === "furrow-source")

/** Returns the packages whose `exports` let other packages import a folder named `internal`. */
const openInternals = (root: string, modules: ReadonlyArray<Module>): ReadonlyArray<string> =>
  Object.keys(published).flatMap((name) => {
    const paths = modules.filter((module) => module.package === name).map((module) => module.path)
    const folders = new Set(
      paths.flatMap((path) => /^((?:.*\/)?internal)\//.exec(path.split(Path.sep).join("/"))?.[1] ?? [])
    )
    if (folders.size === 0) return []
    const file = `packages/${name}/package.json`
    const { exports } = JSON.parse(Fs.readFileSync(Path.join(root, file), "utf8")) as {
      exports: Record<string, unknown>
    }
    return [...folders].filter((folder) => !isClosed(exports[`./${folder}/*`])).map((folder) =>
      `${file}: exports must close "./${folder}/*": null, or the condition furrow-source alone`
    )
  })

const modulesOf = (root: string): ReadonlyArray<Module> =>
  Fs.globSync("packages/*/src/**/*.ts", { cwd: root }).sort().map((name) => {
    const [, pack, , ...path] = name.split(Path.sep)
    return { ...SourceFile.read(Path.join(root, name)), package: pack!, path: path.join(Path.sep) }
  })

/** Returns all problems of the layers of the sources under `root`, one line each. */
export const problems = (root: string): ReadonlyArray<string> => {
  const modules = modulesOf(root)
  const relative = (file: string) => Path.relative(root, file)
  return [
    ...modules.flatMap((module) => [
      ...module.imports.flatMap(({ line, specifier }) =>
        [packageProblem(module, specifier), reachesIn(module, specifier), layerProblem(module, specifier)]
          .filter((problem) => problem !== undefined)
          .map((problem) => `${relative(module.file)}:${line} ${problem}`)
      ),
      ...Seams.problems(module.package, module.path.split(Path.sep).join("/"), module.calls)
        .map((problem) => `${relative(module.file)}${problem}`),
      ...budgetProblems(module).map((problem) => `${relative(module.file)}${problem}`)
    ]),
    ...cycles(root, modules).map((files) => `import cycle: ${[...files, files[0]!].map(relative).join(" -> ")}`),
    ...openInternals(root, modules)
  ]
}

if (import.meta.main) {
  const root = Path.resolve(import.meta.dirname, "..")
  const found = problems(root)
  for (const problem of found) console.error(problem)
  console.log(`layers: ${found.length === 0 ? "the picture holds" : `${found.length} problems`}`)
  process.exitCode = found.length === 0 ? 0 : 1
}
