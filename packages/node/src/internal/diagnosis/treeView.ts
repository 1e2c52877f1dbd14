/** Formats a tree as a table: each actor stands below its parent, with its process and its oldest open dialog. */
import type { DialogInspection } from "@furrow/actor/Inspect"
import { nameOf, type Seen } from "./Seen.ts"
import { duration, mebibytes, printable, table } from "./text.ts"
import type { Tree } from "./Trees.ts"

const head = ["actor", "pid", "up", "cpu", "rss", "loop", "open", "oldest"]

const isRuntimes = ({ endpoint }: DialogInspection): boolean => endpoint.startsWith("furrow/")

const creditOf = ({ in: reading, out }: DialogInspection): string =>
  [
    ...out?.waiting === true ? ["waits for credit"] : [],
    ...reading !== null && reading.items > 0 ? [`${reading.items} unread`] : []
  ].map((part) => `, ${part}`).join("")

const dialogText = (dialog: DialogInspection, peer: string): string =>
  `${dialog.side === "caller" ? "asks" : "serves"} ${printable(peer)}: ${printable(dialog.endpoint)} ` +
  `${duration(dialog.ageMillis)}${creditOf(dialog)}`

const silentText = ({ outside: { commands, states, wchan } }: Seen): string => {
  if (states.every((state) => state === "T" || state === "t")) return "stopped"
  if (states.includes("R")) return "computes, and does not answer"
  const child = commands.length === 0 ? "" : `, child: ${printable(commands.join(", "))}`
  return `does not answer${wchan === "" || wchan === "0" ? "" : ` (${wchan})`}${child}`
}

const openOf = ({ inside }: Seen) =>
  (inside?.channels ?? []).flatMap(({ dialogs, peer }) =>
    dialogs.filter((dialog) => !isRuntimes(dialog)).map((dialog) => ({ dialog, peer: peer?.name ?? "?" }))
  )

const rowOf = (one: Seen, indent: string): ReadonlyArray<string> => {
  const { inside, outside } = one
  const name = `${indent}${printable(nameOf(one))}`
  const pid = String(outside.pid)
  if (inside === undefined) return [name, pid, "", `${Math.round(outside.cpu * 100)}%`, "", "", "", silentText(one)]
  const open = openOf(one).toSorted((a, b) => b.dialog.ageMillis - a.dialog.ageMillis)
  const [oldest] = open
  const { process } = inside
  return [
    name,
    pid,
    process === null ? "" : duration(process.uptimeMillis),
    process === null ? "" : duration(process.cpuMillis),
    process === null ? "" : mebibytes(process.rssBytes),
    process === null ? "" : `${process.loopDelayMillis} ms`,
    String(open.length),
    inside.ending ? "ends" : oldest === undefined ? "" : dialogText(oldest.dialog, oldest.peer)
  ]
}

/** Returns the pid of a process's parent in the tree, from the process's own answer or else from the kernel. */
const parentOf = ({ inside, outside }: Seen): number => inside?.ancestors.at(-1)?.pid ?? outside.parent

const rowsBelow = (tree: Tree, pid: number, indent: string): ReadonlyArray<ReadonlyArray<string>> =>
  tree.seen.filter((one) => one.outside.pid !== pid && parentOf(one) === pid).flatMap((one) => [
    rowOf(one, indent),
    ...rowsBelow(tree, one.outside.pid, `${indent}  `)
  ])

/**
 * Returns the lines of text that show a tree. Actors whose parent has not answered stand at the end of the lines that
 * show a tree.
 */
export const lines = (tree: Tree): ReadonlyArray<string> => {
  const [root] = tree.seen
  if (root === undefined) return []
  const pids = new Set(tree.seen.map(({ outside }) => outside.pid))
  const orphans = tree.seen.slice(1).filter((one) => !pids.has(parentOf(one)))
  return table([
    head,
    rowOf(root, ""),
    ...rowsBelow(tree, root.outside.pid, "  "),
    ...orphans.flatMap((one) => [rowOf(one, "? "), ...rowsBelow(tree, one.outside.pid, "  ")])
  ])
}

const topHead = ["cpu", "actor", "pid", "rss", "loop", "open", "oldest"]

/**
 * Returns the share of a processor core that an actor used between two snapshots of its tree. The share of a core for
 * an actor that does not answer comes from the kernel's samples.
 */
const shareOf = (before: ReadonlyMap<number, Seen>, { inside, outside: { cpu, pid } }: Seen): number => {
  const [now, then] = [inside?.process, before.get(pid)?.inside?.process]
  if (now === undefined || now === null) return cpu
  if (then === undefined || then === null || now.uptimeMillis <= then.uptimeMillis) return 0
  return (now.cpuMillis - then.cpuMillis) / (now.uptimeMillis - then.uptimeMillis)
}

/** Sorts the actors of a tree by the processor time that they used since the previous snapshot. */
export const top = (before: Tree, tree: Tree): ReadonlyArray<string> => {
  const known = new Map(before.seen.map((one) => [one.outside.pid, one]))
  const shares = tree.seen.map((one) => [shareOf(known, one), one] as const)
  return table([
    topHead,
    ...shares.toSorted(([a], [b]) => b - a).map(([share, one]) => {
      const [name = "", pid = "", , , rss = "", loop = "", open = "", oldest = ""] = rowOf(one, "")
      return [`${Math.round(share * 100)}%`, name, pid, rss, loop, open, oldest]
    })
  ])
}
