/**
 * Writes the reference of the public API from the doc comments: one page for each module, with the meaning, signature
 * and example of each name. The tests of packages/examples compile and run every example of the reference.
 *
 *     npm run docs             writes docs/api
 *     npm run docs -- --check  fails where a page is not what the sources say
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Api from "./api.ts"

const root = Path.resolve(import.meta.dirname, "..")
export const folder = "docs/api"

/** A doc comment of the public API, split into its text and its tags. */
export interface Doc {
  readonly text: string
  readonly examples: ReadonlyArray<string>
  readonly category: string
  readonly since: string
}

/** Splits a doc comment into its text and its tags. */
export const parse = (comment: string): Doc => {
  const [text = "", ...tags] = comment.split(/^(?=@\w+)/m)
  const valuesOf = (tag: string) =>
    tags.filter((part) => new RegExp(`^@${tag}\\b`).test(part)).map((part) => part.slice(tag.length + 1).trim())
  return {
    text: text.trim(),
    examples: valuesOf("example"),
    category: valuesOf("category")[0] ?? "other",
    since: valuesOf("since")[0] ?? ""
  }
}

interface Entry extends Doc {
  readonly name: string
  readonly signature: string
}

const anchorOf = (name: string): string => name.toLowerCase().replace(/[^\w-]/g, "")

const entryOf = (path: string, name: string): Entry => ({
  ...parse(Api.docOf(path, name) ?? ""),
  name,
  signature: Api.signature(path, name, "whole").join("\n")
})

const section = ({ examples, name, signature, since, text }: Entry): string =>
  [
    `### ${name}`,
    text,
    "```ts\n" + signature + "\n```",
    ...examples.map((example) => `Example:\n\n${example}`),
    ...(since === "" ? [] : [`Since ${since}.`])
  ].filter((part) => part !== "").join("\n\n")

/** Returns the comment at the head of a public module. */
const headOf = (name: string, module: string): string => {
  const source = Fs.readFileSync(Path.join(root, "packages", name, "src", `${module}.ts`), "utf8")
  const [, comment] = /^\/\*(\*[^]*?)\*\//.exec(source) ?? []
  return comment === undefined ? "" : parse(Api.plain(comment)).text
}

/** Writes the page of one public module: the module's purpose, its names by category, and a section for each name. */
export const page = (title: string, head: string, path: string): string => {
  const { exports, namespaces } = Api.read(path)
  const entries = [...exports.keys()].toSorted().map((name) => entryOf(path, name))
  const categories = [...new Set(entries.map(({ category }) => category))].toSorted()
  const listOf = (category: string) => entries.filter((entry) => entry.category === category)
  return [
    `# ${title}`,
    head,
    ...(namespaces.size === 0 ? [] : [
      "Modules of this package, each exported under its name:",
      [...namespaces].map(([name]) => `- [${name}](${name}.md)`).join("\n")
    ]),
    categories.map((category) =>
      `- ${category}: ${listOf(category).map(({ name }) => `[${name}](#${anchorOf(name)})`).join(", ")}`
    ).join("\n"),
    ...categories.flatMap((category) => [`## ${category}`, ...listOf(category).map(section)])
  ].filter((part) => part !== "").join("\n\n") + "\n"
}

/** Returns all pages of the reference, by their paths below its folder; the first page lists all other pages. */
export const pages = (): ReadonlyMap<string, string> => {
  const made = new Map<string, string>()
  const index = [
    "# Reference of the API",
    "Written by `npm run docs` from the doc comments. The tests run the examples."
  ]
  for (const [name, those] of Map.groupBy(Api.modules(), ({ pack }) => pack)) {
    const lines = those.map(({ module, path, title }) => {
      const head = headOf(name, module)
      made.set(`${name}/${module}.md`, page(title, head, path))
      const [first = ""] = head.split(/\n\n|(?<=\.)\s/)
      return `- [${module}](${name}/${module}.md)${first === "" ? "" : `: ${first.replace(/\s+/g, " ")}`}`
    })
    index.push(`## @furrow/${name}`, lines.join("\n"))
  }
  return made.set("README.md", index.join("\n\n") + "\n")
}

/** Returns the public names without a doc comment, of all modules in the reference. */
export const unexplained = (): ReadonlyArray<string> =>
  Api.modules().flatMap(({ module, pack, path }) =>
    [...Api.read(path).exports.keys()].filter((key) => (Api.docOf(path, key) ?? "") === "")
      .map((key) => `${pack}/${module}: ${key}`)
  )

if (import.meta.main) {
  Api.declare()
  const made = pages()
  const base = Path.join(root, folder)
  const there = Fs.existsSync(base)
    ? Fs.readdirSync(base, { recursive: true, encoding: "utf8" }).filter((entry) => entry.endsWith(".md"))
    : []
  if (process.argv.includes("--check")) {
    const stale = [...made].filter(([file, text]) =>
      !there.includes(file) || Fs.readFileSync(Path.join(base, file), "utf8") !== text
    ).map(([file]) => file)
    const left = there.filter((file) => !made.has(file))
    for (const file of [...stale, ...left]) {
      console.error(`${folder}/${file} is not what the sources say: run \`npm run docs\``)
    }
    // The check reports no missing doc comments in the package `protocol`, whose reference is docs/protocol.md.
    const silent = unexplained().filter((name) => !name.startsWith("protocol/"))
    for (const name of silent) console.error(`${name} has no doc comment`)
    process.exitCode = stale.length + left.length + silent.length === 0 ? 0 : 1
  } else {
    Fs.rmSync(base, { recursive: true, force: true })
    for (const [file, text] of made) {
      Fs.mkdirSync(Path.dirname(Path.join(base, file)), { recursive: true })
      Fs.writeFileSync(Path.join(base, file), text)
    }
  }
  console.log(`docs: ${made.size} pages, ${unexplained().length} names without a comment`)
}
