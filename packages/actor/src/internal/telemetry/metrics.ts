/**
 * Makes the counts of an actor readable as Effect's metrics. An exporter reads an actor's counts only when it exports,
 * so that a call costs no more than adding to a count.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { MetricInspection, PoolInspection } from "../inspect/Inspection.ts"
import { boundariesMillis, type CallEnd, callEnds, type Calls, type Durations, type Meter } from "../inspect/Meter.ts"
import type { Metered } from "../inspect/Metered.ts"

type Attributes = Readonly<Record<string, string>>

/** One metric whose value an exporter reads from the actor's counts. */
interface Series {
  readonly metric: Metric.Metric<any, any>
  readonly read: () => unknown
}

const counter = (name: string, description: string, attributes: Attributes, read: () => number): Series => ({
  metric: Metric.counter(name, { description, attributes, incremental: true }),
  read: () => ({ count: read(), incremental: true })
})

const gauge = (name: string, description: string, attributes: Attributes, read: () => number): Series => ({
  metric: Metric.gauge(name, { description, attributes }),
  read: () => ({ value: read() })
})

const stateOf = ({ buckets, count, max, min, sum }: Durations) => {
  let below = 0
  return {
    buckets: boundariesMillis.map((boundary, i) => [boundary, below += buckets[i]!] as const),
    count,
    sum,
    min: count === 0 ? 0 : min,
    max: count === 0 ? 0 : max
  }
}

const histogram = (name: string, description: string, attributes: Attributes, durations: Durations): Series => ({
  metric: Metric.histogram(name, {
    description,
    attributes: { ...attributes, unit: "milliseconds" },
    boundaries: boundariesMillis
  }),
  read: () => stateOf(durations)
})

const ofActor = ({ children, meter }: Metered, actor: Attributes): ReadonlyArray<Series> => [
  counter("furrow.starts", "Actors that were started", { ...actor, outcome: "ready" }, () => meter.startMillis.count),
  counter("furrow.starts", "Actors that were started", { ...actor, outcome: "failed" }, () => meter.startsFailed),
  histogram("furrow.start.duration", "Time of a start, in milliseconds", actor, meter.startMillis),
  gauge("furrow.children", "Children that are there", actor, children),
  counter("furrow.children.lost", "Children that ended without an order", actor, () => meter.lost),
  counter("furrow.restarts", "Restarts by a supervisor", actor, () => meter.restarts),
  counter("furrow.supervisors.gave_up", "Supervisors that gave up", actor, () => meter.gaveUp),
  counter("furrow.cancels", "Calls that were cancelled", actor, () => meter.cancels),
  counter("furrow.cancels.unacknowledged", "Cancels without an answer", actor, () => meter.unacknowledged),
  counter("furrow.credit.stalls", "Writers that waited for credit", actor, () => meter.stalls)
]

const ofCalls = (calls: Calls, actor: Attributes): ReadonlyArray<Series> => {
  const { endpoint, millis } = calls
  const attributes = { ...actor, endpoint }
  const end = (outcome: CallEnd) =>
    counter("furrow.calls", "Calls that have ended", { ...attributes, outcome }, () => calls[outcome])
  return [
    ...callEnds.map(end),
    gauge("furrow.calls.open", "Calls that are open", attributes, () => calls.open),
    histogram("furrow.call.duration", "Time of a call, in milliseconds", attributes, millis)
  ]
}

const ofPool = (name: string, inspect: () => PoolInspection, actor: Attributes): ReadonlyArray<Series> => {
  const attributes = { ...actor, pool: name }
  return [
    gauge("furrow.pool.workers", "Workers of a pool", attributes, () => inspect().workers.length),
    gauge("furrow.pool.waiting", "Tasks that wait for a worker", attributes, () => inspect().waiting),
    gauge("furrow.pool.running", "Tasks that run", attributes, () => inspect().running)
  ]
}

const nothing = () => {}

const register = (series: ReadonlyArray<Series>, context: Context.Context<never>): () => void => {
  const registered = series.map(({ metric, read }) =>
    Metric.registerUnsafe(metric, context, { get: read, modify: nothing, update: nothing })
  )
  return () => {
    for (const { remove } of registered) remove()
  }
}

const attributesOf = ({ actor }: Metered): Attributes => ({ actor: actor.name })

const endpointsOf = (meter: Meter): ReadonlyArray<Calls> => Array.from(meter.endpoints.values())

/**
 * Registers the metrics of an actor now, and the metrics of each endpoint and each pool of the actor when it first
 * appears.
 */
export const attach = (metered: Metered, context: Context.Context<never>): void => {
  const actor = attributesOf(metered)
  const { meter } = metered
  const calls = (of: Calls) => void register(ofCalls(of, actor), context)
  register(ofActor(metered, actor), context)
  endpointsOf(meter).forEach(calls)
  meter.onEndpoint = calls
  meter.onPool = (name, inspect) => register(ofPool(name, inspect, actor), context)
}

const isOurs = ({ id }: Metric.Metric.Snapshot): boolean => id.startsWith("furrow.")

/** The state of a metric as plain data, which tools of the same version of Furrow read. */
const plain = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number(value)
  if (value instanceof Map) return Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]))
}

const inspectOne = ({ attributes, description, id, state, type }: Metric.Metric.Snapshot): MetricInspection => ({
  id,
  type,
  description: description ?? null,
  attributes: { ...attributes },
  state: plain(state)
})

/**
 * Returns all metrics of an actor: the counts of Furrow, and the metrics that user code has registered in the given
 * context.
 */
export const inspect = (metered: Metered, context: Context.Context<never>): ReadonlyArray<MetricInspection> => {
  const actor = attributesOf(metered)
  const own = Context.make(Metric.MetricRegistry, new Map()) as unknown as Context.Context<never>
  register([
    ...ofActor(metered, actor),
    ...endpointsOf(metered.meter).flatMap((calls) => ofCalls(calls, actor)),
    ...Array.from(metered.pools).flatMap(([inspect, name]) => ofPool(name, inspect, actor))
  ], own)
  return [
    ...Metric.snapshotUnsafe(own),
    ...Metric.snapshotUnsafe(context).filter((metric) => !isOurs(metric))
  ].map(inspectOne)
}
