/**
 * A Layer that is also a function of its options, such as `Counter.layer` and `Counter.layer({ unique: true })`.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"

/**
 * A value that is a Layer with default options, and also a function that returns the Layer with given options.
 *
 * A graph of Layers that contains the same optional layer twice builds it once. Each call of the optional layer as a
 * function makes another Layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface OptionalLayer<in O, in ROut, out E = never, out RIn = never> extends Layer.Layer<ROut, E, RIn> {
  (options: O): Layer.Layer<ROut, E, RIn>
}

/**
 * Makes a Layer that is also a function of its options. An optional layer that is used as a Layer has the default
 * options, and makes no Layer from these options before it is first built.
 *
 * @example
 * ```ts
 * class Port extends Context.Service<Port, number>()("Port") {}
 * const layer = ActorProcess.optional(({ port }: { readonly port: number }) => Layer.succeed(Port, port), { port: 80 })
 * yield* Effect.provide(Port, layer) // 80
 * yield* Effect.provide(Port, layer({ port: 8080 })) // 8080
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const optional = <O, ROut, E, RIn>(
  make: (options: O) => Layer.Layer<ROut, E, RIn>,
  defaults: O
): OptionalLayer<O, ROut, E, RIn> => {
  const layer = Layer.suspend(() => make(defaults))
  // A function whose prototype is that of a Layer has every property of a Layer.
  const both = Object.assign((options: O) => make(options), layer)
  return Object.setPrototypeOf(both, Object.getPrototypeOf(layer)) as OptionalLayer<O, ROut, E, RIn>
}
