/** Formats the figures of a soak as tables, with the soak's verdicts. */
import * as Judge from "./judge.ts"
import { lanes, type Result } from "./run.ts"

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, i) => /^[\d.]*$/.test(cell) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ")
      .trimEnd()
  ).join("\n")
}

/** Returns the peak memory of each process by act of the soak, where all acts that ran together share one row. */
export const peaks = ({ peaks, processes }: Result): string => {
  const names = [...new Set(peaks.map(({ act }) => act))]
  const rows = names.map((name) => {
    const own = peaks.filter(({ act }) => act === name)
    const highest = processes.map((_, i) => Math.max(...own.map(({ above }) => above[i]!)))
    const seconds = own.reduce((sum, { seconds }) => sum + seconds, 0)
    return [name, seconds.toFixed(1), ...highest.map((mib) => mib.toFixed(0))]
  })
  const all = processes.map((_, i) => Math.max(...peaks.map(({ highest }) => highest[i]!)).toFixed(0))
  return table([
    ["peak in MiB above what it had", "s", ...processes],
    ...rows,
    ["highest in all, with what it had", "", ...all]
  ])
}

export interface Verdict {
  readonly what: string
  readonly figures: string
  readonly problem: string | undefined
}

const shown = (value: number): string => Number.isInteger(value) ? `${value}` : value.toFixed(1)

/**
 * Returns a verdict of the soak for each resource of each process, for each peak above its limit, and for each failed
 * act.
 */
export const verdicts = (result: Result, largest: number): ReadonlyArray<Verdict> => {
  const resources = result.processes.flatMap((process, i) =>
    Judge.judge(result.floors[i]!).map(({ first, last, problem, resource }) => ({
      what: `${process}: ${resource}`,
      figures: `${shown(first)} -> ${shown(last)}`,
      problem
    }))
  )
  const peaks = result.processes.map((process, i) => {
    const limit = (act: string) => Judge.allowedPeak({ largest, lanes: act === "all at once" ? lanes : 1 })
    const high = result.peaks.filter(({ above, act }) => above[i]! > limit(act))
    const highest = Math.max(...result.peaks.map(({ above }) => above[i]!))
    const tooHigh = [...new Set(high.map(({ act }) => act))].map((act) => {
      const most = Math.max(...high.filter((peak) => peak.act === act).map(({ above }) => above[i]!))
      return `${Math.round(most)} MiB in "${act}" (${limit(act)} are allowed)`
    })
    return {
      what: `${process}: peak`,
      figures: `${Math.round(highest)} MiB above`,
      problem: tooHigh.length === 0 ? undefined : tooHigh.join(", ")
    }
  })
  const acts = Array.from(
    result.problems,
    ([line, times]) => ({ what: "act", figures: `${times} times`, problem: line })
  )
  return [...resources, ...peaks, ...acts]
}

export const list = (verdicts: ReadonlyArray<Verdict>): string =>
  table(verdicts.map(({ figures, problem, what }) => [
    problem === undefined ? "ok" : "FAILED",
    what,
    figures,
    problem ?? ""
  ]))
