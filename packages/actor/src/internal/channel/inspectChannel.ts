/**
 * The state of one connection for an observer, and the number of dialogs above which the dialogs are not listed.
 *
 * @since 0.2.0
 */
import { type ChannelInspection, maxListedDialogs } from "../inspect/Inspection.ts"
import type { ChannelSnapshot } from "../inspect/Snapshot.ts"
import type { Port } from "./Port.ts"

export const inspectChannel = (
  to: ChannelInspection["to"],
  { peer, state, stuck }: ChannelSnapshot,
  { isFull, unread }: { readonly isFull: boolean; readonly unread: number },
  ports: ReadonlyMap<number, Port>
): ChannelInspection => {
  let shown = 0
  for (const { inspect } of ports.values()) if (inspect !== undefined) shown++
  const seen = Math.min(shown, maxListedDialogs)
  return { to, peer: peer ?? null, state, full: isFull, stuck, unread, dialogs: [], omitted: ports.size - seen }
}
