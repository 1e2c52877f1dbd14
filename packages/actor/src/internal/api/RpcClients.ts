/**
 * A client of an Effect RpcGroup over a portal.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type * as RpcSchema from "effect/rpc/RpcSchema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Struct from "effect/Struct"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { type ActorError, isActorError } from "../errors/ActorError.ts"
import type { Portal } from "../portal/Portal.ts"
import * as RpcGroups from "../process/RpcGroups.ts"

/** Options of a call, beside its payload. */
interface CallOptions<Discard> {
  /** Answers nothing, and keeps an error of the procedure itself to the log. It waits until the handler has ended. */
  readonly discard?: Discard | undefined
}

type ServicesOf<P extends Rpc.Any> = P extends
  Rpc.Rpc<infer _Tag, infer Payload, infer A, infer E, infer _Middleware, infer _Requires>
  ? Payload["EncodingServices"] | A["DecodingServices"] | E["DecodingServices"]
  : never

/**
 * The client of an RpcGroup whose calls go to an actor: a method for each procedure. It fits where Effect's own
 * `RpcClient<Rpcs, ActorError>` is asked for, and takes fewer options.
 *
 * @category models
 * @since 0.1.0
 */
export type GroupClient<Rpcs extends Rpc.Any> = Struct.Simplify<
  {
    readonly [P in Rpcs as P["_tag"]]: P extends
      Rpc.Rpc<infer _Tag, infer _Payload, infer S, infer E, infer _Middleware, infer _Requires>
      ? [S] extends [RpcSchema.Stream<infer A, infer EE>]
        // A stream takes no options; its type parameters are those of Effect's client, so that it fits there.
        ? <const AsQueue extends boolean = false, const _Discard = false>(
          payload: Rpc.PayloadConstructor<P>
        ) => AsQueue extends true ? Effect.Effect<
            Queue.Dequeue<A["Type"], EE["Type"] | E["Type"] | ActorError | Cause.Done>,
            never,
            Scope.Scope | ServicesOf<P>
          >
          : Stream.Stream<A["Type"], EE["Type"] | E["Type"] | ActorError, ServicesOf<P>>
      : <const _AsQueue extends boolean = false, const Discard = false>(
        payload: Rpc.PayloadConstructor<P>,
        options?: CallOptions<Discard>
      ) => Effect.Effect<
        Discard extends true ? void : S["Type"],
        (Discard extends true ? never : E["Type"]) | ActorError,
        ServicesOf<P>
      >
      : never
  }
>

/** Advice for each option of Effect's client that an actor would not be told. */
const instead: Readonly<Record<string, string>> = {
  headers: "Pass what the handler needs of them in the payload",
  context: "Pass what the handler needs of it in the payload",
  asQueue: "Read the stream, or make a Queue of it by `Stream.toQueue`",
  streamBufferSize: "Use `Stream.buffer` on the stream"
}

/** Reason to refuse a call with these options; `undefined` if every one of them is kept. */
const refusal = (endpoint: AnyEndpoint, options: object | undefined): Error | undefined => {
  for (const [option, value] of Object.entries(options ?? {})) {
    const kept = value === undefined ||
      (endpoint.kind === "stream" ? option === "asQueue" && value === false : option === "discard")
    if (kept) continue
    return new Error(
      `Actor.rpcClient refuses this call of ${endpoint.name}: its option \`${option}\` has no meaning over a portal. ` +
        (instead[option] ?? "Leave it out")
    )
  }
  return undefined
}

const refusedHeaders = (endpoint: AnyEndpoint): Error =>
  new Error(
    `Actor.rpcClient refuses this call of ${endpoint.name}: the headers of \`RpcClient.withHeaders\` do not reach an ` +
      "actor. Pass what the handler needs of them in the payload, and make the call outside of it"
  )

/** Refuses the headers around a call: the actor would not be told of them either. */
const withoutHeaders = <A, E, R>(endpoint: AnyEndpoint, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const headers = fiber.context.mapUnsafe.get(RpcGroups.marks.headers) as object | undefined
    return headers === undefined || Object.keys(headers).length === 0 ? effect : Effect.die(refusedHeaders(endpoint))
  })

const discarded = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, E, R> =>
  Effect.catch(
    Effect.asVoid(effect),
    (error) => isActorError(error) ? Effect.fail(error) : Effect.logDebug("the error of a discarded call", error)
  )

/**
 * A client of an Effect RpcGroup over a portal: a method for each procedure. Cancellation is acknowledged, streams are
 * paid for by credit, and `ActorError` stands beside the procedures' own errors.
 *
 * A group with middleware does not compile and throws here, as does one with a `defect` schema or `Rpc.ParseOptions`:
 * Effect's own RpcClient would keep them.
 *
 * A call with headers, `context`, `asQueue` or `streamBufferSize` dies and says what to do. `discard: true` answers
 * nothing, but waits until the handler has ended.
 *
 * @example
 * ```ts
 * const client = Actor.rpcClient(todos, TodoRpcs)
 * yield* client.Add({ title: "sow" }) // 1
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const rpcClient = <Self, Rpcs extends Rpc.Any>(
  portal: Portal<Self>,
  group: RpcGroup.RpcGroup<Rpcs> & RpcGroups.WithoutMiddleware<Rpcs>
): GroupClient<Rpcs> => {
  const { requests } = group as unknown as { readonly requests: RpcGroups.Rpcs }
  const client: Record<string, unknown> = {}
  for (const endpoint of RpcGroups.endpointsOf("Actor.rpcClient", { requests }, "RpcClient")) {
    const streams = endpoint.kind === "stream"
    client[endpoint.name] = (input: unknown, options?: { readonly asQueue?: boolean; readonly discard?: boolean }) => {
      const refused = refusal(endpoint, options)
      // A caller that asks for a Queue runs an Effect.
      if (refused !== undefined) return streams && options?.asQueue !== true ? Stream.die(refused) : Effect.die(refused)
      const call = { "~furrow/Call": "~furrow/Call", endpoint, module: undefined, input } as never
      if (streams) return Stream.unwrap(withoutHeaders(endpoint, Effect.sync(() => portal.stream(call))))
      const answer = withoutHeaders(endpoint, portal.run(call))
      return options?.discard === true ? discarded(answer) : answer
    }
  }
  return client as unknown as GroupClient<Rpcs>
}
