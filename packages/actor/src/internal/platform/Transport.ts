/**
 * The transports of a tree, as plans: data from which every actor makes its own driver.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Credentials } from "../contract/Credentials.ts"
import type { TransportDriver, TransportError } from "../transport/Transport.ts"
import { define, type Definition, type Plan, type PortableOptions, type Settings } from "./Portable.ts"

/**
 * The Layer of a transport: it makes a `TransportDriver`, and may need only the credentials of the tree.
 *
 * @category models
 * @since 0.1.0
 */
export type DriverLayer = Layer.Layer<TransportDriver, TransportError, Credentials>

/**
 * The transports of a tree, in the order in which an actor tries them for dialling.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportPlan {
  readonly parts: ReadonlyArray<Plan<DriverLayer>>
}

/** Defines a transport by its Layer; a transport with settings becomes a function of its settings. */
export interface Portable {
  <const Key extends string, C extends Settings>(
    key: Key,
    options: { readonly module: string; readonly config: C },
    make: (config: C["Type"]) => DriverLayer
  ): ((config: C["Type"]) => Layer.Layer<Transport>) & Definition<DriverLayer>
  <const Key extends string>(
    key: Key,
    options: { readonly module: string },
    make: () => DriverLayer
  ): Layer.Layer<Transport> & Definition<DriverLayer>
}

type Given = readonly [Layer.Layer<Transport, any, any>, ...Array<Layer.Layer<Transport, any, any>>]

/**
 * The transports by which the actors of a tree reach each other. The service `Transport` holds plans and not live
 * transports, because every actor builds its own transports.
 *
 * @example
 * ```ts
 * const { parts } = yield* Effect.provide(Transport.Transport, NodeTransport.layerTcp)
 * parts.map(({ key }) => key) // ["tcp"]
 * ```
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, TransportPlan>()("@furrow/actor/Transport") {
  /**
   * Defines a transport that every actor of a tree can build; the function is the same as the export `portable` of this
   * module.
   *
   * @example
   * ```ts
   * export const Loop = Transport.portable("loop", {
   *   module: import.meta.url, config: Schema.Struct({ host: Schema.String })
   * }, ({ host }) => Layer.effect(Transport.TransportDriver, openTcp(host)))
   *
   * yield* Effect.provide(program, MemoryActor.layer.pipe(Layer.provide(Loop({ host: "127.0.0.1" })))) // true
   * ```
   * @category constructors
   * @since 0.1.0
   */
  static readonly portable: Portable =
    ((key: string, options: PortableOptions<Settings>, make: any) =>
      define<DriverLayer, Layer.Layer<Transport>>(
        "transport",
        key,
        options,
        (config) => Layer.suspend(() => make(config) as DriverLayer),
        (plan) => Layer.succeed(Transport, { parts: [plan] })
      )) as Portable

  /**
   * The function `merge` of this module, as a static member of the class `Transport`.
   *
   * @example
   * ```ts
   * const both = Transport.Transport.merge(NodeTransport.layerUnix, NodeTransport.layerTcp)
   * const { parts } = yield* Effect.provide(Transport.Transport, both)
   * parts.map(({ key }) => key) // ["unix", "tcp"]
   * ```
   * @category combinators
   * @since 0.1.0
   */
  static readonly merge = <const Ls extends Given>(
    ...layers: Ls
  ): Layer.Layer<Transport, Layer.Error<Ls[number]>, Layer.Services<Ls[number]>> =>
    Layer.effect(
      Transport,
      Effect.map(
        // Each transport is built in an Effect Context of its own, because all transports provide the same service
        // `TransportDriver`.
        Effect.forEach(layers, (layer) =>
          Effect.flatMap(Effect.scope, (scope) =>
            Effect.map(Layer.buildWithScope(layer, scope), (context) =>
              Context.get(context, Transport)))),
        (plans) => ({
          parts: plans.flatMap(({ parts }) =>
            parts
          )
        })
      )
    ) as Layer.Layer<Transport, Layer.Error<Ls[number]>, Layer.Services<Ls[number]>>
}

/**
 * Defines a transport that every actor of a tree can build. An actor finds the transport by module and key, and gets
 * its settings as JSON. The Layer of the transport makes a `TransportDriver` and may need `Credentials`.
 *
 * The module of a transport must export the defined transport, because actors find the transport in the module by the
 * export's key.
 *
 * @example
 * ```ts
 * export const Loop = Transport.portable("loop", {
 *   module: import.meta.url, config: Schema.Struct({ host: Schema.String })
 * }, ({ host }) => Layer.effect(Transport.TransportDriver, openTcp(host)))
 *
 * yield* Effect.provide(program, MemoryActor.layer.pipe(Layer.provide(Loop({ host: "127.0.0.1" })))) // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const portable: Portable = Transport.portable

/**
 * Combines several transports: an actor listens with all of them, and dials with the first that can dial the address.
 * `Layer.mergeAll` would keep only one of the transports and drop the others.
 *
 * @example
 * ```ts
 * const both = Transport.merge(NodeTransport.layerUnix, NodeTransport.layerTcp)
 * yield* Effect.provide(program, MemoryActor.layer.pipe(Layer.provide(both))) // true
 * ```
 * @category combinators
 * @since 0.1.0
 */
export const merge: typeof Transport.merge = Transport.merge
