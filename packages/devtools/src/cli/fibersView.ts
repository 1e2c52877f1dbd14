/**
 * Formats the fibers of an actor, each with its work, the operation that it waits for, and the source lines at which it
 * stands.
 */
import type { ActorInspection, FiberInspection } from "@furrow/actor/Inspect"
import { nameOf, type Seen } from "@furrow/node/internal/diagnosis/Seen"
import { printable, shortened } from "@furrow/node/internal/diagnosis/text"

const words: Readonly<Record<FiberInspection["waits"]["on"], string>> = {
  Call: "waits for the answer of",
  Read: "reads from",
  Write: "waits to send to",
  Timer: "sleeps",
  Semaphore: "waits for a semaphore",
  Deferred: "waits for a deferred value",
  Queue: "waits for a queue",
  Latch: "waits for a latch",
  Fiber: "waits for its fibers",
  Unknown: "runs, or waits for something outside"
}

/** Returns the endpoint of a dialog, which is given by the actor at its other end and the dialog's number. */
const endpointOf = (inside: ActorInspection, side: "caller" | "callee", peer: string, id: number): string | undefined =>
  inside.channels.find((channel) => channel.peer?.uuid === peer)
    ?.dialogs.find((dialog) => dialog.side === side && dialog.id === id)?.endpoint

const fiberLines = (inside: ActorInspection, { frames, id, waits, within }: FiberInspection): ReadonlyArray<string> => {
  const { dialog, on } = waits
  const work = within === null ? undefined : endpointOf(inside, "callee", within.peer, within.id)
  const target = dialog === null ? undefined : endpointOf(inside, dialog.side, dialog.peer, dialog.id)
  const what = target === undefined ? words[on] : `${words[on]} ${printable(target)}`
  return [
    `  #${id} in ${work === undefined ? "the actor's own work" : printable(work)}: ${what}`,
    ...frames.map(({ column, file, line }) => `      at ${printable(shortened(file))}:${line}:${column}`)
  ]
}

/** Returns the lines about the fibers of one process of a tree. */
export const lines = (seen: Seen): ReadonlyArray<string> => {
  const { fibers, inside, outside } = seen
  const head = `${printable(nameOf(seen))} (${outside.pid})`
  if (inside === undefined) return [`${head}: it does not answer`]
  if (fibers === undefined) return [`${head}: its fibers cannot be seen`]
  return [
    fibers.length === 0 ? `${head}: no fiber of an open dialog` : head,
    ...fibers.flatMap((fiber) => fiberLines(inside, fiber))
  ]
}
