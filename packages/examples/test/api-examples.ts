/**
 * Makes programs from the examples in doc comments, by these rules:
 *
 *     ```ts         the body of a generator: it runs in a nursery, on a tree in memory
 *     ```ts check   the same, but only type-checked: it needs processes, or never ends
 *
 * A statement that begins with `export` stands at the top of the file instead, where actors find it. An expression with
 * a comment after its last line must have the value in the comment. An expression without one must not be an Effect,
 * because the Effect would not be run.
 *
 * An example imports the public modules, modules of Effect and exports of `api-prelude.ts` that it names. The actors in
 * `running` that it names are started.
 */
import * as Path from "node:path"
import { names, running } from "./api-prelude.ts"
import * as Surface from "./api-surface.ts"

export interface Example {
  /** The name of the package whose source contains the example. */
  readonly package: string
  /** The place of the example: its path below `packages`, and its number in the file. */
  readonly title: string
  /** The path of the file that the example becomes. */
  readonly file: string
  readonly text: string
  readonly run: boolean
}

/** The namespaces that an example may use without importing them, with the module of each. */
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

/**
 * Returns namespaces in which the modules of the example's own package have precedence over those of other packages.
 */
const namespacesOf = (name: string): Readonly<Record<string, string>> => ({
  ...namespaces,
  ...Object.fromEntries(Surface.modulesOf(name).map((module) => [module, `@furrow/${name}/${module}`]))
})

/** Names of the test runner, for examples that are only type-checked. */
const ofRunner = ["assert", "it"]

/** Returns the examples of one comment. */
export const blocks = (comment: string): ReadonlyArray<{ readonly text: string; readonly run: boolean }> =>
  Array.from(comment.matchAll(/^```(.*)\n([^]*?)^```$/gm), ([, language = "", text = ""]) => {
    if (language !== "ts" && language !== "ts check") {
      throw new Error(`no rule for a block of \`${language}\`:\n${text}`)
    }
    return { text, run: language === "ts" }
  })

/** Returns every example in the sources of a package, also those of names that are not public. */
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

/** A statement at the top of the file ends where the next line is neither indented nor closes a bracket. */
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

/** Turns every statement that is an expression into a check of its value. */
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

/** Returns the program of an example. The file of the prelude is in the folder `test` of the package examples. */
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
