/**
 * Describes mutants as data: each mutant is a fault of the code, with the one test that must find this fault.
 *
 * An edit of a mutant contains the text that it replaces, and no line number. The text that an edit replaces is
 * searched in a whole folder, without regard to spaces and line breaks, and must occur exactly once. A mutant stays
 * valid when a file is moved or reformatted, and is stale when the text that its edit replaces is gone.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Named } from "./tests.ts"

/** One edit of a mutant: the replacement of a text in one file. */
export interface Edit {
  /** The path of the file to edit, or of a folder in which exactly one file contains the text in `find`. */
  readonly in: string
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  /** The name of the mutant's file in the folder scripts/mutants, without the ending. */
  readonly name: string
  /** A sentence that describes the fault of a mutant. */
  readonly title: string
  /**
   * The promise that a mutant breaks: a row of docs/parity.md, or a guarantee or a row of a table in
   * docs/semantics.md.
   */
  readonly violates: string
  readonly edits: ReadonlyArray<Edit>
  /** The test that must find a mutant, as `file: fragment of a title`, which is the form of docs/parity.md. */
  readonly test: string
}

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u)

const isEdit = (u: unknown): u is Edit =>
  isRecord(u) && ["in", "find", "replace"].every((key) => typeof u[key] === "string")

/** Reads a mutant from its file, or returns what makes the file unusable. */
export const parse = (name: string, text: string): Mutant | string => {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    return `${name}: ${(error as Error).message}`
  }
  if (!isRecord(data)) return `${name}: is no object`
  const { edits, test, title, violates } = data
  const unknown = Object.keys(data).filter((key) => !["title", "violates", "edits", "test"].includes(key))
  if (unknown.length > 0) return `${name}: has unknown fields: ${unknown.join(", ")}`
  if (typeof title !== "string" || typeof violates !== "string" || typeof test !== "string") {
    return `${name}: needs the texts title, violates and test`
  }
  if (!Array.isArray(edits) || edits.length === 0 || !edits.every(isEdit)) {
    return `${name}: needs edits, a list of { in, find, replace }`
  }
  return { name, title, violates, edits, test }
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")

/**
 * Makes a pattern that finds a text of code in any layout: words stay apart, other spaces do not matter, and a list
 * may end with a comma.
 */
export const pattern = (find: string): RegExp => {
  const tokens = find.match(/\w+|[^\w\s]/g) ?? []
  const parts = tokens.map((token, i) => {
    const before = tokens[i - 1]
    const apart = before === undefined ? "" : /^\w/.test(before) && /^\w/.test(token) ? "\\s+" : "\\s*"
    return `${apart}${/^[)\]}]$/.test(token) ? "(?:,\\s*)?" : ""}${escape(token)}`
  })
  // The text that an edit matches must not begin or end in the middle of a longer word.
  const start = /^\w/.test(tokens[0] ?? "") ? "(?<!\\w)" : ""
  const end = /^\w/.test(tokens.at(-1) ?? "") ? "(?!\\w)" : ""
  return new RegExp(`${start}${parts.join("")}${end}`, "g")
}

/** The texts of source files by their paths below the root, with slashes. */
export type Files = ReadonlyMap<string, string>

/** Returns the source files of the packages. */
export const sources = (root: string): Files =>
  new Map(
    Fs.globSync("packages/*/src/**/*.{ts,mjs}", { cwd: root })
      .map((file) => file.split(Path.sep).join("/"))
      .sort()
      .map((file) => [file, Fs.readFileSync(Path.join(root, file), "utf8")])
  )

interface Place {
  readonly file: string
  readonly start: number
  readonly end: number
}

const places = (edit: Edit, files: Files): ReadonlyArray<Place> =>
  Array.from(files).flatMap(([file, text]) =>
    file === edit.in || file.startsWith(`${edit.in}/`)
      ? Array.from(text.matchAll(pattern(edit.find)), ({ 0: found, index }) => ({
        file,
        start: index,
        end: index + found.length
      }))
      : []
  )

/** Returns the files that a mutant changes, with their new texts, or the reason why the mutant does not apply. */
export const apply = (mutant: Mutant, files: Files): Files | string => {
  const changed = new Map(files)
  for (const edit of mutant.edits) {
    if (edit.find.trim().length < 8) return `${mutant.name}: "${edit.find}" is too short to be found once`
    const found = places(edit, changed)
    if (found.length !== 1) {
      const where = found.map(({ file, start }) => `${file}:${changed.get(file)!.slice(0, start).split("\n").length}`)
      return `${mutant.name}: stale: "${edit.find}" is ${found.length} times in ${edit.in}${
        where.length === 0 ? "" : `: ${where.join(", ")}`
      }`
    }
    const [{ end, file, start }] = found as [Place]
    const text = changed.get(file)!
    changed.set(file, text.slice(0, start) + edit.replace + text.slice(end))
  }
  const different = Array.from(changed).filter(([file, text]) => files.get(file) !== text)
  return different.length === 0 ? `${mutant.name}: changes nothing` : new Map(different)
}

/** True for the id of a row in docs/parity.md, such as `W-O2`, but not for the id of a scenario, such as `S001`. */
const isRow = (id: string): boolean => /^(?:[A-Z]+-\d+|W-[A-Z]\d+)$/.test(id)

/**
 * Checks that a mutant's test is named in the mutant's row of docs/parity.md, or has the mutant's guarantee in its
 * title.
 */
export const claim = (
  { name, test, violates }: Mutant,
  found: Named,
  rows: ReadonlyArray<{ readonly id: string; readonly tests: ReadonlyArray<string> }>
): ReadonlyArray<string> => {
  if (isRow(violates)) {
    const row = rows.find(({ id }) => id === violates)
    if (row === undefined) return [`${name}: ${violates} is no row of docs/parity.md`]
    return row.tests.includes(test) ? [] : [`${name}: docs/parity.md does not name "${test}" for ${violates}`]
  }
  if (/^(?:G\d+|26\.1 rows? .*)$/.test(violates)) {
    const word = new RegExp(`(?<![\\w.])${escape(violates)}(?!\\w)`)
    return found.titles.some((title) => word.test(title)) ? [] : [`${name}: no title of its test says ${violates}`]
  }
  return [`${name}: "${violates}" is no row of docs/parity.md, no guarantee (G1) and no row of the table (26.1 row 1)`]
}

/**
 * Returns a pattern for the name of a test in Vitest, where the titles of the groups stand before the title of the
 * test.
 */
export const namePattern = (fragment: string): string => fragment.split(/\$\w+|%\w/).map(escape).join(".*")
