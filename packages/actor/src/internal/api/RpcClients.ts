/**
 * Makes Effect's own RpcClient for a group over a portal; each request of the client is one Furrow call or stream. An
 * interrupted request waits until the finalizers of its handler have run in the actor. The loss of the actor fails the
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
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { type Call, issueOf } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import * as RpcEndpoints from "../contract/RpcEndpoints.ts"
import {
  type ActorError,
  type ActorId,
  ChannelClosed,
  EndpointUnknown,
  isActorError,
  PayloadInvalid
} from "../errors/ActorError.ts"
import { type Portal, whenClosed } from "../portal/Portal.ts"
import { outside } from "../settings/Turn.ts"

/** The number of items of one stream that may be on their way by default: as many as RpcClient itself buffers. */
const defaultWindowItems = 16

/** The window of a stream, which is passed from the options of the stream to its request. */
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

/** An effect that gives the last word of a request to the client of the request. */
type Last = Effect.Effect<void, ActorError>

/** Fails a request at its client with the unchanged Cause of the procedure. */
const failed = (
  portal: Portal<any>,
  { id, tag }: Request,
  write: Write,
  error: RpcEndpoints.Failure
): Last => {
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

/** Sends a request, and gives each item to the request's client; the result is the last word of the request. */
const send = (
  portal: Portal<any>,
  endpoint: AnyEndpoint,
  request: Request,
  session: number,
  windowItems: number,
  write: Write
): Effect.Effect<Last, ActorError> => {
  const { id } = request
  const call = callOf(endpoint, payloadOf(session, request)) as never
  // The function `end` returns an effect that writes the last item of a request when the effect runs, and not when the
  // effect is made.
  const end = (exit: Exit.Exit<unknown>): Last =>
    Effect.suspend(() => write({ _tag: "Exit", clientId: 0, requestId: id, exit: exit as never }))
  const onFailure = (error: unknown): Effect.Effect<Last, ActorError> =>
    isActorError(error)
      ? Effect.fail(error)
      : Effect.succeed(Effect.suspend(() => failed(portal, request, write, error as RpcEndpoints.Failure)))
  if (endpoint.kind === "call") {
    const answer = portal.run(call) as Effect.Effect<RpcEndpoints.Answer, unknown>
    return Effect.matchEffect(answer, { onSuccess: ([value]) => Effect.succeed(end(Exit.succeed(value))), onFailure })
  }
  const items = portal.stream(call, { window: { items: windowItems } }) as Stream.Stream<unknown, unknown>
  const read = Stream.runForEachArray(
    items,
    (values) => write({ _tag: "Chunk", clientId: 0, requestId: id, values: values as never })
  )
  return Effect.matchEffect(read, { onSuccess: () => Effect.succeed(end(Exit.void)), onFailure })
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

/** Makes a client method that checks its payload when it is called, and fails as every call to an actor does. */
const checked = (actor: ActorId, endpoint: AnyEndpoint, method: Method): Method => (payload, options = {}) => {
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
      actor,
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

/** A function that finds the actor for a request, with the number of the client's session at that actor. */
type Route<E> = (
  request: (portal: Portal<any>, session: number) => Effect.Effect<Last, ActorError>
) => Effect.Effect<Last, E | ActorError>

/** Makes Effect's own client of a group, over a given function that sends a request. */
const clientOver = <Rpcs extends Rpc.Any, E>(
  asked: string,
  actor: ActorId,
  group: RpcGroup.RpcGroup<Rpcs>,
  connect: Effect.Effect<Route<E>, ActorError, Scope.Scope>
): Effect.Effect<RpcClient<Rpcs, E | ActorError>, ActorError, Scope.Scope | Rpc.MiddlewareClient<Rpcs>> =>
  Effect.gen(function*() {
    const endpoints: Endpoints = RpcEndpoints.endpointsOf(asked, group as unknown as RpcEndpoints.Group)
    // The module of RpcClient is imported when a client is made, because otherwise every actor would pay for loading
    // it.
    const { makeNoSerialization } = yield* Effect.orDie(outside(() => import("effect/rpc/RpcClient")))
    const route = yield* connect
    const made: { readonly client: object; readonly write: Write } = yield* makeNoSerialization<Rpcs, E | ActorError>(
      group,
      {
        supportsAck: false,
        // The call that carries a request already has a span, so RpcClient makes no span of its own.
        disableTracing: true,
        onFromClient: ({ context, message }) => {
          // RpcClient's words for interrupts and acknowledgements are dropped, because an interrupt ends the Furrow
          // call, and credit bounds the items.
          if (message._tag !== "Request") return Effect.void
          const request = message as Request
          const endpoint = endpoints.get(request.tag)!
          const windowItems = Context.get(context, WindowItems)
          // A client over a pool gets the last word of a request once the worker is free again, because the client may
          // send its next request at once.
          return Effect.flatten(
            route((portal, session) => send(portal, endpoint, request, session, windowItems, made.write))
          )
        }
      }
    )
    const client: Record<string, Method> = {}
    for (const [name, method] of Object.entries(made.client) as ReadonlyArray<[string, Method]>) {
      client[name] = checked(actor, endpoints.get(name)!, method)
    }
    return client as unknown as RpcClient<Rpcs, E | ActorError>
  })

/**
 * Makes an RpcClient whose requests are tasks of a pool; the function `use` lends each request the portal of a worker.
 */
export const overPool = <Rpcs extends Rpc.Any, E>(
  name: string,
  group: RpcGroup.RpcGroup<Rpcs>,
  use: (body: (portal: Portal<any>) => Effect.Effect<Last, ActorError>) => Effect.Effect<Last, E | ActorError>
): Effect.Effect<RpcClient<Rpcs, E | ActorError>, ActorError, Scope.Scope | Rpc.MiddlewareClient<Rpcs>> =>
  clientOver(
    "Pool.rpcClient",
    { name, uuid: "", pid: 0 },
    group,
    Effect.map(Effect.context<Scope.Scope>(), (context): Route<E> => {
      const sessions = new WeakMap<Portal<any>, Effect.Effect<number, ActorError>>()
      const sessionOf = (portal: Portal<any>) => {
        const known = sessions.get(portal)
        if (known !== undefined) return known
        const made = sessionAt(portal, context)
        sessions.set(portal, made)
        return made
      }
      return (request) => use((portal) => Effect.flatMap(sessionOf(portal), (session) => request(portal, session)))
    })
  )

/** Opens a dialog for an RpcClient at a worker of a pool, when the client's first request goes to this worker. */
const sessionAt = (portal: Portal<any>, context: Context.Context<Scope.Scope>): Effect.Effect<number, ActorError> => {
  const turns = Semaphore.makeUnsafe(1)
  let known: number | undefined
  const open = Effect.uninterruptibleMask((restore) => {
    const scope = Scope.forkUnsafe(Context.get(context, Scope.Scope))
    const close = Scope.close(scope, Exit.void)
    return Effect.matchCauseEffect(restore(Scope.provide(openSession(portal), scope)), {
      onFailure: (cause) => Effect.andThen(close, Effect.failCause(cause)),
      onSuccess: (session) =>
        Effect.sync(() => {
          whenClosed(portal, () => Effect.runForkWith(context)(close))
          return known = session
        })
    })
  })
  const session = Effect.suspend(() => known === undefined ? open : Effect.succeed(known))
  return Effect.suspend(() => known === undefined ? turns.withPermits(1)(session) : session)
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
 * Makes a client of an Effect RpcGroup over a portal. The client of a group is Effect's own `RpcClient`, with
 * `ActorError` in every error channel. Middleware that the group requires for clients stays in the requirements R.
 *
 * An interrupted call of the client waits until the finalizers of the call have run in the actor. A stream of the
 * client requests 16 items at a time, or as many as the stream's `streamBufferSize`. The client of a group lives as
 * long as its Scope. Closing the Scope of the client interrupts the open requests of the client, and waits for their
 * end.
 *
 * `Actor.rpcClient` fails with `EndpointUnknown` when the actor serves no group. `Actor.rpcClient` dies with a defect
 * for a group with `Rpc.ParseOptions`, because the codec of an actor has no parse options.
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
  clientOver<Rpcs, never>(
    "Actor.rpcClient",
    portal.actor,
    group,
    Effect.map(openSession(portal), (session) => (request) => request(portal, session))
  )
