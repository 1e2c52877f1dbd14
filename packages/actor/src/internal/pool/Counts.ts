/**
 * Counts the workers, tasks and durations of a pool as plain data, from which Effect's metrics read.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { reasons } from "./Table.ts"

/** The upper bounds of the buckets of a pool's durations, in milliseconds; the last bucket has no upper bound. */
export const boundaries: ReadonlyArray<number> = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1000,
  2000,
  5000,
  10_000,
  30_000,
  60_000
]

/**
 * A histogram of durations in milliseconds: the number and the sum of all durations, the longest duration, and the
 * number in each bucket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Durations {
  readonly count: number
  readonly sum: number
  readonly max: number
  /**
   * Pairs of a bucket's upper bound and the number of durations that are above the previous bucket's bound and at most
   * this bound. The upper bound of the last bucket's pair is `Infinity`.
   */
  readonly buckets: ReadonlyArray<readonly [number, number]>
}

class Histogram {
  private count = 0
  private sum = 0
  private min = Infinity
  private max = 0
  private readonly buckets = new Float64Array(boundaries.length + 1)

  observe(millis: number): void {
    this.count++
    this.sum += millis
    if (millis > this.max) this.max = millis
    if (millis < this.min) this.min = millis
    let at = 0
    while (at < boundaries.length && millis > boundaries[at]!) at++
    this.buckets[at]!++
  }

  snapshot(): Durations {
    const buckets = Array.from(this.buckets, (count, at) => [boundaries[at] ?? Infinity, count] as const)
    return { count: this.count, sum: this.sum, max: this.max, buckets }
  }

  /**
   * Converts a histogram to the form of Effect's histogram metric, in which each bucket also counts the durations of
   * all lower buckets.
   */
  get state(): Metric.HistogramState {
    const { count, max, sum } = this
    let upTo = 0
    const buckets = boundaries.map((bound, at): [number, number] => [bound, upTo += this.buckets[at]!])
    return { count, sum, max, min: count === 0 ? 0 : this.min, buckets }
  }
}

/** The ways in which a task of a pool ends. */
export type Outcome = "succeeded" | "failed" | "interrupted" | "timedOut" | "refused"

const outcomes: ReadonlyArray<Outcome> = ["succeeded", "failed", "interrupted", "timedOut", "refused"]

/** The numbers of workers and tasks that a pool has at one moment. */
export interface Gauges {
  readonly waiting: () => number
  readonly running: () => number
  readonly workers: () => number
}

const zeros = <K extends string>(keys: ReadonlyArray<K>): Record<K, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>

export class Counts {
  readonly tasks = zeros(outcomes)
  readonly replaced = zeros(reasons)
  started = 0
  retried = 0
  /**
   * The histogram of the milliseconds that tasks waited for a worker; the field `run` holds the milliseconds that tasks
   * ran on a worker.
   */
  readonly wait = new Histogram()
  readonly run = new Histogram()
}

const gauge = (name: string, description: string, read: () => number) =>
  [Metric.gauge(name, { description }), () => ({ value: read() })] as const

const histogram = (name: string, description: string, of: Histogram) =>
  [Metric.histogram(name, { description, boundaries }), () => of.state] as const

const counters = (name: string, description: string, label: string, counts: Readonly<Record<string, number>>) =>
  Object.keys(counts).map((key) => {
    const counter = Metric.counter(name, { description, incremental: true, attributes: { [label]: key } })
    return [counter, () => ({ count: counts[key]!, incremental: true })] as const
  })

/**
 * Registers the numbers of a pool as Effect's metrics. A task costs nothing for the metrics of its pool, because an
 * exporter reads the numbers when it exports. The function `register` returns a function that removes the metrics of
 * the pool again.
 */
export const register = (
  pool: string,
  context: Context.Context<never>,
  { replaced, run, tasks, wait }: Counts,
  gauges: Gauges
): () => void => {
  const attributes = { ...Context.get(context, Metric.CurrentMetricAttributes), pool }
  const labelled = Context.add(context, Metric.CurrentMetricAttributes, attributes)
  const series: ReadonlyArray<readonly [Metric.Metric<number, any>, () => unknown]> = [
    gauge("furrow_pool_waiting", "Tasks that wait for a worker", gauges.waiting),
    gauge("furrow_pool_running", "Tasks that workers have", gauges.running),
    gauge("furrow_pool_workers", "Workers that are ready", gauges.workers),
    histogram("furrow_pool_wait_millis", "From the call of a task to its worker", wait),
    histogram("furrow_pool_run_millis", "How long its worker had a task", run),
    ...counters("furrow_pool_tasks", "Tasks that are over", "outcome", tasks),
    ...counters("furrow_pool_replaced", "Workers that were replaced", "reason", replaced)
  ]
  const registered = series.map(([metric, get]) =>
    Metric.registerUnsafe(metric, labelled, { get, update: nothing, modify: nothing })
  )
  return () => registered.forEach(({ remove }) => remove())
}

const nothing = () => {}
