/**
 * Draws the pictures in docs/architecture.md: the layers by `lib/picture.ts`, and each machine by the doc comment of
 * its file.
 *
 *     node scripts/architecture.ts           draws them
 *     node scripts/architecture.ts --check   fails where the page differs from the code, or leaves a machine out
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { layers, leaves } from "./lib/picture.ts"
import * as Section from "./lib/section.ts"

export const root = Path.join(import.meta.dirname, "..")
export const file = Path.join(root, "docs", "architecture.md")

/** Returns the layers that a layer imports directly, and not also through other layers. */
const direct = (from: string): ReadonlyArray<string> => {
  const imports = layers[from]!.imports.filter((name) => !leaves.includes(name))
  return imports.filter((name) => !imports.some((other) => other !== name && layers[other]!.imports.includes(name)))
}

const drawing = (): string => {
  const rooms = Object.keys(layers).filter((name) => !leaves.includes(name))
  const arrows = rooms.flatMap((from) => direct(from).map((to) => `  ${from} --> ${to}`))
  return ["```mermaid", "flowchart TD", ...arrows, "```"].join("\n")
}

const table = (): string =>
  [
    "| layer | holds |",
    "| --- | --- |",
    ...Object.entries(layers).map(([name, { holds }]) => `| \`${name}\` | ${holds} |`)
  ]
    .join("\n")

/**
 * Returns the drawing in the first doc comment of a file: the comment's indented lines and its table, without the
 * sentences around them.
 */
export const pictureOf = (source: string): string | undefined => {
  const comment = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(source)?.[1]
  if (comment === undefined) return undefined
  const lines = comment.split("\n").map((line) => line.replace(/^ \* ?/, ""))
  const isDrawn = (line: string) => /^ {2,}\S/.test(line) || line.startsWith("|")
  const first = lines.findIndex(isDrawn)
  if (first < 0) return undefined
  const last = lines.findLastIndex(isDrawn)
  const drawn = lines.slice(first, last + 1).filter((line) => isDrawn(line) || line === "")
  const width = Math.min(...drawn.filter((line) => line.startsWith(" ")).map((line) => line.search(/\S/)))
  return drawn.map((line) => line.startsWith(" ") ? line.slice(width) : line).join("\n").replace(/\n{3,}/g, "\n\n")
}

/** Returns the title of a source file, which is the first sentence of its doc comment. */
const titleOf = (source: string): string =>
  (/^\/\*\*\n \* ([\s\S]*?[.:])(?:\s|$)/.exec(source)?.[1] ?? "").replaceAll("\n * ", " ").replace(/:$/, ".")

/**
 * Returns the files that contain a machine, which are the files that export a step from one state to the next state.
 */
export const machines = (folder = root): ReadonlyArray<string> =>
  Fs.globSync("packages/{protocol,actor,node}/src/**/*.ts", { cwd: folder }).map((name) =>
    name.split(Path.sep).join("/")
  )
    .filter((name) => /^export const (?:step|[a-z]\w*Step)\b/m.test(Fs.readFileSync(Path.join(folder, name), "utf8")))
    .sort()

const drawnMachines = (): string =>
  machines().map((name) => {
    const source = Fs.readFileSync(Path.join(root, name), "utf8")
    const picture = pictureOf(source)
    if (picture === undefined) throw new Error(`${name} exports a step and draws no picture in its first comment`)
    const tableAt = picture.search(/^\|/m)
    const [drawn, rows] = tableAt < 0 ? [picture, ""] : [picture.slice(0, tableAt), picture.slice(tableAt)]
    return [
      `### [\`${Path.basename(name, ".ts")}\`](../${name})`,
      titleOf(source),
      ...(drawn === "" ? [] : ["```\n" + drawn.trimEnd() + "\n```"]),
      ...(rows === ""
        ? []
        : [rows.replace(/^(\|.*\|)\n(?!\| ?-)/, (_, head: string) => `${head}\n${rule(head)}\n`)])
    ].join("\n\n")
  }).join("\n\n")

const rule = (head: string): string => head.split("|").slice(1, -1).map(() => "| --- ").join("") + "|"

const sections: Readonly<Record<string, () => string>> = {
  layers: () => `${drawing()}\n\n${table()}`,
  machines: drawnMachines
}

/** Returns the page docs/architecture.md with every section drawn from the code. */
export const complete = (document: string): string =>
  Object.entries(sections).reduce((text, [name, draw]) => {
    const begin = `<!-- ${name}: drawn by scripts/architecture.ts -->`
    const end = `<!-- end of ${name} -->`
    return Section.fill(text, { begin, end, text: `\n\n${draw()}\n\n` })
  }, document)

if (import.meta.main) {
  const problem = "docs/architecture.md: a picture is not what the code says (run npm run architecture)"
  console.log(`docs/architecture.md: the pictures ${Section.writeOrCheck(file, complete, problem) ? "hold" : "differ"}`)
}
