/**
 * Ambient Layers: every actor of a tree builds them around its handlers, for example for telemetry or configuration.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { Credentials } from "../contract/Credentials.ts"
import { define, type Definition, type Plan, type PortableOptions, type Settings } from "./Portable.ts"

/**
 * A Layer that every actor of a tree builds before the modules that it serves, and closes after its handlers and logs.
 * The root of a tree builds the ambient Layers before all other Layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ambient<out E = unknown> extends Plan<Layer.Layer<never, E, Credentials>> {
  readonly "~furrow/Ambient": "~furrow/Ambient"
}

interface Portable {
  <C extends Settings, E>(
    key: string,
    options: { readonly module: string; readonly config: C },
    make: (config: C["Type"]) => Layer.Layer<never, E, Credentials>
  ): ((config: C["Type"]) => Ambient<E>) & Definition<unknown>
  <E>(
    key: string,
    options: { readonly module: string },
    make: () => Layer.Layer<never, E, Credentials>
  ): Ambient<E> & Definition<unknown>
}

/**
 * Defines an ambient Layer: the tracer, the references or the `ConfigProvider` that it sets apply in every handler of
 * the tree. Only the root uses a logger that an ambient Layer sets, because all actors send their logs to the root.
 *
 * The module of an ambient Layer must export the Layer, because actors find the Layer among the module's exports.
 *
 * @example
 * ```ts
 * export const Settings = Ambient.portable("settings", {
 *   module: import.meta.url, config: Schema.Struct({ level: Schema.Literals(["Info", "Debug"]) })
 * }, ({ level }) => Layer.succeed(References.MinimumLogLevel, level))
 *
 * yield* Effect.provide(program, MemoryActor.layer({ ambient: Settings({ level: "Debug" }) })) // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const portable: Portable =
  ((key: string, options: PortableOptions<Settings>, make: any) =>
    define<Layer.Layer<never, unknown, Credentials>, Ambient>(
      "ambient",
      key,
      options,
      (config) => Layer.suspend(() => make(config) as Layer.Layer<never, unknown, Credentials>),
      (plan) => ({ "~furrow/Ambient": "~furrow/Ambient", ...plan })
    )) as Portable
