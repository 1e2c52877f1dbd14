/**
 * A call is data that is also an Effect. Yield it and it runs here, with the services its handler needs; hand it to an
 * actor and it runs there, where the handler's `layer` provides them. Building a call never throws: its payload is
 * checked when it is run or sent.
 *
 * A stream call is also a Stream here. A bare contract (`endpoint`) is only data: it has nowhere to run but an actor.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ActorRuntime } from "./ActorRuntime.ts"
import { note } from "./Bundled.ts"
import * as Endpoint from "./Endpoint.ts"
import type {
  AnyCallEndpoint,
  AnyEndpoint,
  AnyStreamEndpoint,
  CallEndpoint,
  Contract,
  Fields,
  Input,
  SchemaOf,
  StreamEndpoint,
  Type,
  Wire
} from "./Endpoint.ts"
import type { LeftOpen } from "./Mistake.ts"

/**
 * What every handler gets for free: the runtime of its actor, and a Scope that closes with the call.
 *
 * @since 0.1.0
 */
export type HandlerServices = ActorRuntime | Scope.Scope
/** R as the caller of a local call sees it: the Scope is the call's own. */
type Local<R> = Exclude<R, Scope.Scope>

const CallTypeId = "~furrow/Call"

/**
 * A call as data: what to ask and with what. Only this crosses to an actor; closures and plain Effects are rejected by
 * the types.
 *
 * @since 0.1.0
 */
export interface Call<out Ep extends AnyEndpoint> {
  readonly [CallTypeId]: typeof CallTypeId
  readonly endpoint: Ep
  /** The file that implements it, where it is known. */
  readonly module: string | undefined
  readonly input: unknown
}

/**
 * A call that can also be run here.
 *
 * @since 0.1.0
 */
export interface EffectCall<out A, out E, out R, out Ep extends AnyCallEndpoint>
  extends Call<Ep>, Effect.Effect<A, E, R>
{
  readonly definition: Implemented<Ep>
}

/**
 * A stream call that can also be run here.
 *
 * @since 0.1.0
 */
export interface StreamCall<out A, out E, out R, out Ep extends AnyStreamEndpoint>
  extends Call<Ep>, Stream.Stream<A, E, R>
{
  readonly definition: Implemented<Ep>
}

/** Success and error of a call, by its schemas. */
export type Success<C> = C extends Call<infer Ep> ? Type<Ep["success"]> : never
export type Failure<C> = C extends Call<infer Ep> ? Type<Ep["error"]> : never

/**
 * A contract without an implementation: it builds calls, and cannot be run here.
 *
 * @since 0.1.0
 */
export interface Def<Ep extends AnyEndpoint> {
  (payload: Input<Ep>): Call<Ep>
  readonly endpoint: Ep
}

/**
 * An endpoint with its handler: what an actor can expose.
 *
 * @since 0.1.0
 */
export interface Implemented<out Ep extends AnyEndpoint> {
  readonly endpoint: Ep
  readonly module: string
  readonly handler: (payload: any) => unknown
  /** Closes the handler's R in the actor; built once per actor. */
  readonly layer: Layer.Layer<any, any, ActorRuntime> | undefined
}

/**
 * @since 0.1.0
 */
export interface Fn<Ep extends AnyCallEndpoint, out R> extends Implemented<Ep> {
  (payload: Input<Ep>): EffectCall<Type<Ep["success"]>, Type<Ep["error"]>, R, Ep>
}

/**
 * @since 0.1.0
 */
export interface StreamFn<Ep extends AnyStreamEndpoint, out R> extends Implemented<Ep> {
  (payload: Input<Ep>): StreamCall<Type<Ep["success"]>, Type<Ep["error"]>, R, Ep>
}

/** Where a handler lives and what closes its R. */
export interface Home<L> {
  /** `import.meta.url` of the file the handler is exported from: the actor imports it. */
  readonly module: string
  /** Built once per actor, before it is ready. */
  readonly layer?: Layer.Layer<L, any, ActorRuntime> | undefined
}

type V = typeof Schema.Void
type N = typeof Schema.Never

/** What a call shows of itself: its name, never its payload twice. */
const shown = (call: Call<AnyEndpoint>) => ({ _id: "Furrow.Call", name: call.endpoint.name, payload: call.input })

const EffectCallProto: object = Object.assign(
  Object.create(
    Effectable.Prototype<Effect.Effect<unknown, unknown, unknown>>({
      label: "Furrow.Call",
      evaluate(this: any) {
        const { definition, input }: EffectCall<unknown, unknown, unknown, AnyCallEndpoint> = this
        return Effect.scoped(
          Effect.suspend(() =>
            definition.handler(localInput(definition.endpoint, input)) as Effect.Effect<unknown, unknown, unknown>
          )
        )
      }
    }) as object
  ),
  {
    toJSON(this: Call<AnyEndpoint>) {
      return shown(this)
    }
  }
)

const formatIssue = SchemaIssue.makeFormatterDefault()

/** Applies the schema's defaults and checks the type side; throws an error that says what does not match, and where. */
export const makeInput = (endpoint: AnyEndpoint, input: unknown): unknown => {
  try {
    return (endpoint.payload as unknown as { readonly make: (input: unknown) => unknown }).make(input)
  } catch (error) {
    // Effect's own message only says that something failed; the issue is its cause.
    const issue: unknown = error instanceof Error ? error.cause : undefined
    throw SchemaIssue.isIssue(issue) ? new Error(formatIssue(issue), { cause: error }) : error
  }
}

/** The same for a call that runs here, where nobody else names the endpoint. */
const localInput = (endpoint: AnyEndpoint, input: unknown): unknown => {
  try {
    return makeInput(endpoint, input)
  } catch (cause) {
    const issue = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`the payload of ${endpoint.name} does not match its schema: ${issue}`, { cause })
  }
}

const implemented = (
  endpoint: AnyEndpoint,
  home: Home<any>,
  handler: (payload: any) => unknown,
  build: (definition: Implemented<AnyEndpoint>, input: unknown) => unknown
): unknown => {
  const definition = Object.assign(
    (input: unknown): unknown => build(definition as unknown as Implemented<AnyEndpoint>, input),
    { endpoint, module: home.module, layer: home.layer, handler }
  )
  note(definition)
  return definition
}

const data = (definition: Implemented<AnyEndpoint>, input: unknown) => ({
  [CallTypeId]: CallTypeId,
  endpoint: definition.endpoint,
  module: definition.module,
  definition,
  input
})

/**
 * A function an actor can run: payload in, one answer or typed error out.
 *
 * @example
 * ```ts
 * export const isPrime = Actor.fn("isPrime", {
 *   module: import.meta.url, payload: { n: Schema.Int }, success: Schema.Boolean, error: TooSmall
 * })(Effect.fnUntraced(function*({ n }) {
 *   if (n < 2) return yield* new TooSmall({ n })
 *   return divisors(n) === 0
 * }))
 * ```
 * @since 0.1.0
 */
export const fn = <
  const Name extends string,
  P extends Wire | Fields = V,
  A extends Wire = V,
  E extends Wire = N,
  L = never
>(name: Name, options: Contract<P, A, E> & Home<L>) =>
<R extends L | HandlerServices | LeftOpen<R, L | HandlerServices> = never>(
  handler: (payload: SchemaOf<P>["Type"]) => Effect.Effect<A["Type"], E["Type"], R>
): Fn<CallEndpoint<Name, SchemaOf<P>, A, E>, Local<R>> =>
  implemented(
    Endpoint.make("call", name, options),
    options,
    handler,
    (definition, input) => Object.assign(Object.create(EffectCallProto), data(definition, input))
  ) as Fn<CallEndpoint<Name, SchemaOf<P>, A, E>, Local<R>>

/**
 * A stream an actor can produce: payload in, many answers out, stopped when its reader stops.
 *
 * @example
 * ```ts
 * export const count = Actor.stream("count", {
 *   module: import.meta.url, payload: { to: Schema.Int }, success: Schema.Int
 * })(({ to }) => Stream.range(1, to))
 * ```
 * @since 0.1.0
 */
export const stream = <
  const Name extends string,
  P extends Wire | Fields = V,
  A extends Wire = V,
  E extends Wire = N,
  L = never
>(name: Name, options: Contract<P, A, E> & Home<L>) =>
<R extends L | HandlerServices | LeftOpen<R, L | HandlerServices> = never>(
  handler: (payload: SchemaOf<P>["Type"]) => Stream.Stream<A["Type"], E["Type"], R>
): StreamFn<StreamEndpoint<Name, SchemaOf<P>, A, E>, Local<R>> =>
  implemented(Endpoint.make("stream", name, options), options, handler, (definition, input) =>
    Object.assign(
      Stream.scoped(Stream.suspend(() =>
        definition.handler(localInput(definition.endpoint, input)) as Stream.Stream<unknown, unknown, Scope.Scope>
      )),
      data(definition, input)
    )) as StreamFn<StreamEndpoint<Name, SchemaOf<P>, A, E>, Local<R>>

const bare = (endpoint: AnyEndpoint): unknown =>
  Object.assign(
    (input: unknown) => ({
      [CallTypeId]: CallTypeId,
      endpoint,
      module: undefined,
      input,
      toJSON: () => shown({ endpoint, input } as Call<AnyEndpoint>)
    }),
    { endpoint }
  )

/**
 * The contract of a call without its implementation.
 *
 * @since 0.1.0
 */
export const endpoint = <
  const Name extends string,
  P extends Wire | Fields = V,
  A extends Wire = V,
  E extends Wire = N
>(
  name: Name,
  contract?: Contract<P, A, E>
): Def<CallEndpoint<Name, SchemaOf<P>, A, E>> =>
  bare(Endpoint.make("call", name, contract)) as Def<CallEndpoint<Name, SchemaOf<P>, A, E>>

/**
 * The contract of a stream without its implementation.
 *
 * @since 0.1.0
 */
export const streamEndpoint = <
  const Name extends string,
  P extends Wire | Fields = V,
  A extends Wire = V,
  E extends Wire = N
>(
  name: Name,
  contract?: Contract<P, A, E>
): Def<StreamEndpoint<Name, SchemaOf<P>, A, E>> =>
  bare(Endpoint.make("stream", name, contract)) as Def<StreamEndpoint<Name, SchemaOf<P>, A, E>>

/** Whether a value is a definition an actor can serve: what the child looks for among a module's exports. */
export const isImplemented = (u: unknown): u is Implemented<AnyEndpoint> =>
  typeof u === "function" && "endpoint" in u && "handler" in u && "module" in u

/**
 * Whether a value is a call: data that can be handed to an actor. Programs without types may hold anything.
 *
 * @example
 * ```ts
 * Endpoint.isCall(isPrime({ n: 7 })) // true
 * Endpoint.isCall(isPrime) // false: it is the definition, and must be called
 * ```
 * @category guards
 * @since 0.1.0
 */
export const isCall = (u: unknown): u is Call<AnyEndpoint> =>
  (typeof u === "object" || typeof u === "function") && u !== null && CallTypeId in u
