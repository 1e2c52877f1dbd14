/**
 * The examples of doc comments as programs, by these rules:
 *
 *     ```ts         the body of a generator: it runs in a nursery, on a tree in memory
 *     ```ts check   the same, but only type-checked: it needs processes, or never ends
 *
 * A statement that begins with `export` stands at the top of the file instead, where actors find it. A statement that is an
 * expression, with a comment behind it on its last line, has the value that the comment says; without one it is no Effect,
 * which would not be run.
 *
 * Public modules, modules of Effect and what `api-prelude.ts` exports are imported where an example names them; what
 * `running` has there is started for it.
 */
import * as Path from "node:path"
import { names, running } from "./api-prelude.ts"
import * as Surface from "./api-surface.ts"

export interface Example {
  /** The package whose source has the example. */
  readonly package: string
  /** Where it stands: the path below `packages`, and its number there. */
  readonly title: string
  /** The file that it becomes. */
  readonly file: string
  readonly text: string
  readonly run: boolean
}

/** The namespaces an example may use without importing them, with the module of each. */
const namespaces: Readonly<Record<string, string>> = Object.fromEntries([
  ...["actor", "node", "sql", "nats"].flatMap((name) =>
    Surface.modulesOf(name).map((module) => [module, `@furrow/${name}/${module}`])
  ),
  ...[
    "Cause",
    "Clock",
    "ConfigProvider",
    "Console",
    "Context",
    "Deferred",
    "Duration",
    "Effect",
    "Exit",
    "Fiber",
    "Layer",
    "Logger",
    "Metric",
    "Option",
    "Redacted",
    "Ref",
    "References",
    "Result",
    "Schema",
    "Stream"
  ].map((module) => [module, `effect/${module}`]),
  ["Rpc", "effect/rpc/Rpc"],
  ["RpcGroup", "effect/rpc/RpcGroup"],
  ["ChildProcess", "effect/process/ChildProcess"],
  ["PgClient", "@effect/sql-pg/PgClient"],
  ["NodeServices", "@effect/platform-node/NodeServices"],
  ["Net", "node:net"]
])

/** The modules of the package of an example go before those of other packages with the same names. */
const namespacesOf = (name: string): Readonly<Record<string, string>> => ({
  ...namespaces,
  ...Object.fromEntries(Surface.modulesOf(name).map((module) => [module, `@furrow/${name}/${module}`]))
})

/** Names of the test runner, for examples that are only type-checked. */
const ofRunner = ["assert", "it"]

/** The examples of one comment. */
export const blocks = (comment: string): ReadonlyArray<{ readonly text: string; readonly run: boolean }> =>
  Array.from(comment.matchAll(/^```(.*)\n([^]*?)^```$/gm), ([, language = "", text = ""]) => {
    if (language !== "ts" && language !== "ts check") {
      throw new Error(`no rule for a block of \`${language}\`:\n${text}`)
    }
    return { text, run: language === "ts" }
  })

/** Every example in the sources of a package, also of what is not public. */
export const all = (name: string): ReadonlyArray<Example> =>
  Surface.sourcesOf(name).flatMap((path) => {
    const place = Path.relative(Surface.packages, path)
    return Surface.comments(path).flatMap(blocks).map((block, index) => ({
      ...block,
      package: name,
      title: `${place} #${index + 1}`,
      file: `${place.replaceAll(/\W/g, "-")}-${index + 1}.ts`
    }))
  })

/** A statement at the top of the file ends where the next line is neither indented nor closes something. */
const split = (text: string): { readonly top: string; readonly body: string } => {
  let top = ""
  let body = ""
  let isTop = false
  for (const line of text.split("\n")) {
    if (!/^[\s})\]]|^$/.test(line)) isTop = line.startsWith("export ")
    if (isTop) top += `${line}\n`
    else body += `${line}\n`
  }
  return { top, body }
}

const opening = "function* example() {\n"

/** Makes a check of every statement that is an expression. */
const checked = (body: string): string => {
  const { comments, program } = Surface.parse("example.ts", `${opening}${body}\n}`)
  const inset = opening.length
  let text = body
  for (const { end, expression, start, type } of program.body[0]!.body.body.toReversed()) {
    const comment = comments.find((comment) =>
      comment.type === "Line" && comment.start >= end && body.slice(end - inset, comment.start - inset).trim() === ""
      && !body.slice(end - inset, comment.start - inset).includes("\n")
    )
    if (type !== "ExpressionStatement") continue
    const source = body.slice(expression.start - inset, expression.end - inset)
    const check = comment === undefined ? `runs(${source})` : `shows(${source}, ${comment.value.trim()})`
    text = text.slice(0, start - inset) + check + text.slice((comment?.end ?? end) - inset)
  }
  return text
}

const uses = (text: string, name: string): boolean => new RegExp(`(?<![.\\w"])${name}\\b`).test(text)
const defines = (text: string, name: string): boolean =>
  new RegExp(`\\b(?:const|class|function|let) (?:${name}\\b|[\\[{][^=}\\]]*\\b${name}\\b)`).test(text)

/** The file of an example. The prelude stands in the folder `test` beside its own. */
export const program = (
  { package: of = "actor", run = true, text }: Pick<Example, "text"> & Partial<Example>
): string => {
  const wanted = (name: string) => uses(text, name) && !defines(text, name)
  const { body, top } = split(text)
  const runner = of === "testing" && !run ? ofRunner.filter(wanted) : []
  const imports = Object.entries(namespacesOf(of))
    .filter(([name]) => ["Actor", "Effect"].includes(name) || wanted(name))
    .map(([name, module]) => `import * as ${name} from "${module}"`)
  const fixtures = names.filter(wanted)
  return [
    ...imports,
    ...runner.length === 0 ? [] : [`import { ${runner.join(", ")} } from "@effect/vitest"`],
    `import { ${["type Example", "running", "runs", "shows", ...fixtures].join(", ")} } from "../test/api-prelude.ts"`,
    top,
    "export const example: Example = Actor.nursery(Effect.gen(function*() {",
    ...Object.keys(running).filter(wanted).map((name) => `const ${name} = yield* running.${name}`),
    checked(body),
    "}))",
    ""
  ].join("\n")
}
