/**
 * Records one call of this actor: its counts, its span, and its steps for an observer.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type AnyEndpoint, isInternal } from "../contract/Endpoint.ts"
import type { CallEnd, Calls } from "../inspect/Meter.ts"
import { outcome, type Settled } from "./Outcome.ts"
import * as Spans from "./Spans.ts"

export interface Recorded {
  readonly channel: PeerChannel
  readonly id: number
  readonly since: number
  readonly span: Spans.Begun | undefined
}

/** The functions that record a call are fields of one object, so that a measurement can replace these functions. */
export const CallRecord = {
  /**
   * Begins the record of a call, and returns the counts of its endpoint; `undefined` for calls of the runtime itself,
   * which are not recorded.
   */
  begin: (channel: PeerChannel, endpoint: AnyEndpoint, id: number): Calls | undefined => {
    const { events, peer } = channel
    const { name } = endpoint
    const calls = events.meter.known(name) ?? (isInternal(name) ? undefined : events.meter.callsOf(name))
    if (calls === undefined) return undefined
    calls.open++
    if (events.isWatched) events.tell({ _tag: "DialogOpened", side: "caller", peer, id, endpoint: name })
    return calls
  },

  /**
   * Ends the record of a call when the call has ended. The parameter `wasCancelled` is true if this side cancelled the
   * call.
   */
  end: (calls: Calls, call: Recorded, endpoint: AnyEndpoint, settled: Settled, wasCancelled: boolean): void => {
    const { channel, id, since, span } = call
    const { events, peer, turn } = channel
    const end = endOf(settled, wasCancelled)
    const millis = turn.now() - since
    calls.open--
    if (end === "ok") calls.ok++
    else calls[end]++
    calls.millis.add(millis)
    if (events.isWatched) {
      events.tell({ _tag: "DialogEnded", side: "caller", peer, id, endpoint: endpoint.name, end, millis })
    }
    if (span !== undefined) Spans.end(span, exitOf(channel, endpoint, settled, wasCancelled))
  }
}

const exitOf = (
  channel: PeerChannel,
  endpoint: AnyEndpoint,
  settled: Settled,
  wasCancelled: boolean
): Exit.Exit<unknown, unknown> => {
  if (settled._tag === "Return") return Exit.void
  return wasCancelled ? Exit.interrupt() : Effect.runSyncExit(outcome(settled, endpoint, channel))
}

const endOf = (settled: Settled, wasCancelled: boolean): CallEnd => {
  switch (settled._tag) {
    case "Return":
      return "ok"
    case "Error":
      return wasCancelled ? "cancelled" : "failed"
    case "Unanswered":
      return "unanswered"
    default:
      return "lost"
  }
}
