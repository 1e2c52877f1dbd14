/**
 * The report of the census as text, made by pure functions.
 */
import * as Duration from "effect/Duration"
import type { Census } from "./count.ts"
import { dependencies, type Ranked } from "./dependencies.ts"
import { isMeasured, type Measured, type Row } from "./row.ts"
import * as Text from "./text.ts"
import { differing, totals } from "./totals.ts"

export interface Style {
  /** The number of rows that a list in the census's report may have. */
  readonly top: number
  /** The number of characters that a line of the census's report may have. */
  readonly width: number
  readonly heading: (text: string) => string
}

type Rows = ReadonlyMap<string, Row>
type Lines = ReadonlyArray<string>

const indent = (lines: Lines): Lines => lines.map((line) => line === "" ? "" : `  ${line}`)

const section = (style: Style, title: string, lines: Lines): Lines =>
  lines.length === 0 ? [] : ["", style.heading(title), ...indent(lines)]

const measuredOf = (rows: Rows): ReadonlyArray<Measured> => Array.from(rows.values()).filter(isMeasured)

/**
 * Sorts rows of the census's report, and takes the first rows. Rows with equal values in the report are sorted by name,
 * so that the same folder always gives the same table.
 */
const top = <A extends { readonly file: string }>(all: ReadonlyArray<A>, n: number, by: (a: A) => number) =>
  all.toSorted((a, b) => by(b) - by(a) || (a.file < b.file ? -1 : 1)).slice(0, n)

const left = (title: string): Text.Column => ({ title, side: "left" })
const right = (title: string): Text.Column => ({ title, side: "right" })

const largest = (rows: Rows, style: Style): Lines => {
  const measured = measuredOf(rows)
  if (measured.length === 0) return []
  return Text.table(
    [left("file"), right("size"), right("code"), right("comment"), right("blank"), right("imports"), left("sha256")],
    top(measured, style.top, ({ bytes }) => bytes).map(({ bytes, file, imports, lines, sha256 }) => [
      file,
      Text.bytes(bytes),
      Text.count(lines.code),
      Text.count(lines.comment),
      Text.count(lines.blank),
      Text.count(imports.length),
      sha256.slice(0, 12)
    ]),
    style.width - 2
  )
}

const longest = (rows: Rows, style: Style): Lines => {
  const found = measuredOf(rows).flatMap(({ file, longest }) => longest === null ? [] : [{ file, ...longest }])
  if (found.length === 0) return []
  return Text.table(
    [left("in"), right("lines"), left("function")],
    top(found, style.top, ({ lines }) => lines).map(({ file, line, lines, name }) => [
      `${file}:${line}`,
      Text.count(lines),
      name
    ]),
    style.width - 2
  )
}

const failures = (rows: Rows, style: Style): Lines => {
  const failed = Array.from(rows.values()).filter((row) => !isMeasured(row))
  if (failed.length === 0) return []
  const shown = top(failed, style.top, () => 0).map((row) => `${row.file} ${row.message.replaceAll("\n", " ")}`)
  return failed.length === shown.length ? shown : [...shown, `and ${Text.count(failed.length - shown.length)} more`]
}

/** Returns the lines of the census's report that are equal for every way of counting, and that the tests look for. */
export const sums = (rows: Rows): Lines => {
  const all = totals(rows)
  const { blank, code, comment } = all.lines
  return [
    `${Text.many(all.files, "file")}, ${Text.count(all.files - all.measured)} of them not measured`,
    `${Text.bytes(all.bytes)} in ${Text.many(code + comment + blank, "line")}: ${Text.count(code)} code, ` +
    `${Text.count(comment)} comment, ${Text.count(blank)} blank`,
    `${Text.many(all.functions, "function")}, ${Text.many(all.imports, "import")}`,
    `fingerprint of all rows ${all.fingerprint.slice(0, 16)}`
  ]
}

const list = (ranked: ReadonlyArray<Ranked>, style: Style, indented: number): string => {
  const shown = ranked.slice(0, style.top)
  const names: Array<string> = []
  let length = indented
  for (const { files, name } of shown) {
    const text = `${name} ${Text.count(files)}`
    if (names.length > 0 && length + text.length > style.width) break
    names.push(text)
    length += text.length + 2
  }
  return names.length === 0 ? "none" : names.join(", ")
}

const dependencyLines = (rows: Rows, style: Style): Lines => {
  const found = dependencies(rows)
  const { cycles } = found
  const files = cycles.reduce((sum, { length }) => sum + length, 0)
  return [
    `${Text.count(found.inside)} between files, ${Text.count(found.outside)} of packages, ` +
    `${Text.count(found.nowhere)} that lead to no counted file`,
    `imported by most:  ${list(found.imported, style, 22)}`,
    `importing most:    ${list(found.importing, style, 22)}`,
    `packages:          ${list(found.packages, style, 22)}`,
    cycles.length === 0
      ? "no import cycles"
      : `${Text.many(cycles.length, "group")} of files in import cycles, ${Text.many(files, "file")} in all, ` +
        `${Text.count(cycles[0]!.length)} in the largest (types and import() not counted)`
  ]
}

/** Returns the lines of the census's report that hold the results of the counts. */
export const findings = (rows: Rows, style: Style): Lines => [
  ...section(style, "Largest files", largest(rows, style)),
  ...section(style, "Longest functions", longest(rows, style)),
  ...section(style, "Not measured", failures(rows, style)),
  ...section(style, "Dependencies", dependencyLines(rows, style)),
  ...section(style, "Totals", sums(rows))
]

/** Describes the workers of a census's count: their number, their time, and their deaths. */
export const deed = (census: Census): string => {
  const { actors, counting, killed, repeated, replaced, rows } = census
  const done = `${Text.many(rows.size, "file")} by ${Text.many(actors, "actor")} in ${seconds(counting)}`
  if (killed === 0 && replaced === 0) return done
  return `${done}; ${count(killed, "killed")}, ${count(replaced, "replaced")}, ${
    Text.many(repeated, "file")
  } sent again`
}

const count = (n: number, what: string): string => `${Text.many(n, "actor")} ${what}`

const seconds = (duration: Duration.Duration): string => Text.seconds(Duration.toMillis(duration))

/** The computer on which the census counts, where `load` is the computer's load before the count. */
export interface Machine {
  readonly cores: number
  readonly load: number
}

/** Returns the comparison of the census's count by many actors with its count by one actor. */
const agreement = ({ killed }: Census) =>
  killed === 0
    ? "both counts found the same"
    : `both counts found the same: the first with ${Text.many(killed, "actor")} killed, the second with none`

export const speed = (many: Census, one: Census | undefined, { cores, load }: Machine, style: Style): Lines => {
  if (one === undefined) {
    return section(style, "Speed", [deed(many), "there is nothing to compare with: it was one actor"])
  }
  const factor = Duration.toMillis(one.counting) / Math.max(Duration.toMillis(many.counting), 1)
  const differs = differing(many.rows, one.rows)
  return section(style, "Speed", [
    deed(many),
    deed(one),
    `speed-up ${factor.toFixed(2)} with ${Text.many(many.actors, "actor")} on ${Text.many(cores, "core")}`,
    differs.length === 0
      ? agreement(many)
      : `the counts differ in ${Text.many(differs.length, "file")}, first in ${differs[0]!}: did it change meanwhile?`,
    "",
    "Time runs from ready actors to the last row in this process:",
    `reading, parsing, measuring, sending${many.killed > 0 ? ", and what the kills cost" : ""}.`,
    `Starting the actors is not in it: ${seconds(many.starting)} for ${many.actors}, ${seconds(one.starting)} for 1.`,
    ...(load > cores / 2 ? [`The cores were shared with other work: load ${load.toFixed(1)} when this began.`] : [])
  ])
}
