/**
 * A call is data that is also an Effect. A call that is yielded in a program runs in the program's process, with the
 * services that its handler needs. A call that is given to an actor runs in the actor, with the services of the
 * handler's `layer`. Building a call never throws: the payload is checked when the call is run or sent.
 *
 * A stream call is also a Stream, which runs in this process. A bare contract (`endpoint`) builds calls that are only
 * data: these calls can run only in an actor.
 *
 * @since 0.1.0
 */
import { described } from "@furrow/protocol/Described"
import * as Payload from "@furrow/protocol/Payload"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { define } from "../settings/Definitions.ts"
import { suspended } from "../settings/suspended.ts"
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
 * The services of every handler: the runtime of its actor, and a Scope that closes with the call.
 *
 * @category type-level
 * @since 0.1.0
 */
export type HandlerServices = ActorRuntime | Scope.Scope
/** The services that a caller must provide for a call in this process; the call makes its Scope itself. */
type Local<R> = Exclude<R, Scope.Scope>

const CallTypeId = "~furrow/Call"

/**
 * A call as data: an endpoint and its payload. Only a call crosses to an actor; the types reject closures and plain
 * Effects.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call<out Ep extends AnyEndpoint> {
  readonly [CallTypeId]: typeof CallTypeId
  readonly endpoint: Ep
  /** The module that implements the endpoint of the call; `undefined` if the module is not known. */
  readonly module: string | undefined
  readonly input: unknown
}

/**
 * A call with the definition of its endpoint, which can also run in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface EffectCall<out A, out E, out R, out Ep extends AnyCallEndpoint>
  extends Call<Ep>, Effect.Effect<A, E, R>
{
  readonly definition: Implemented<Ep>
}

/**
 * A stream call with the definition of its endpoint, which can also run in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamCall<out A, out E, out R, out Ep extends AnyStreamEndpoint>
  extends Call<Ep>, Stream.Stream<A, E, R>
{
  readonly definition: Implemented<Ep>
}

/**
 * The type of the answer of a call, or of one item of a stream call.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Success<C> = C extends Call<infer Ep> ? Type<Ep["success"]> : never
/**
 * The type of the error that the contract of a call declares; `never` for a contract without an error.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Failure<C> = C extends Call<infer Ep> ? Type<Ep["error"]> : never

/**
 * The contract of a call or a stream without an implementation: it builds calls that can run only in an actor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Def<Ep extends AnyEndpoint> {
  (payload: Input<Ep>): Call<Ep>
  readonly endpoint: Ep
}

/**
 * An endpoint with its handler, which an actor can expose.
 *
 * @category models
 * @since 0.1.0
 */
export interface Implemented<out Ep extends AnyEndpoint> {
  readonly endpoint: Ep
  readonly module: string
  readonly handler: (payload: any) => unknown
  /** The Layer of the handler's services, built once per actor. */
  readonly layer: Layer.Layer<any, any, ActorRuntime> | undefined
}

/**
 * A call endpoint with its handler. Calling the endpoint with a payload makes a call; `R` holds the services that a run
 * of the call in this process needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fn<Ep extends AnyCallEndpoint, out R> extends Implemented<Ep> {
  (payload: Input<Ep>): EffectCall<Type<Ep["success"]>, Type<Ep["error"]>, R, Ep>
}

/**
 * A stream endpoint with its handler. Calling the endpoint with a payload makes a stream call; `R` holds the services
 * that a run of the stream call in this process needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamFn<Ep extends AnyStreamEndpoint, out R> extends Implemented<Ep> {
  (payload: Input<Ep>): StreamCall<Type<Ep["success"]>, Type<Ep["error"]>, R, Ep>
}

/** The module of a handler, and the Layer of its services. */
export interface Home<L> {
  /** `import.meta.url` of the file with the definition, which the actor imports. */
  readonly module: string
  /** The Layer of the handlers' services, built once per actor before the actor is ready. */
  readonly layer?: Layer.Layer<L, any, ActorRuntime> | undefined
}

type V = typeof Schema.Void
type N = typeof Schema.Never

/** The fields of a printed call: the name of its endpoint, and its payload. */
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

/**
 * The prototype of stream calls. The Channel of a stream call is made when the call runs in this process, because most
 * stream calls are only sent to an actor.
 */
const StreamCallProto: object = Object.create(Object.getPrototypeOf(Stream.empty) as object, {
  channel: {
    get(this: StreamCall<unknown, unknown, unknown, AnyStreamEndpoint>) {
      const { definition, input } = this
      return Stream.toChannel(
        Stream.scoped(
          suspended(() =>
            definition.handler(localInput(definition.endpoint, input)) as Stream.Stream<unknown, unknown, Scope.Scope>
          )
        )
      )
    }
  }
}) as object

const formatIssue = SchemaIssue.makeFormatterDefault()

/**
 * Describes why the `make` of a schema refused an input. The message of Effect's own error for a refused input names
 * neither the mismatch nor the field that does not match.
 */
export const issueOf = (error: unknown, input: unknown): string => {
  const issue: unknown = error instanceof Error ? error.cause : undefined
  return SchemaIssue.isIssue(issue) ? formatIssue(issue) : Payload.issueOf(error, input)
}

/**
 * Applies the defaults of a payload's schema and checks the payload. A payload that does not match its schema throws an
 * error that names the mismatch and the field that does not match.
 */
export const makeInput = (endpoint: AnyEndpoint, input: unknown): unknown => {
  try {
    return Endpoint.codecs(endpoint).payload.make(input)
  } catch (error) {
    throw new Error(issueOf(error, input), { cause: error })
  }
}

/** Encodes the payload of a call, or returns the issue for which the payload cannot be encoded. */
export const encodeInput = (endpoint: AnyEndpoint, input: unknown): Payload.Result<Uint8Array> => {
  const { payload } = Endpoint.codecs(endpoint)
  let value: unknown
  try {
    if (payload.isMade(input)) {
      const encoded = payload.encode(input)
      if (encoded.ok) return encoded
    }
    value = makeInput(endpoint, input)
  } catch (cause) {
    return { ok: false, issue: described(cause) }
  }
  return payload.encode(value)
}

/**
 * Checks the payload of a call that runs in this process. The `PayloadInvalid` of a call in this process names this
 * actor, because no portal is involved.
 */
const localInput = (endpoint: AnyEndpoint, input: unknown): unknown => {
  try {
    return makeInput(endpoint, input)
  } catch (cause) {
    throw new Error(`the payload of ${endpoint.name} does not match its schema: ${described(cause)}`, { cause })
  }
}

/** Makes the definition of an endpoint, whose calls are objects with the given prototype. */
const implemented = (
  endpoint: AnyEndpoint,
  home: Home<any>,
  handler: (payload: any) => unknown,
  prototype: object
): unknown => {
  const definition = Object.assign(
    (input: unknown): unknown =>
      Object.assign(Object.create(prototype), data(definition as unknown as Implemented<AnyEndpoint>, input)),
    { endpoint, module: home.module, layer: home.layer, handler }
  )
  return define(definition, { kind: "endpoint", module: home.module, name: endpoint.name })
}

const data = (definition: Implemented<AnyEndpoint>, input: unknown) => ({
  [CallTypeId]: CallTypeId,
  endpoint: definition.endpoint,
  module: definition.module,
  definition,
  input
})

/**
 * Defines a function that an actor can run: one payload as its input, one answer or typed error as its result. An
 * omitted schema means no payload and no answer (`Void`), or no error (`Never`).
 *
 * The option `module` must be `import.meta.url` of a file that makes or exports the definition. An actor imports the
 * file that `module` names, and finds the definition by its name. The option `layer` provides the services of the
 * handler, and is built once in the actor before the actor is ready.
 *
 * @example
 * ```ts
 * export const divide = Actor.fn("divide", {
 *   module: import.meta.url,
 *   payload: { by: Schema.Finite },
 *   success: Schema.Finite,
 *   error: TooSmall
 * })(({ by }) => by > 0 ? Effect.succeed(12 / by) : Effect.fail(new TooSmall({ n: by })))
 *
 * yield* Actor.runInActor(divide({ by: 4 })) // 3
 * yield* divide({ by: 4 }) // 3
 * ```
 * @category defining actors
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
  implemented(Endpoint.make("call", name, options), options, handler, EffectCallProto) as Fn<
    CallEndpoint<Name, SchemaOf<P>, A, E>,
    Local<R>
  >

/**
 * Defines a stream that an actor can produce: one payload as its input, many answers as its result. The producer of the
 * stream stops when the reader stops. The options of `Actor.stream` are those of `Actor.fn`, and `success` is the
 * schema of one answer.
 *
 * @example
 * ```ts
 * export const squares = Actor.stream("squares", {
 *   module: import.meta.url,
 *   payload: { to: Schema.Int },
 *   success: Schema.Int
 * })(({ to }) => Stream.map(Stream.range(1, to), (n) => n * n))
 *
 * yield* Stream.runCollect(Actor.streamInActor(squares({ to: 3 }))) // [1, 4, 9]
 * ```
 * @category defining actors
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
  implemented(Endpoint.make("stream", name, options), options, handler, StreamCallProto) as StreamFn<
    StreamEndpoint<Name, SchemaOf<P>, A, E>,
    Local<R>
  >

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
 * Declares the contract of a call without its implementation: a Service implements it. Callers import the contract
 * without loading the modules that the handler needs.
 *
 * @example
 * ```ts
 * const subtract = Actor.endpoint("subtract", { payload: { by: Schema.Int }, success: Schema.Int })
 * subtract({ by: 2 }).input // { by: 2 }
 * ```
 * @category defining actors
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
 * Declares the contract of a stream without its implementation: a Service implements it. The option `success` is the
 * schema of one answer of the stream.
 *
 * @example
 * ```ts
 * const prices = Actor.streamEndpoint("prices", { payload: { of: Schema.String }, success: Schema.Finite })
 * prices({ of: "wheat" }).endpoint.name // "prices"
 * ```
 * @category defining actors
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

/**
 * True for a definition that an actor can serve. An actor finds its definitions among a module's exports by
 * `isImplemented`.
 *
 * @example
 * ```ts
 * ActorProcess.isImplemented(isPrime) // true
 * ActorProcess.isImplemented(increment) // false
 * ```
 * @category guards
 * @since 0.1.0
 */
export const isImplemented = (u: unknown): u is Implemented<AnyEndpoint> =>
  typeof u === "function" && "endpoint" in u && "handler" in u && "module" in u

/**
 * True for a call: data that can be handed to an actor. A definition that was not applied to a payload is no call.
 *
 * @example
 * ```ts
 * Endpoint.isCall(isPrime({ n: 7 })) // true
 * Endpoint.isCall(isPrime) // false
 * ```
 * @category guards
 * @since 0.1.0
 */
export const isCall = (u: unknown): u is Call<AnyEndpoint> =>
  (typeof u === "object" || typeof u === "function") && u !== null && CallTypeId in u
