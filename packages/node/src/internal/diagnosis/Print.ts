/** Writes the findings about a tree in words, with one paragraph for each finding. */
import type { Finding, Hop, Place } from "./Findings.ts"
import { duration, printable, shortened } from "./text.ts"

const placed = ({ name, pid }: Place): string => `${printable(name)} (${pid})`

const verbs: Readonly<Record<Hop["waits"], string>> = {
  Call: "waits for the answer of",
  Read: "reads from",
  Write: "waits to send to",
  Semaphore: "waits for a semaphore",
  Deferred: "waits for a deferred value",
  Queue: "waits for a queue",
  Latch: "waits for a latch",
  Fiber: "waits for a fiber",
  Timer: "sleeps",
  Unknown: "waits"
}

const hopLine = (hop: Hop): string => {
  const work = hop.endpoint === undefined ? "its own work" : printable(hop.endpoint)
  const what = hop.for === undefined ? verbs[hop.waits] : `${verbs[hop.waits]} ${printable(hop.for)}`
  const line = hop.line === undefined ? "" : `\n      at ${printable(shortened(hop.line))}`
  return `  ${placed(hop.at)} in ${work} ${what}, ${duration(hop.ageMillis)}${line}`
}

/** The largest number of waiting callers that a finding shows. */
const maxWaiters = 5

export const lines = (finding: Finding): ReadonlyArray<string> => {
  const { ageMillis, at, certainty, cycle, kind, level, text, waiters } = finding
  const sure = level === "note" ? "" : ` (${certainty})`
  const age = ageMillis > 0 && Number.isFinite(ageMillis) ? `, ${duration(ageMillis)}` : ""
  const shown = cycle.length > 0 ? "" : `${placed(at[0]!)}: `
  const more = waiters.length - maxWaiters
  return [
    `${kind}${sure} ${shown}${printable(text)}${age}`,
    ...cycle.map(hopLine),
    ...waiters.slice(0, maxWaiters).map(({ ageMillis, at, endpoint }) =>
      `  ${placed(at)} waits for its answer to ${printable(endpoint)}, ${duration(ageMillis)}`
    ),
    ...more > 0 ? [`  and ${more} more`] : []
  ]
}

/** Returns the whole output of `furrow why`. */
export const all = (findings: ReadonlyArray<Finding>, actors: number): ReadonlyArray<string> => {
  const stuck = findings.filter(({ level }) => level === "stuck")
  const notes = findings.filter(({ level }) => level === "note")
  const head = stuck.length > 0
    ? []
    : [`Nothing is stuck in ${actors === 1 ? "1 actor" : `${actors} actors`}.`]
  return [
    ...head,
    ...stuck.flatMap(lines),
    ...notes.length === 0 ? [] : ["Not stuck, but worth to know:", ...notes.flatMap(lines)]
  ]
}
