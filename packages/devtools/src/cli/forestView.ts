/**
 * Formats the listed actors of several trees as a table, as lines and as JSON. Names of actors come from other programs
 * and may hold control characters, which a terminal must not obey, even in JSON.
 */
import type { Entry } from "@furrow/actor/internal/settings/ActorRef"
import { printable, table } from "@furrow/node/internal/diagnosis/text"

export type Change =
  | { readonly event: "up"; readonly entry: Entry }
  | { readonly event: "down"; readonly entry: Entry; readonly why: "ended" | "stale" }

const exposedBy = ({ exposed }: Entry): string => exposed.map(({ name }) => printable(name)).join(", ")

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** Sorts entries of actors by host, tree and root; within a tree, parents come before their children. */
const sorted = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  entries.toSorted((a, b) =>
    compare(a.host ?? "", b.host ?? "") || compare(a.tree ?? "", b.tree ?? "") || compare(a.path[0]!, b.path[0]!) ||
    a.path.length - b.path.length || compare(a.actor.name, b.actor.name)
  )

const head = ["host", "tree", "actor", "pid", "exposes"]

export const list = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries.length === 0 ? ["No actor is listed."] : table([
    head,
    ...sorted(entries).map((entry) => [
      printable(entry.host ?? ""),
      printable(entry.tree ?? ""),
      printable(entry.actor.name),
      String(entry.actor.pid),
      exposedBy(entry)
    ])
  ])

const data = ({ actor, exposed, host, path, service, tree, unique }: Entry) => ({
  ...actor,
  tree,
  host,
  root: path[0],
  service,
  exposed: exposed.map(({ name }) => name),
  unique
})

/**
 * Escapes the control characters above the space, because the function `JSON.stringify` escapes only the characters
 * below the space.
 */
const harmless = (json: string): string =>
  json.replace(
    /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu,
    (character) => character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")
  )

export const json = (entries: ReadonlyArray<Entry>): string =>
  harmless(JSON.stringify(sorted(entries).map(data), undefined, 2))

export const jsonLine = (change: Change, at: number): string =>
  harmless(JSON.stringify({
    at,
    event: change.event,
    ...change.event === "down" ? { why: change.why } : {},
    ...data(change.entry)
  }))

export const line = (change: Change, at: number): string => {
  const { entry, event } = change
  const who = `${printable(entry.actor.name)} (${entry.actor.pid})`
  const where = `of ${printable(entry.tree ?? "")} on ${printable(entry.host ?? "")}`
  const rest = change.event === "up" ? `: exposes ${exposedBy(entry) || "nothing"}` : `: ${change.why}`
  return `${new Date(at).toISOString().slice(11, 23)} ${event.padEnd(4)} ${who} ${where}${rest}`
}
