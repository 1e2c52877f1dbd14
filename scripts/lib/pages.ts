/**
 * Checks the pages of this repository and their links: every link leads to an existing file and heading, and
 * docs/README.md lists every page below docs in one group.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The texts of the repository's pages by their paths below the root. */
export type Pages = ReadonlyMap<string, string>

const patterns = [
  "*.md",
  ".github/**/*.md",
  ".changeset/README.md",
  "docs/**/*.{md,txt}",
  "packages/*/README.md",
  "scripts/**/*.md"
]

export const read = (root: string): Pages =>
  new Map(
    Fs.globSync(patterns, { cwd: root }).map((file) => file.split(Path.sep).join("/")).sort()
      .map((file) => [file, Fs.readFileSync(Path.join(root, file), "utf8")])
  )

/** Links in published READMEs are absolute, because the registry shows these pages without the repository's files. */
const absolute = /^https:\/\/github\.com\/furrow-effect\/furrow\/(?:blob|tree)\/main\//

export interface Link {
  readonly line: number
  /** The path of a page below the root of the repository. */
  readonly path: string
  /** The text of a heading without its `#`. */
  readonly anchor: string | undefined
}

const blank = (text: string) => text.replace(/[^\n]/g, " ")

const prose = (text: string) => text.replace(/^ *```[^]*?^ *```.*$/gm, blank).replace(/`[^`\n]*`/g, blank)

/** Returns the links of a page to files of this repository. */
export const links = (page: string, text: string): ReadonlyArray<Link> =>
  Array.from(prose(text).matchAll(/\]\(([^)\s]+)\)/g), ({ 1: target, index }) => ({ target: target!, index }))
    .filter(({ target }) => absolute.test(target) || !/^[a-z]+:/.test(target))
    .map(({ index, target }) => {
      const [file = "", anchor] = target.replace(absolute, "").split("#")
      const base = absolute.test(target) ? "" : Path.posix.dirname(page)
      return {
        line: text.slice(0, index).split("\n").length,
        path: file === "" ? page : Path.posix.join(base, file),
        anchor
      }
    })

/** Returns the anchors that GitHub gives to the headings of a page. */
export const anchors = (text: string): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const [, heading] of text.replace(/^ *```[^]*?^ *```.*$/gm, blank).matchAll(/^#{1,6} +(.*?)\s*$/gm)) {
    const plain = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    const slug = plain.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-")
    let free = slug
    for (let n = 1; found.has(free); n++) free = `${slug}-${n}`
    found.add(free)
  }
  return found
}

/** Returns the links of the pages that lead to no existing file or heading, each as `page:line target`. */
export const dead = (pages: Pages, exists: (path: string) => boolean): ReadonlyArray<string> =>
  [...pages].flatMap(([page, text]) =>
    links(page, text).filter(({ anchor, path }) => {
      if (!exists(path)) return true
      const target = pages.get(path)
      return anchor !== undefined && target !== undefined && !anchors(target).has(anchor)
    }).map(({ anchor, line, path }) => `${page}:${line} ${path}${anchor === undefined ? "" : `#${anchor}`}`)
  )

const index = "docs/README.md"
export const groups = ["Tutorials", "How to", "Reference", "Explanation"] as const

/**
 * Returns pages below docs that docs/README.md lists in no group or in several, and list items of docs/README.md
 * without a sentence.
 */
export const unlisted = (pages: Pages): ReadonlyArray<string> => {
  const [, ...sections] = pages.get(index)!.split(/^## /m)
  const points = sections.flatMap((section) =>
    section.split("\n").filter((line) => line.startsWith("- ")).map((line) => ({
      group: section.slice(0, section.indexOf("\n")),
      line,
      paths: links(index, line).map(({ path }) => path)
    }))
  )
  const covers = (path: string) => (page: string) => page === path || page.startsWith(`${path}/`)
  return [
    ...points.filter(({ group }) => !(groups as ReadonlyArray<string>).includes(group))
      .map(({ group }) => `${group} is no group`),
    ...points.filter(({ line }) => !/^- \[[^\]]+\]\([^)]+\): .*\.$/.test(line))
      .map(({ line }) => `${line} is not a link and one sentence`),
    ...[...pages.keys()].filter((page) => page.startsWith("docs/") && page !== index).flatMap((page) => {
      const found = points.filter(({ paths }) => paths.some((path) => covers(path)(page)))
      return found.length === 1 ? [] : [`${page} is listed ${found.length} times`]
    })
  ]
}
