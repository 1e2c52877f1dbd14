/**
 * Exports the traces, metrics and logs of a whole tree by ambient Layers over Effect's own exporters. Each actor sends
 * its own spans and metrics, and the root sends the logs of all actors, so nothing is sent twice.
 *
 * An actor loads the code of an exporter only if the options of its tree's root name an exporter. In a tree without an
 * exporter, calls make no spans.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import * as Ambient from "./internal/platform/Ambient.ts"
import * as Exporters from "./internal/telemetry/exporters.ts"

const module = (import.meta as unknown as { readonly url: string }).url

/** The settings of `otlp`, which cross to every actor of the tree. */
const OtlpSettings = Schema.Struct({
  url: Schema.String,
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  service: Schema.optionalKey(Schema.String),
  attributes: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  encoding: Schema.optionalKey(Schema.Literals(["json", "protobuf"])),
  tracesMillis: Schema.optionalKey(Schema.Finite),
  metricsMillis: Schema.optionalKey(Schema.Finite),
  shutdownMillis: Schema.optionalKey(Schema.Finite)
})

/**
 * The options of `otlp`.
 *
 * @category models
 * @since 0.2.0
 */
export interface OtlpOptions {
  /**
   * The address of a collector, such as `http://localhost:4318`; the paths `/v1/traces`, `/v1/metrics` and `/v1/logs`
   * are appended to this address.
   */
  readonly url: string
  /**
   * Headers of each request, such as the key of a collector. Every actor of the tree gets the option `headers`, and
   * sends these headers to the collector. By default a request to the collector has no additional headers.
   */
  readonly headers?: { readonly [name: string]: string }
  /**
   * The name of the OTLP service, which is the same for the whole tree. The default name of the OTLP service is the
   * name of the root.
   */
  readonly service?: string
  /** Attributes of the OTLP resource, in addition to the attributes of the actor. Default: none. */
  readonly attributes?: { readonly [name: string]: string }
  /** The encoding of each request to the collector. Default: `json`. */
  readonly encoding?: "json" | "protobuf"
  /** The milliseconds between two exports of spans and of logs to the collector. Default: 1000. */
  readonly tracesMillis?: number
  /**
   * The milliseconds between two exports of an actor's metrics to the collector. The default interval between two
   * exports of metrics is 10 000 milliseconds.
   */
  readonly metricsMillis?: number
  /** The milliseconds within which an ending actor must make its last export to the collector. Default: 1000. */
  readonly shutdownMillis?: number
}

/**
 * Sends the spans, metrics and logs of a tree to a collector, by OTLP over HTTP. Each actor is an instance of one OTLP
 * service; the actor's name and path are attributes of its resource.
 *
 * A collector that does not answer causes no failure: the data for the collector are dropped, and the end of an actor
 * takes at most `shutdownMillis` longer. A killed actor loses the spans that it has not exported, those of its last
 * `tracesMillis` milliseconds.
 *
 * @example
 * ```ts
 * const telemetry = Telemetry.otlp({ url: "http://localhost:4318", service: "shop" })
 * telemetry.key // "otlp"
 * NodeActor.layer({ ambient: telemetry })
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const otlp: (options: OtlpOptions) => Ambient.Ambient<never> = Ambient.portable(
  "otlp",
  { module, config: OtlpSettings },
  (settings) => Exporters.otlp(settings)
)

const DevToolsSettings = Schema.Struct({ url: Schema.optionalKey(Schema.String) })

/**
 * The options of `devtools`.
 *
 * @category models
 * @since 0.2.0
 */
export interface DevToolsOptions {
  /**
   * The address of the developer tool's WebSocket. The default address of the developer tool is `ws://localhost:34437`,
   * where Effect's extension for editors listens.
   */
  readonly url?: string
}

/**
 * Shows the spans and metrics of a tree in Effect's own developer tools. Each actor has its own connection to the
 * developer tools. The start of an actor takes a second longer if no developer tool listens at the given address.
 *
 * @example
 * ```ts
 * const telemetry = Telemetry.devtools({})
 * telemetry.key // "devtools"
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const devtools: (options: DevToolsOptions) => Ambient.Ambient<never> = Ambient.portable(
  "devtools",
  { module, config: DevToolsSettings },
  (settings) => Exporters.devtools(settings)
)

/**
 * Registers Furrow's own metrics with Effect, in the root and in every actor, for an exporter of the program's own. The
 * Layers `otlp` and `devtools` register the metrics of actors by themselves.
 *
 * @example
 * ```ts
 * const names = Effect.map(Metric.snapshot, (all) => all.map(({ id }) => id))
 * const found = yield* Effect.provide(names, MemoryActor.layer({ ambient: Telemetry.metrics }))
 * found.includes("furrow.starts") // true
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const metrics: Ambient.Ambient<never> = Ambient.portable("metrics", { module }, () => Exporters.metrics)
