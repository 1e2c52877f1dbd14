/** Formats the metrics of several actors as one text for Prometheus, by Effect's own exporter. */
import type { MetricInspection } from "@furrow/actor/Inspect"
import { printableLines } from "@furrow/node/internal/diagnosis/text"
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"

type Attributes = Readonly<Record<string, string>>

/** The functions that make a metric of Effect from a metric of an actor, with one function for each type of metric. */
const made: Readonly<
  Record<
    MetricInspection["type"],
    (id: string, options: { readonly attributes: Attributes; readonly description: string }) => Metric.Metric<any, any>
  >
> = {
  Counter: (id, options) => Metric.counter(id, { ...options, incremental: true }),
  Gauge: (id, options) => Metric.gauge(id, options),
  Frequency: (id, options) => Metric.frequency(id, options),
  Histogram: (id, options) => Metric.histogram(id, { ...options, boundaries: [] }),
  Summary: (id, options) => Metric.summary(id, { ...options, maxAge: "1 minute", maxSize: 1, quantiles: [] })
}

/** Returns the state of a metric in Effect's form, made from the plain data that the actor sent. */
const stateOf = ({ state, type }: MetricInspection): unknown =>
  type === "Frequency"
    ? {
      occurrences: new Map((state as { readonly occurrences: ReadonlyArray<readonly [string, number]> }).occurrences)
    }
    : state

const nothing = () => {}

/** Returns the text of all metrics for Prometheus, each with the name and the pid of its actor as labels. */
export const text = (
  actors: ReadonlyArray<
    { readonly name: string; readonly pid: number; readonly metrics: ReadonlyArray<MetricInspection> }
  >
): string => {
  const context = Context.make(Metric.MetricRegistry, new Map()) as unknown as Context.Context<never>
  for (const { metrics, name, pid } of actors) {
    for (const metric of metrics) {
      const attributes = { ...metric.attributes, actor: name, pid: String(pid) }
      const own = made[metric.type](metric.id, { attributes, description: metric.description ?? "" })
      Metric.registerUnsafe(own, context, { get: () => stateOf(metric), update: nothing, modify: nothing })
    }
  }
  return printableLines(PrometheusMetrics.formatUnsafe(context))
}
