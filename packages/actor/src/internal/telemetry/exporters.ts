/**
 * Builds the exporters of one actor's traces, metrics and logs. Effect's modules for exporters are loaded only when an
 * exporter is built, so that other actors need not load these modules.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { formatActor } from "../errors/ActorError.ts"
import { MeterReaders } from "../inspect/Metered.ts"
import { Self } from "../platform/Self.ts"
import type { ActorInfo } from "../settings/ActorRuntime.ts"
import { outside } from "../settings/Turn.ts"
import * as Metrics from "./metrics.ts"

interface OtlpSettings {
  readonly url: string
  readonly headers?: { readonly [name: string]: string }
  readonly service?: string
  readonly attributes?: { readonly [name: string]: string }
  readonly encoding?: "json" | "protobuf"
  readonly tracesMillis?: number
  readonly metricsMillis?: number
  readonly shutdownMillis?: number
}

/** The OTLP resource of an actor: all actors of the tree are instances of one service. */
const resourceOf = ({ ancestors, id }: ActorInfo, { attributes, service }: OtlpSettings) => ({
  serviceName: service ?? ancestors[0]?.name ?? id.name,
  attributes: {
    ...attributes,
    "service.instance.id": id.uuid,
    "process.pid": id.pid,
    "furrow.actor": formatActor(id),
    "furrow.actor.path": [...ancestors, id].map(({ name }) => name).join("/")
  }
})

/** Registers the counts of the actor as metrics in the metric registry of the Layer's context. */
export const metrics: Layer.Layer<never> = Layer.effectContext(
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed(
      Context.make(MeterReaders, [
        ...Context.get(context, MeterReaders),
        (metered) => Metrics.attach(metered, context)
      ]) as unknown as Context.Context<never>
    )
  )
)

const defaultShutdownMillis = 1000

const loadOtlp = async (settings: OtlpSettings): Promise<Layer.Layer<never>> => {
  const [Logger, MetricsExporter, Serialization, Tracer, FetchHttpClient] = await Promise.all([
    import("effect/observability/OtlpLogger"),
    import("effect/observability/OtlpMetrics"),
    import("effect/observability/OtlpSerialization"),
    import("effect/observability/OtlpTracer"),
    import("effect/http/FetchHttpClient")
  ])
  const {
    encoding = "json",
    headers,
    metricsMillis = 10_000,
    shutdownMillis: shutdownTimeout = defaultShutdownMillis,
    tracesMillis: exportInterval = 1000,
    url
  } = settings
  const base = url.replace(/\/+$/, "")
  const exporting = (self: ActorInfo) => {
    const common = { headers, resource: resourceOf(self, settings), shutdownTimeout }
    const traces = Tracer.layer({ ...common, url: `${base}/v1/traces`, exportInterval })
    const numbers = MetricsExporter.layer({ ...common, url: `${base}/v1/metrics`, exportInterval: metricsMillis })
    // Only the root exports logs, because every actor sends its logs to the root.
    const logs = self.isRoot ? [Logger.layer({ ...common, url: `${base}/v1/logs`, exportInterval })] : []
    return Layer.mergeAll(traces, numbers, ...logs).pipe(
      Layer.provide([
        encoding === "json" ? Serialization.layerJson : Serialization.layerProtobuf,
        FetchHttpClient.layer
      ])
    )
  }
  const exporters = Layer.unwrap(Effect.withFiber((fiber) => Effect.succeed(exporting(fiber.getRef(Self)))))
  return Layer.merge(metrics, exporters as unknown as Layer.Layer<never>)
}

const loadDevtools = async ({ url }: { readonly url?: string }): Promise<Layer.Layer<never>> => {
  const DevTools = await import("effect/devtools/DevTools")
  return Layer.merge(metrics, DevTools.layer(url))
}

/** Makes a Layer whose module is loaded when the Layer is built. */
const loaded = (load: () => Promise<Layer.Layer<never>>): Layer.Layer<never> =>
  Layer.unwrap(Effect.orDie(outside(load)))

export const otlp = (settings: OtlpSettings): Layer.Layer<never> => loaded(() => loadOtlp(settings))

export const devtools = (settings: { readonly url?: string }): Layer.Layer<never> =>
  loaded(() => loadDevtools(settings))
