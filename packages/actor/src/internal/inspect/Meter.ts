/**
 * Counts of what one actor does, as plain numbers: counting costs a few additions, and no reader is needed. A reader makes
 * metrics of them (`telemetry/metrics.ts`).
 *
 * @since 0.2.0
 */
import type { PoolInspection } from "./Inspection.ts"

/** Upper bounds of the buckets of a duration, in milliseconds. */
export const boundariesMillis: ReadonlyArray<number> = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]

/** A duration that was measured many times, in milliseconds. */
export class Durations {
  /** The last bucket has no bound. */
  readonly buckets = new Uint32Array(boundariesMillis.length + 1)
  count = 0
  sum = 0
  min = Infinity
  max = -Infinity

  add(millis: number): void {
    let bucket = 0
    while (bucket < boundariesMillis.length && millis > boundariesMillis[bucket]!) bucket++
    this.buckets[bucket]!++
    this.count++
    this.sum += millis
    if (millis < this.min) this.min = millis
    if (millis > this.max) this.max = millis
  }
}

/** The end of a call, as its caller meets it. A failure is one that the callee has answered with. */
export type CallEnd = "ok" | "failed" | "cancelled" | "unanswered" | "lost"

export const callEnds: ReadonlyArray<CallEnd> = ["ok", "failed", "cancelled", "unanswered", "lost"]

/** The calls, streams and dialogs of one endpoint that this actor has opened. */
export interface Calls {
  readonly endpoint: string
  open: number
  readonly ends: Record<CallEnd, number>
  readonly millis: Durations
}

/** Events that are counted, by the name that a metric has for them. */
const counted = {
  ActorSpawnFailed: "startsFailed",
  ActorLost: "lost",
  ActorRestarted: "restarts",
  SupervisorGaveUp: "gaveUp",
  CancelUnacknowledged: "unacknowledged"
} as const

/** Endpoints that are counted by themselves; all further ones count together. */
const maxEndpoints = 500

const otherEndpoints = "(others)"

const newCalls = (endpoint: string): Calls => ({
  endpoint,
  open: 0,
  ends: { ok: 0, failed: 0, cancelled: 0, unanswered: 0, lost: 0 },
  millis: new Durations()
})

/** The counts of one actor. */
export class Meter {
  readonly endpoints = new Map<string, Calls>()
  readonly startMillis = new Durations()
  startsFailed = 0
  lost = 0
  restarts = 0
  gaveUp = 0
  unacknowledged = 0
  /** Cancels that were sent. */
  cancels = 0
  /** Writers that had to wait for credit. */
  stalls = 0
  /** Calls back when an endpoint is counted for the first time. */
  onEndpoint: ((calls: Calls) => void) | undefined
  /** Calls back when a pool opens; the result is called when it closes. */
  onPool: ((name: string, inspect: () => PoolInspection) => () => void) | undefined

  callsOf(endpoint: string): Calls {
    return this.endpoints.get(endpoint) ?? this.newEndpoint(endpoint)
  }

  saw(event: { readonly _tag: string; readonly millis?: number }): void {
    if (event._tag === "ActorReady") return this.startMillis.add(event.millis!)
    const name = counted[event._tag as keyof typeof counted]
    if (name !== undefined) this[name]++
  }

  private newEndpoint(endpoint: string): Calls {
    if (this.endpoints.size >= maxEndpoints && endpoint !== otherEndpoints) return this.callsOf(otherEndpoints)
    const calls = newCalls(endpoint)
    this.endpoints.set(endpoint, calls)
    this.onEndpoint?.(calls)
    return calls
  }
}
