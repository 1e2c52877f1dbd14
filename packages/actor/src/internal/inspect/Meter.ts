/**
 * Counts the work of one actor, as plain numbers: counting costs a few additions, even without a reader. A reader makes
 * metrics from the counts of an actor (`telemetry/metrics.ts`).
 *
 * @since 0.2.0
 */
import type { PoolInspection } from "./Inspection.ts"

/** The upper bounds of the buckets in which durations are counted, in milliseconds. */
export const boundariesMillis: ReadonlyArray<number> = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]

/** A duration that was measured many times, in milliseconds. */
export class Durations {
  /** The number of durations in each bucket; the last bucket has no upper bound. */
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

/** The way in which a call ended, as its caller sees it. `failed` means that the callee has answered with a failure. */
export type CallEnd = "ok" | "failed" | "cancelled" | "unanswered" | "lost"

export const callEnds: ReadonlyArray<CallEnd> = ["ok", "failed", "cancelled", "unanswered", "lost"]

/** The counts of the calls, streams and dialogs of one endpoint that this actor has opened. */
export interface Calls {
  readonly endpoint: string
  open: number
  readonly ends: Record<CallEnd, number>
  readonly millis: Durations
}

/** The events that a meter counts, each with the name of its metric. */
const counted = {
  ActorSpawnFailed: "startsFailed",
  ActorLost: "lost",
  ActorRestarted: "restarts",
  SupervisorGaveUp: "gaveUp",
  CancelUnacknowledged: "unacknowledged"
} as const

/** The number of endpoints that are counted one by one; all other endpoints are counted together. */
const maxEndpoints = 500

const otherEndpoints = "(others)"

const newCalls = (endpoint: string): Calls => ({
  endpoint,
  open: 0,
  ends: { ok: 0, failed: 0, cancelled: 0, unanswered: 0, lost: 0 },
  millis: new Durations()
})

/** The counts of the work of one actor. */
export class Meter {
  readonly endpoints = new Map<string, Calls>()
  readonly startMillis = new Durations()
  startsFailed = 0
  lost = 0
  restarts = 0
  gaveUp = 0
  unacknowledged = 0
  /** The number of cancels that this actor has sent. */
  cancels = 0
  /** The number of times a writer has had to wait for credit. */
  stalls = 0
  /** A callback for each endpoint that is counted for the first time. */
  onEndpoint: ((calls: Calls) => void) | undefined
  /** A callback for each pool that opens; the function that it returns is called when the pool closes. */
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
