/**
 * A client of an Effect RpcGroup over a portal: Effect's own RpcClient, each of whose requests is one Furrow call or
 * stream. The send of a request is the call itself: interrupted, it waits for the far finalizers; lost, it fails the
 * request.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Rpc from "effect/rpc/Rpc"
import type { RpcClient } from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type { FromClient, FromServer } from "effect/rpc/RpcMessage"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Call, issueOf } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import * as RpcEndpoints from "../contract/RpcEndpoints.ts"
import { type ActorError, ChannelClosed, EndpointUnknown, isActorError, PayloadInvalid } from "../errors/ActorError.ts"
import type { Portal } from "../portal/Portal.ts"

/** Items on the way of one stream, unless it asks for another number: as many as RpcClient itself buffers. */
const defaultWindowItems = 16

/** The window of a stream, from its options to its request. */
const WindowItems: Context.Reference<number> = Context.Reference<number>("@furrow/actor/RpcWindowItems", {
  defaultValue: () => defaultWindowItems
})

type Endpoints = ReadonlyMap<string, AnyEndpoint>
type Write = (message: FromServer<Rpc.Any>) => Effect.Effect<void>
type Request = Extract<FromClient<Rpc.Any>, { readonly _tag: "Request" }>

const callOf = (endpoint: AnyEndpoint, input: unknown): Call<AnyEndpoint> => ({
  "~furrow/Call": "~furrow/Call",
  endpoint,
  module: undefined,
  input
})

const noHeaders: Readonly<Record<string, string>> = {}

const headersOf = (headers: Request["headers"]): Readonly<Record<string, string>> => {
  for (const _ in headers) return { ...headers }
  return noHeaders
}

const payloadOf = (session: number, { discard, headers, payload }: Request): RpcEndpoints.RequestPayload => [
  session,
  payload,
  headersOf(headers),
  discard === true
]

/** Gives a failed request to its client: the Cause of the procedure as it is, or an `ActorError`. */
const failed = (
  portal: Portal<any>,
  { id, tag }: Request,
  write: Write,
  error: RpcEndpoints.Failure | ActorError
): Effect.Effect<void, ActorError> => {
  if (isActorError(error)) return Effect.fail(error)
  const { actor } = portal
  switch (error._tag) {
    case "RpcFailed":
      return write({ _tag: "Exit", clientId: 0, requestId: id, exit: Exit.failCause(error.cause) as never })
    case "RpcUndeclared":
      return Effect.fail(
        new PayloadInvalid({ actor, side: "callee", endpoint: tag, part: "error", issue: error.issue })
      )
    case "RpcNoSession":
      return Effect.fail(new ChannelClosed({ side: "peer", actor }))
  }
}

/** Sends a request, and gives its client whatever comes of it. */
const send = (
  portal: Portal<any>,
  endpoint: AnyEndpoint,
  request: Request,
  session: number,
  windowItems: number,
  write: Write
): Effect.Effect<void, ActorError> => {
  const { id } = request
  const call = callOf(endpoint, payloadOf(session, request)) as never
  const end = (exit: Exit.Exit<unknown>) => write({ _tag: "Exit", clientId: 0, requestId: id, exit: exit as never })
  const onFailure = (error: unknown) => failed(portal, request, write, error as RpcEndpoints.Failure | ActorError)
  if (endpoint.kind === "call") {
    const answer = portal.run(call) as Effect.Effect<RpcEndpoints.Answer, unknown>
    return Effect.matchEffect(answer, { onSuccess: ([value]) => end(Exit.succeed(value)), onFailure })
  }
  const items = portal.stream(call, { window: { items: windowItems } }) as Stream.Stream<unknown, unknown>
  const read = Stream.runForEachArray(
    items,
    (values) => write({ _tag: "Chunk", clientId: 0, requestId: id, values: values as never })
  )
  return Effect.matchEffect(read, { onSuccess: () => end(Exit.void), onFailure })
}

interface MethodOptions {
  readonly asQueue?: boolean
  readonly streamBufferSize?: number
  readonly context?: Context.Context<never>
}
type Method = (
  payload: unknown,
  options?: MethodOptions
) => Effect.Effect<unknown, unknown, any> | Stream.Stream<unknown, unknown>

/** A method whose payload is checked when it is called, and which fails then as every call of an actor does. */
const checked = (portal: Portal<any>, endpoint: AnyEndpoint, method: Method): Method => (payload, options = {}) => {
  try {
    const { context = Context.empty(), streamBufferSize } = options
    return method(
      payload,
      streamBufferSize === undefined
        ? options
        : { ...options, context: Context.add(context, WindowItems, streamBufferSize) as Context.Context<never> }
    )
  } catch (cause) {
    const invalid = new PayloadInvalid({
      actor: portal.actor,
      side: "caller",
      endpoint: endpoint.name,
      part: "payload",
      issue: issueOf(cause, payload)
    })
    if (endpoint.kind === "call") return Effect.fail(invalid)
    return options.asQueue === true
      ? Effect.tap(Queue.bounded<unknown, ActorError>(1), (queue) => Queue.fail(queue, invalid))
      : Stream.fail(invalid)
  }
}

const openSession = (portal: Portal<any>): Effect.Effect<number, ActorError, Scope.Scope> =>
  Effect.mapError(
    Effect.map(
      portal.openScoped(callOf(RpcEndpoints.session, undefined) as never) as Effect.Effect<
        { readonly first: number },
        ActorError,
        Scope.Scope
      >,
      ({ first }) => first
    ),
    (error) =>
      error._tag === "EndpointUnknown"
        ? new EndpointUnknown({ actor: error.actor, endpoint: "an RpcGroup", exposed: error.exposed })
        : error
  )

/**
 * Makes a client of an Effect RpcGroup over a portal: Effect's own `RpcClient` with `ActorError` in every error channel.
 * Middleware of the group that is required for clients stands in R.
 *
 * An interrupted call waits for the far finalizers. A stream asks for 16 items at a time, or for its
 * `streamBufferSize`. The client lives as long as the Scope: its end interrupts what it still asks for, and waits.
 *
 * It fails with `EndpointUnknown` where the actor serves no group. A group with `Rpc.ParseOptions` is a defect.
 *
 * @example
 * ```ts
 * const client = yield* Actor.rpcClient(todos, TodoRpcs)
 * yield* client.Add({ title: "sow" }) // 1
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const rpcClient = <Self, Rpcs extends Rpc.Any>(
  portal: Portal<Self>,
  group: RpcGroup.RpcGroup<Rpcs>
): Effect.Effect<RpcClient<Rpcs, ActorError>, ActorError, Scope.Scope | Rpc.MiddlewareClient<Rpcs>> =>
  Effect.gen(function*() {
    const endpoints: Endpoints = RpcEndpoints.endpointsOf("Actor.rpcClient", group as unknown as RpcEndpoints.Group)
    // Imported where a client is made: its modules would cost every actor their load.
    const { makeNoSerialization } = yield* Effect.promise(() => import("effect/rpc/RpcClient"))
    const session = yield* openSession(portal)
    const made: { readonly client: object; readonly write: Write } = yield* makeNoSerialization<Rpcs, ActorError>(
      group,
      {
        supportsAck: false,
        // A call has its span already.
        disableTracing: true,
        onFromClient: ({ context, message }) => {
          // An interrupt is the interruption of the send, and credit is the acknowledgement.
          if (message._tag !== "Request") return Effect.void
          const request = message as Request
          const windowItems = Context.get(context, WindowItems)
          return send(portal, endpoints.get(request.tag)!, request, session, windowItems, made.write)
        }
      }
    )
    const client: Record<string, Method> = {}
    for (const [name, method] of Object.entries(made.client) as ReadonlyArray<[string, Method]>) {
      client[name] = checked(portal, endpoints.get(name)!, method)
    }
    return client as unknown as RpcClient<Rpcs, ActorError>
  })
