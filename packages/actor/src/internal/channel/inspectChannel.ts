/**
 * One connection for an observer: its state, and each dialog as its own side tells it.
 *
 * @since 0.2.0
 */
import { type ChannelInspection, type DialogInspection, maxListedDialogs } from "../inspect/Inspection.ts"
import type { ChannelSnapshot } from "../inspect/Snapshot.ts"
import type { Port } from "./Port.ts"

export const inspectChannel = (
  to: ChannelInspection["to"],
  { peer, state, stuck }: ChannelSnapshot,
  { isFull, unread }: { readonly isFull: boolean; readonly unread: number },
  ports: ReadonlyMap<number, Port>
): ChannelInspection => {
  const dialogs: Array<DialogInspection> = []
  let omitted = 0
  for (const port of ports.values()) {
    const dialog = dialogs.length < maxListedDialogs ? port.inspect?.() : undefined
    if (dialog === undefined) omitted++
    else dialogs.push(dialog)
  }
  return { to, peer: peer ?? null, state, full: isFull, stuck, unread, dialogs, omitted }
}
