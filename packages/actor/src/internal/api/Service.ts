/**
 * A Service is a stateful actor: callers import its contract, and its implementation is built only in the actor.
 *
 * A Service is a Layer: its actor lives as long as the Layer, so actors compose as a graph of Layers, and stop in
 * reverse order. The Layer of a Service requires each Service in the option `uses`, and the handlers of the Service get
 * a portal to each used Service.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Call, HandlerServices } from "../contract/Call.ts"
import type { DialogHandle } from "../contract/DialogCall.ts"
import type {
  AnyCallEndpoint,
  AnyEndpoint,
  AnyStreamEndpoint,
  CallEndpoint,
  DialogEndpoint,
  Input,
  SchemaOf,
  StreamEndpoint,
  Type
} from "../contract/Endpoint.ts"
import type { Closing, LeftUnprovided, LeftUnserved } from "../contract/Mistake.ts"
import { optional, type OptionalLayer } from "../contract/OptionalLayer.ts"
import * as RpcEndpoints from "../contract/RpcEndpoints.ts"
import * as Settings from "../contract/Settings.ts"
import type { ActorError, PayloadInvalid } from "../errors/ActorError.ts"
import type { Portal } from "../portal/Portal.ts"
import { type AnyService, type Implementation, isServed } from "../process/ServiceImplementation.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import * as Start from "./StartService.ts"

/**
 * The handler of an endpoint. The handler of a call returns an Effect, and the handler of a stream a Stream; the
 * handler of a dialog also gets the dialog.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Handler<Ep, R = any> = Ep extends CallEndpoint<any, infer P, infer A, infer E>
  ? (payload: P["Type"]) => Effect.Effect<A["Type"], E["Type"], R>
  : Ep extends StreamEndpoint<any, infer P, infer A, infer E>
    ? (payload: P["Type"]) => Stream.Stream<A["Type"], E["Type"], R>
  : Ep extends DialogEndpoint<any, infer P, infer F, infer In, infer Out, infer A, infer E> ? (
      payload: P["Type"],
      dialog: DialogHandle<F["Type"], Out["Type"], In["Type"]>
    ) => Effect.Effect<A["Type"], E["Type"], R>
  : never

/**
 * The handlers of a Service: one handler for every endpoint of its contract, under the name of the endpoint.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Handlers<Eps extends AnyEndpoint, R = any> = { readonly [Ep in Eps as Ep["name"]]: Handler<Ep, R> }

type ServicesOf<H> = {
  [K in keyof H]: H[K] extends (...args: any) => infer X ? X extends Effect.Effect<any, any, infer R> ? R
    : X extends Stream.Stream<any, any, infer R> ? R
    : never
    : never
}[keyof H]

/**
 * The implementation of a Service, as a module exports it for the actor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Served<out Self> {
  readonly "~furrow/Served": () => Self
  readonly key: string
}

/**
 * The options of a Service's implementation, besides its handlers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServeOptions<L, Uses, R> {
  /**
   * The Layer of the services that the implementation needs, which is built once in the actor before the actor is
   * ready.
   */
  readonly layer?: Layer.Layer<L, any, Uses | ActorRuntime> | undefined
  /**
   * The `main` of a Service's actor: an effect that begins when the actor is ready. The actor of a Service ends in the
   * same way as its `main`: returned, failed, or interrupted. An actor without a `main` serves until its owner ends the
   * actor.
   */
  readonly main?: Effect.Effect<unknown, unknown, R> | undefined
}

/**
 * The options of the implementation of a Service with settings, if the implementation has the option `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfiguredServeOptions<L, Uses, R, Config, Needs> extends Pick<ServeOptions<L, Uses, R>, "main"> {
  /**
   * The Layer of the services that the implementation needs, or a function from the settings to this Layer. The `layer`
   * of a Service with settings is built once in the actor, before the actor is ready.
   */
  readonly layer: Closed<L, Uses, Needs> | ((config: Config) => Closed<L, Uses, Needs>)
}
type Closed<L, Uses, Needs> = LayerOf<L, Uses> & Closing<Needs, L | Uses | HandlerServices>
type LayerOf<L, Uses> = Layer.Layer<L, any, Uses | ActorRuntime>

/**
 * A call of a Service: data, and also an Effect that runs the call in the Service of the context.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceCall<out A, out E, out Self, out Ep extends AnyCallEndpoint>
  extends Call<Ep>, Effect.Effect<A, E, Self>
{}
/**
 * A stream call of a Service: data, and also a Stream that reads from the Service of the context.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceStreamCall<out A, out E, out Self, out Ep extends AnyStreamEndpoint>
  extends Call<Ep>, Stream.Stream<A, E, Self>
{}

type Calls<Eps extends AnyEndpoint, Self> = {
  readonly [Ep in Eps as Ep["name"]]: (
    payload: Input<Ep>
  ) => Ep extends AnyCallEndpoint ? ServiceCall<Type<Ep["success"]>, Type<Ep["error"]> | ActorError, Self, Ep>
    : Ep extends AnyStreamEndpoint ? ServiceStreamCall<Type<Ep["success"]>, Type<Ep["error"]> | ActorError, Self, Ep>
    : Call<Ep>
}

/**
 * The class of a Service with any kind of contract: all data that are needed to start an actor of the Service. The
 * class of a Service is also its key in the context, whose value is a portal to the actor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Startable<in out Self, Name extends string, out Uses, in out Config = never>
  extends Context.Service<Self, Portal<Self>>
{
  readonly key: Name
  readonly module: string
  readonly endpoints: ReadonlyArray<AnyEndpoint>
  readonly uses: ReadonlyArray<AnyServiceClass>
  /**
   * The Layer of a Service, such as `Counter.layer` or `Counter.layer({ name: "c1" })`, whose actor lives as long as
   * the Layer. The Layer `Counter.layer` is one value, so a graph that uses this Layer twice has one actor. Each call
   * of `Counter.layer(options)` makes another actor. The Layer of a Service with required settings always has options,
   * such as `Counter.layer({ config: { start: 7 } })`.
   */
  readonly layer: LayerOfService<Self, Uses, Config>
  /** A phantom field, which holds no value: the type of the Services that the implementation uses. */
  readonly "~uses": Uses
  /**
   * A phantom field, which holds no value: the type of the settings that a start takes, `never` for a Service without
   * settings.
   */
  readonly "~config": Config
}
type LayerOfService<Self, Uses, Config> = [Config] extends [never]
  ? OptionalLayer<Start.StartOptions, Self, ActorError, ActorRuntime | Uses>
  : {} extends Config
    ? OptionalLayer<Start.StartOptions & Settings.Configured<Config>, Self, ActorError, ActorRuntime | Uses>
  : (options: Start.StartOptions & Settings.Configured<Config>) => Layer.Layer<Self, ActorError, ActorRuntime | Uses>

/**
 * The class of a Service whose contract is a list of endpoints.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<in out Self, Name extends string, Eps extends AnyEndpoint, Uses>
  extends Startable<Self, Name, Uses>
{
  new(_: never): Context.ServiceClass.Shape<Name, Portal<Self>> & { readonly "~endpoints": Eps }
  /** The calls of the Service: a function for every endpoint, whose call runs in the Service of the context. */
  readonly calls: Calls<Eps, Self>
  /**
   * Implements the Service: the function `build` makes the handlers once, in the actor, before the actor is ready. The
   * option `layer` provides the services that `build`, the handlers and `main` need.
   */
  readonly serve: <
    H extends Handlers<Eps, L | Uses | HandlerServices | LeftUnserved<ServicesOf<H>, L | Uses | HandlerServices>>,
    L = never,
    EX = never,
    RX extends L | Uses | HandlerServices | LeftUnserved<RX, L | Uses | HandlerServices> = never,
    RM extends L | Uses | HandlerServices | LeftUnserved<RM, L | Uses | HandlerServices> = never
  >(
    build: H | Effect.Effect<H, EX, RX>,
    options?: ServeOptions<L, Uses, RM>
  ) => Served<Self>
  /**
   * Runs the handlers of the Service in this process, for tests and small programs. Callers reach handlers in this
   * process by a portal, and values go through the codecs, as in calls to an actor.
   */
  readonly layerTest: <H extends Handlers<Eps>, EX = never, RX = never>(
    build: H | Effect.Effect<H, EX, RX>
  ) => Layer.Layer<Self, EX, Exclude<RX | ServicesOf<H>, Scope.Scope | ActorRuntime>>
}

/**
 * The class of a Service with settings: each start supplies the settings, and the actor makes the implementation from
 * these settings.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfiguredServiceClass<
  in out Self,
  Name extends string,
  Eps extends AnyEndpoint,
  Uses,
  C extends Settings.SettingsSchema
> extends Startable<Self, Name, Uses, Settings.SettingsInput<C>> {
  new(_: never): Context.ServiceClass.Shape<Name, Portal<Self>> & { readonly "~endpoints": Eps }
  /** The calls of the Service: a function for every endpoint, whose call runs in the Service of the context. */
  readonly calls: Calls<Eps, Self>
  /**
   * Implements the Service: the function `build` runs once, in the actor, with the settings of the actor's start. The
   * option `layer` may also be a function of the settings; all other options are the same as those of a Service without
   * settings.
   */
  readonly serve: {
    // A `layer` function has an overload of its own, because the type of its result is known only after the other types
    // are inferred.
    <H extends Handlers<Eps>, L, EX = never, RX = never, RM = never>(
      build: (config: SchemaOf<C>["Type"]) => H | Effect.Effect<H, EX, RX>,
      options: ConfiguredServeOptions<L, Uses, RM, SchemaOf<C>["Type"], RX | RM | ServicesOf<H>>
    ): Served<Self>
    <
      H extends Handlers<Eps, L | Uses | HandlerServices | LeftUnserved<ServicesOf<H>, L | Uses | HandlerServices>>,
      L = never,
      EX = never,
      RX extends L | Uses | HandlerServices | LeftUnserved<RX, L | Uses | HandlerServices> = never,
      RM extends L | Uses | HandlerServices | LeftUnserved<RM, L | Uses | HandlerServices> = never
    >(
      build: (config: SchemaOf<C>["Type"]) => H | Effect.Effect<H, EX, RX>,
      options?: Partial<ConfiguredServeOptions<L, Uses, RM, SchemaOf<C>["Type"], never>>
    ): Served<Self>
  }
  /**
   * Runs the handlers of the Service in this process, and gives callers a portal to the handlers. The settings of the
   * Service and all calls go through the codecs, as they do for an actor.
   */
  readonly layerTest: <H extends Handlers<Eps>, EX = never, RX = never>(
    build: (config: SchemaOf<C>["Type"]) => H | Effect.Effect<H, EX, RX>,
    ...options: Settings.Argument<Settings.Configured<Settings.SettingsInput<C>>>
  ) => Layer.Layer<Self, EX | PayloadInvalid, Exclude<RX | ServicesOf<H>, Scope.Scope | ActorRuntime>>
}

/** The services that Effect's own server of a group needs: its handlers and its middleware. */
type Provided<Rpcs extends Rpc.Any> = Rpc.ToHandler<Rpcs> | Rpc.Middleware<Rpcs>

/**
 * The class of a Service whose contract is an RpcGroup of Effect. `Actor.rpcClient` makes the client that calls the
 * procedures of the group.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupServiceClass<in out Self, Name extends string, Uses, Rpcs extends Rpc.Any>
  extends Startable<Self, Name, Uses>
{
  new(_: never): Context.ServiceClass.Shape<Name, Portal<Self>> & { readonly "~endpoints": never }
  /** Implements the Service with the Layer of its handlers and of its middleware, as Effect's own RpcServer takes it. */
  readonly serveRpc: <L>(
    layer: Layer.Layer<L, any, Uses | ActorRuntime> & LeftUnprovided<Provided<Rpcs>, L>
  ) => Served<Self>
  /**
   * Runs the Layer of the Service's handlers in this process, for tests and small programs. Callers reach handlers in
   * this process by a portal, and values go through the codecs, as in calls to an actor.
   */
  readonly layerTest: <L, EX = never, RX = never>(
    layer: Layer.Layer<L, EX, RX> & LeftUnprovided<Provided<Rpcs>, L>
  ) => Layer.Layer<Self, EX, Exclude<RX, Scope.Scope | ActorRuntime>>
}

/**
 * The class of a Service with settings whose contract is an RpcGroup.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfiguredGroupServiceClass<
  in out Self,
  Name extends string,
  Uses,
  Rpcs extends Rpc.Any,
  C extends Settings.SettingsSchema
> extends Startable<Self, Name, Uses, Settings.SettingsInput<C>> {
  new(_: never): Context.ServiceClass.Shape<Name, Portal<Self>> & { readonly "~endpoints": never }
  /** Implements the Service with the Layer that a function makes from the settings of the actor's start. */
  readonly serveRpc: <L>(
    layer: (config: SchemaOf<C>["Type"]) => LayerOf<L, Uses> & LeftUnprovided<Provided<Rpcs>, L>
  ) => Served<Self>
  /**
   * Runs the Layer of the Service's handlers in this process, and gives callers a portal to the handlers. The settings
   * of the Service and all calls go through the codecs, as they do for an actor.
   */
  readonly layerTest: <L, EX = never, RX = never>(
    layer: (config: SchemaOf<C>["Type"]) => Layer.Layer<L, EX, RX> & LeftUnprovided<Provided<Rpcs>, L>,
    ...options: Settings.Argument<Settings.Configured<Settings.SettingsInput<C>>>
  ) => Layer.Layer<Self, EX | PayloadInvalid, Exclude<RX, Scope.Scope | ActorRuntime>>
}

/**
 * The type that stands in the requirements R of an effect that needs the Service.
 *
 * @category type-level
 * @since 0.1.0
 */
export type SelfOf<C> = C extends { new(_: never): infer I } ? I : never
/**
 * The class of any Service: all data that are needed to start or find an actor of the Service.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnyServiceClass {
  new(_: never): any
  readonly key: string
  readonly endpoints: ReadonlyArray<AnyEndpoint>
  readonly layer: Layer.Layer<any, any, any> | ((options: never) => Layer.Layer<any, any, any>)
}

type Options<U> = { readonly module: string; readonly uses?: U }
type WithSettings<C> = {
  /** The schema of the settings of each start: a record of schemas, or a schema of objects. */
  readonly config: C
}
interface Make<Self> {
  <
    const Name extends string,
    const D extends ReadonlyArray<{ readonly endpoint: AnyEndpoint }>,
    C extends Settings.SettingsSchema,
    const U extends ReadonlyArray<AnyServiceClass> = []
  >(
    name: Name,
    options: Options<U> & WithSettings<C> & { readonly endpoints: D }
  ): ConfiguredServiceClass<Self, Name, D[number]["endpoint"], SelfOf<U[number]>, C>
  <
    const Name extends string,
    R extends Rpc.Any,
    C extends Settings.SettingsSchema,
    const U extends ReadonlyArray<AnyServiceClass> = []
  >(
    name: Name,
    options: Options<U> & WithSettings<C> & { readonly endpoints: RpcGroup.RpcGroup<R> }
  ): ConfiguredGroupServiceClass<Self, Name, SelfOf<U[number]>, R, C>
  <
    const Name extends string,
    const D extends ReadonlyArray<{ readonly endpoint: AnyEndpoint }>,
    const U extends ReadonlyArray<AnyServiceClass> = []
  >(
    name: Name,
    options: Options<U> & { readonly endpoints: D }
  ): ServiceClass<Self, Name, D[number]["endpoint"], SelfOf<U[number]>>
  <const Name extends string, R extends Rpc.Any, const U extends ReadonlyArray<AnyServiceClass> = []>(
    name: Name,
    options: Options<U> & { readonly endpoints: RpcGroup.RpcGroup<R> }
  ): GroupServiceClass<Self, Name, SelfOf<U[number]>, R>
}

interface AnyOptions extends Options<ReadonlyArray<AnyServiceClass>> {
  readonly endpoints: any
  readonly config?: Settings.SettingsSchema
}

/** The contract of a Service, which is a list of definitions or an RpcGroup. */
type Given = ReadonlyArray<{ readonly endpoint: AnyEndpoint }> | RpcEndpoints.Group

const CallProto: object = Effectable.Prototype<Effect.Effect<unknown, unknown, unknown>>({
  label: "Furrow.ServiceCall",
  evaluate(this: any) {
    const { bare, service } = this as { bare: Call<AnyCallEndpoint>; service: Context.Service<any, Portal<any>> }
    return Effect.flatMap(service, (portal) => portal.run(bare as never))
  }
}) as object

const callsOf = (service: any, endpoints: ReadonlyArray<AnyEndpoint>): Record<string, unknown> =>
  Object.fromEntries(endpoints.map((endpoint) => [endpoint.name, (input: unknown) => {
    const bare = { "~furrow/Call": "~furrow/Call", endpoint, module: undefined, input }
    switch (endpoint.kind) {
      case "call":
        return Object.assign(Object.create(CallProto), bare, { bare, service })
      case "stream": {
        const stream = Stream.unwrap(Effect.map(service as any, (portal: any) => portal.stream(bare)))
        return Object.assign(stream, bare)
      }
      case "dialog":
        return bare
    }
  }]))

const implementedBy = (implementation: Partial<Implementation>): Implementation => ({
  build: undefined,
  layer: undefined,
  rpc: undefined,
  ...implementation
})

/** Returns one field of a Service's implementation; a field that is a function is applied to the settings. */
const madeOf = (part: any, settings: unknown): any =>
  settings !== undefined && typeof part === "function" && !Layer.isLayer(part) ? part(settings) : part

const endpointStatics = (service: any, given: ReadonlyArray<{ readonly endpoint: AnyEndpoint }>) => {
  const endpoints = given.map(({ endpoint }) => endpoint)
  const implementation = (build: any, { layer, main }: ServeOptions<any, any, any> = {}) => (settings: unknown) =>
    implementedBy({ build: madeOf(build, settings), layer: madeOf(layer, settings), main: main as any })
  return {
    endpoints,
    calls: callsOf(service, endpoints),
    serve: (build: any, options?: ServeOptions<any, any, any>) =>
      Start.served(service, () => Promise.resolve(implementation(build, options))),
    layerTest: (build: any, options?: { readonly config?: unknown }) =>
      Start.layerTest(service, implementation(build), options?.config)
  }
}

const groupStatics = (service: any, name: string, group: RpcEndpoints.Group) => {
  const implementation = (rpc: any) => (settings: unknown) => implementedBy({ rpc: madeOf(rpc, settings) })
  return {
    endpoints: [RpcEndpoints.session, ...RpcEndpoints.endpointsOf(`Service "${name}"`, group).values()],
    group,
    serveRpc: (rpc: any) => Start.served(service, () => Promise.resolve(implementation(rpc))),
    layerTest: (rpc: any, options?: { readonly config?: unknown }) =>
      Start.layerTest(service, implementation(rpc), options?.config)
  }
}

/**
 * Declares a stateful actor: a class that is the actor's key in the context, with `layer` to run the actor and `serve`
 * to implement it. The option `endpoints` holds definitions or an Effect RpcGroup, `uses` lists the Services that the
 * implementation calls, and `config` is the schema of the settings. Every start of a Service that declares `config`
 * supplies settings, such as `Counter.layer({ config: { start: 7 } })`.
 *
 * Effect's own RpcServer serves the whole group, so middleware, headers, annotations and wrappers work as in Effect.
 * `Actor.Service` throws for a group with `Rpc.ParseOptions`, because the codec of an actor has no parse options.
 *
 * @example
 * ```ts
 * export class Stock extends Actor.Service<Stock>()("Stock", { module: import.meta.url, endpoints: [increment] }) {}
 * export default Stock.serve(Effect.gen(function*() {
 *   const ref = yield* Ref.make(10)
 *   return { increment: ({ by }) => Ref.updateAndGet(ref, (n) => n + by) }
 * }))
 *
 * yield* Effect.provide(Stock.calls.increment({ by: 2 }), Stock.layer) // 12
 *
 * export class Tally extends Actor.Service<Tally>()("Tally", {
 *   module: import.meta.url, endpoints: [increment], config: { start: Schema.Int }
 * }) {}
 * export const tally = Tally.serve(({ start }) =>
 *   Effect.map(Ref.make(start), (ref) => ({ increment: ({ by }) => Ref.updateAndGet(ref, (n) => n + by) })))
 *
 * yield* Effect.provide(Tally.calls.increment({ by: 2 }), Tally.layer({ config: { start: 7 } })) // 9
 * ```
 * @category defining actors
 * @since 0.1.0
 */
export const Service = <Self>(): Make<Self> =>
  ((name: string, options: AnyOptions) => {
    const service: any = Context.Service<Self, Portal<Self>>()(name as never)
    const given: Given = options.endpoints
    const uses = options.uses ?? []
    const contract = "requests" in given ? groupStatics(service, name, given) : endpointStatics(service, given)
    const settings = Settings.make(name, options.config)
    const statics = { module: options.module, uses, "~settings": settings, ...contract }
    for (const [property, value] of Object.entries(statics)) {
      Object.defineProperty(service, property, { value, enumerable: true, configurable: true })
    }
    // Each class has one Layer value, so that a Layer which is used twice in one graph is one actor.
    let layer: unknown
    Object.defineProperty(service, "layer", {
      get: () => layer ??= optional((options: Start.StartOptions) => Start.layer(service, options), {}),
      configurable: true
    })
    return service
  }) as unknown as Make<Self>

/**
 * Serves a Service by an implementation in another module, so that callers who import the contract do not load what the
 * implementation imports. The actor of a Service does not start (`SpawnFailed`) if the default export of the
 * implementing module serves a Service with another key.
 *
 * @example
 * ```ts
 * export class Stock extends Actor.Service<Stock>()("Stock", { module: import.meta.url, endpoints: [increment] }) {}
 * export const live = { default: Stock.serve({ increment: ({ by }) => Effect.succeed(by) }) }
 * export default Actor.serveFrom(Stock, () => Promise.resolve(live))
 *
 * const stock = yield* Actor.start(Stock)
 * yield* stock.run(increment({ by: 2 })) // 2
 * ```
 * @category defining actors
 * @since 0.1.0
 */
export const serveFrom = <S extends { new(_: never): any; readonly key: string }>(
  service: S,
  load: () => Promise<{ readonly default: Served<SelfOf<S>> }>
): Served<SelfOf<S>> =>
  Start.served(
    service as unknown as AnyService,
    async () => {
      const served: unknown = (await load()).default
      if (!isServed(served) || served.key !== service.key) {
        throw new Error(`the module given to serveFrom does not serve "${service.key}" by default`)
      }
      return served.load()
    },
    true
  ) as unknown as Served<SelfOf<S>>
