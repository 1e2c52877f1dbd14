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

export class CallRecord {
  private readonly channel: PeerChannel
  private readonly endpoint: AnyEndpoint
  private readonly id: number
  private readonly span: Spans.Begun | undefined
  private readonly since: number
  private readonly calls: Calls

  private constructor(
    channel: PeerChannel,
    endpoint: AnyEndpoint,
    id: number,
    span: Spans.Begun | undefined,
    since: number
  ) {
    this.channel = channel
    this.endpoint = endpoint
    this.id = id
    this.span = span
    this.since = since
    const { events, peer } = channel
    this.calls = events.meter.callsOf(endpoint.name)
    this.calls.open++
    if (events.isWatched) events.tell({ _tag: "DialogOpened", side: "caller", peer, id, endpoint: endpoint.name })
  }

  /** Begins the record of a call; `undefined` for calls of the runtime itself, which are not recorded. */
  static begin(
    channel: PeerChannel,
    endpoint: AnyEndpoint,
    id: number,
    span: Spans.Begun | undefined,
    since: number
  ): CallRecord | undefined {
    return isInternal(endpoint.name) ? undefined : new CallRecord(channel, endpoint, id, span, since)
  }

  cancelled(): void {
    this.channel.events.meter.cancels++
  }

  /** Ends the record of a call when the call has ended. `wasCancelled` is true if this side cancelled the call. */
  end(settled: Settled, wasCancelled: boolean): void {
    const { calls, channel: { events, peer, turn }, endpoint, id, since, span } = this
    const end = endOf(settled, wasCancelled)
    const millis = turn.now() - since
    calls.open--
    calls.ends[end]++
    calls.millis.add(millis)
    if (events.isWatched) {
      events.tell({ _tag: "DialogEnded", side: "caller", peer, id, endpoint: endpoint.name, end, millis })
    }
    if (span !== undefined) Spans.end(span, this.exitOf(settled, wasCancelled))
  }

  private exitOf(settled: Settled, wasCancelled: boolean): Exit.Exit<unknown, unknown> {
    if (settled._tag === "Return") return Exit.void
    return wasCancelled ? Exit.interrupt() : Effect.runSyncExit(outcome(settled, this.endpoint, this.channel))
  }
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
