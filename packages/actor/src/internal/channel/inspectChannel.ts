/**
 * Describes one connection as data: as a snapshot for the connection's own actor, and with a limited number of dialogs
 * for an observer.
 *
 * @since 0.2.0
 */
import * as Connection from "@furrow/protocol/Connection"
import { type ChannelInspection, maxListedDialogs } from "../inspect/Inspection.ts"
import type { ChannelSnapshot } from "../inspect/Snapshot.ts"
import type { NumberTable } from "../settings/NumberTable.ts"
import type { Port } from "./Port.ts"

/** Returns a snapshot of one connection: its counts and its state. */
export const snapshotChannel = (
  state: Connection.State<unknown>,
  { bytes, frames, isFull }: { readonly bytes: number; readonly frames: number; readonly isFull: boolean },
  counts: Pick<ChannelSnapshot, "dialogs" | "received" | "stuck" | "refusals">
): ChannelSnapshot => ({
  ...counts,
  peer: Connection.peerOf(state)?.actor,
  state: Connection.isOpen(state) ? "Open" : state.phase._tag,
  sent: { frames, bytes },
  full: isFull
})

export const inspectChannel = (
  to: ChannelInspection["to"],
  { peer, state, stuck }: ChannelSnapshot,
  { isFull, unread }: { readonly isFull: boolean; readonly unread: number },
  ports: NumberTable<Port>
): ChannelInspection => {
  let shown = 0
  for (const { inspect } of ports.all) if (inspect !== undefined) shown++
  const seen = Math.min(shown, maxListedDialogs)
  return { to, peer: peer ?? null, state, full: isFull, stuck, unread, dialogs: [], omitted: ports.size - seen }
}
