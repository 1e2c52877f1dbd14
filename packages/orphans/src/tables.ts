/**
 * Verdicts -> tables that are also Markdown. A table has a row for every way to die and a column for every state; what
 * stands in it is the longest of all depths and places.
 */
import type { Verdict } from "./cell.ts"
import { boundOf, explained, hows, states, whos } from "./matrix.ts"

export const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head, ...rows] = lines as [ReadonlyArray<string>, ...Array<ReadonlyArray<string>>]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const show = (line: ReadonlyArray<string>) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [show(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(show)].join("\n")
}

/** The worst of several cells. */
const worst = (verdicts: ReadonlyArray<Verdict>): string => {
  if (verdicts.length === 0) return ""
  if (verdicts.some(({ problems, unpromised }) => problems.length > 0 && unpromised === undefined)) return "FAILED"
  const promised = verdicts.filter(({ unpromised }) => unpromised === undefined)
  const outside = promised.length === verdicts.length
    ? []
    : [verdicts.some(({ millis }) => millis === undefined) ? "not promised, left" : "not promised"]
  const longest = Math.max(0, ...promised.map(({ millis }) => millis ?? 0))
  return [...promised.length === 0 ? [] : [`${Math.ceil(longest)} ms`], ...outside].join("; ")
}

export const matrix = (verdicts: ReadonlyArray<Verdict>): string => {
  const rows = whos.flatMap((who) =>
    hows.flatMap((how) => {
      const row = verdicts.filter(({ cell }) => cell.who === who && cell.how === how)
      if (row.length === 0) return []
      const bound = `${boundOf(row[0]!.cell) / 1_000} s`
      return [[
        who,
        `${how} (${explained[how]})`,
        bound,
        ...states.map((state) => worst(row.filter(({ cell }) => cell.state === state)))
      ]]
    })
  )
  return table([["who dies", "how", "bound", ...states], ...rows])
}
