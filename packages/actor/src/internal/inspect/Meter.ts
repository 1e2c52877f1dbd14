/**
 * Counts the work of one actor, as plain numbers: counting costs a few additions, even without a reader. A reader makes
 * metrics from the counts of an actor (`telemetry/metrics.ts`).
 *
 * @since 0.2.0
 */
import type { PoolInspection } from "./Inspection.ts"

/** The upper bounds of the buckets in which durations are counted, in milliseconds. */
export const boundariesMillis: ReadonlyArray<number> = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]

/**
 * A duration that was measured many times, in milliseconds. Each call adds one duration, so the counts of durations lie
 * beside each other in memory, and the total is computed when it is read.
 */
export class Durations {
  /** The number of durations in each bucket; the last bucket has no upper bound. */
  readonly buckets = new Uint32Array(boundariesMillis.length + 1)
  /** The sum of all recorded durations, the shortest duration and the longest duration, in milliseconds. */
  private readonly extent = new Float64Array([0, Infinity, -Infinity])

  get count(): number {
    return this.buckets.reduce((sum, bucket) => sum + bucket, 0)
  }

  get sum(): number {
    return this.extent[0]!
  }

  get min(): number {
    return this.extent[1]!
  }

  get max(): number {
    return this.extent[2]!
  }

  add(millis: number): void {
    const { buckets, extent } = this
    let bucket = 0
    while (bucket < boundariesMillis.length && millis > boundariesMillis[bucket]!) bucket++
    buckets[bucket]!++
    extent[0]! += millis
    if (millis < extent[1]!) extent[1] = millis
    if (millis > extent[2]!) extent[2] = millis
  }
}

/**
 * The way in which a call ended, as its caller sees it. The end `failed` means that the callee has answered with a
 * failure.
 */
export type CallEnd = "ok" | "failed" | "cancelled" | "unanswered" | "lost"

export const callEnds: ReadonlyArray<CallEnd> = ["ok", "failed", "cancelled", "unanswered", "lost"]

/** The counts of the calls, streams and dialogs of one endpoint that this actor has opened, by their ends. */
export class Calls implements Record<CallEnd, number> {
  readonly endpoint: string
  open = 0
  ok = 0
  failed = 0
  cancelled = 0
  unanswered = 0
  lost = 0
  readonly millis = new Durations()

  constructor(endpoint: string) {
    this.endpoint = endpoint
  }
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
  /** A callback that gets the counts of an endpoint when the first call of that endpoint is counted. */
  onEndpoint: ((calls: Calls) => void) | undefined
  /** A callback for each pool that opens; the function that it returns is called when the pool closes. */
  onPool: ((name: string, inspect: () => PoolInspection) => () => void) | undefined

  /** The counts of the endpoint that was called last, kept because the next call often has the same endpoint. */
  private last: Calls | undefined

  /** Returns the counts of an endpoint; `undefined` if no call of the endpoint has been counted yet. */
  known(endpoint: string): Calls | undefined {
    const { last } = this
    if (last?.endpoint === endpoint) return last
    const calls = this.endpoints.get(endpoint)
    if (calls !== undefined) this.last = calls
    return calls
  }

  callsOf(endpoint: string): Calls {
    return this.known(endpoint) ?? this.newEndpoint(endpoint)
  }

  saw(event: { readonly _tag: string; readonly millis?: number }): void {
    if (event._tag === "ActorReady") return this.startMillis.add(event.millis!)
    const name = counted[event._tag as keyof typeof counted]
    if (name !== undefined) this[name]++
  }

  private newEndpoint(endpoint: string): Calls {
    if (this.endpoints.size >= maxEndpoints && endpoint !== otherEndpoints) return this.callsOf(otherEndpoints)
    const calls = new Calls(endpoint)
    this.endpoints.set(endpoint, calls)
    this.onEndpoint?.(calls)
    return calls
  }
}
