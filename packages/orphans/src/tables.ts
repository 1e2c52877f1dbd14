/**
 * Formats the results of test cases as tables that are also Markdown. A table of test cases has a row for every way to
 * die and a column for every state. A cell of a table holds the longest time over all depths, and over all places of
 * the dying process in the tree.
 */
import type { Verdict } from "./cell.ts"
import { boundOf, explained, hows, rights, states, whoOf, whos } from "./matrix.ts"

export const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head, ...rows] = lines as [ReadonlyArray<string>, ...Array<ReadonlyArray<string>>]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const show = (line: ReadonlyArray<string>) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [show(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(show)].join("\n")
}

const parse = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  text.split("\n").filter((line, i) => line.startsWith("|") && i !== 1).map((line) =>
    line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim())
  )

/** Returns the first two columns of a table's row, which identify the row. */
const keyOf = ([who, how]: ReadonlyArray<string>): string => `${who} | ${how}`

/** Merges two tables of test cases, where cells that were not played this time keep their old text. */
export const merged = (before: string, now: string): string => {
  const [oldHead = [], ...oldRows] = parse(before)
  const [head = [], ...rows] = parse(now)
  const keys = kinds.flatMap((kind) => hows.map((how) => keyOf([whoOf(kind), explanation(how)])))
  const old = new Map(oldRows.map((row) => [keyOf(row), row]))
  const fresh = new Map(rows.map((row) => [keyOf(row), row]))
  const lines = keys.flatMap((key) => {
    const [was, is] = [old.get(key), fresh.get(key)]
    if (was === undefined && is === undefined) return []
    return [head.map((column, i) => {
      const at = oldHead.indexOf(column)
      return is?.[i] || (at < 0 ? undefined : was?.[at]) || ""
    })]
  })
  return table([head, ...lines])
}

/** Returns the worst result of several test cases. */
const worst = (verdicts: ReadonlyArray<Verdict>): string => {
  if (verdicts.length === 0) return ""
  if (verdicts.some(({ problems }) => problems.length > 0)) return "FAILED"
  const played = verdicts.filter(({ skipped }) => skipped === undefined)
  if (played.length === 0) return "skipped"
  return `${Math.ceil(Math.max(...played.map(({ millis }) => millis ?? 0)))} ms`
}

const kinds = rights.flatMap((rights) => whos.map((who) => ({ who, rights })))

const explanation = (how: typeof hows[number]): string => `${how} (${explained[how]})`

export const matrix = (verdicts: ReadonlyArray<Verdict>): string => {
  const rows = kinds.flatMap((kind) =>
    hows.flatMap((how) => {
      const row = verdicts.filter(({ cell }) =>
        cell.who === kind.who && cell.rights === kind.rights && cell.how === how
      )
      if (row.length === 0) return []
      const bound = `${boundOf(row[0]!.cell) / 1_000} s`
      return [[
        whoOf(kind),
        explanation(how),
        bound,
        ...states.map((state) => worst(row.filter(({ cell }) => cell.state === state)))
      ]]
    })
  )
  return table([["who dies", "how", "bound", ...states], ...rows])
}
