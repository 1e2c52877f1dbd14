/**
 * Serves an RpcGroup as the handlers of an actor. One RpcServer of Effect per actor runs the handlers of the RpcGroup.
 * Each request of a group is one Furrow call or stream, which ends when no work of the request runs any more.
 *
 *   a client's session opens -> its id            a request -> RpcServer -> its answer, after its Scope is closed
 *   the session ends -> its requests are interrupted and waited for, and no other request of it is let in
 *
 * Only actors that serve an RpcGroup import RpcServer, because loading its modules takes time.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type { FromClient, FromServer, RequestId } from "effect/rpc/RpcMessage"
import type * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { DialogHandle } from "../contract/DialogCall.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import * as RpcEndpoints from "../contract/RpcEndpoints.ts"
import { CurrentDialog, Deadline } from "../dialog/DialogContext.ts"
import type { BoundHandlers, Handler } from "../dialog/Dispatcher.ts"
import { reportUnread } from "../dialog/Outcome.ts"
import { annotation } from "../errors/CancelledBy.ts"
import { current } from "../local/LocalActor.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { outside } from "../settings/Turn.ts"
import { Waiters } from "../settings/Waiters.ts"
import * as RpcRequest from "./RpcRequest.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/**
 * Reports the failure of a request that an RPC client sent with the option `discard`, because the client does not read
 * this failure.
 */
type Unread = (endpoint: AnyEndpoint, cause: Cause.Cause<unknown>) => void

/** The state that all requests of an RpcGroup share: one RpcServer, the sessions, and the open requests. */
class Serving {
  server: RpcServer.RpcServer<Rpc.Any> | undefined
  readonly sessions = new Map<number, Session>()
  readonly open = new Map<RequestId, Request>()
  /** The request that is being handed to RpcServer right now. */
  private written: Request | undefined
  /**
   * Runs an effect of RpcServer in the actor's own Effect context, so that RpcServer merges this context with a
   * handler's context only once.
   */
  private readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** The annotation with which Effect marks an interruption that a client has asked for. */
  private readonly abort: Context.Context<never>
  private clients = 0
  private requests = 0

  private readonly unread: Unread

  constructor(base: Context.Context<never>, abort: Context.Context<never>, unread: Unread) {
    this.run = Effect.runForkWith(base)
    this.abort = abort
    this.unread = unread
  }

  /**
   * Handles a message that RpcServer sends to a client of the RpcGroup. The callback `onFromServer` runs in the fiber
   * of the request, or in the fiber that wrote the request.
   */
  readonly onFromServer = (message: FromServer<Rpc.Any>): Effect.Effect<void> => {
    switch (message._tag) {
      case "Chunk": {
        const request = this.open.get(message.requestId)
        return request === undefined ? Effect.void : Effect.asVoid(Queue.offer(request.chunks!, message.values))
      }
      case "Exit":
        return Effect.sync(() =>
          this.open.get(message.requestId)?.input({ _tag: "Answered", exit: message.exit as RpcRequest.AnyExit })
        )
      case "Defect":
        // When middleware throws, only the request that is being handed to RpcServer fails.
        return Effect.sync(() => this.written?.input({ _tag: "Answered", exit: Exit.die(message.defect) }))
      case "ClientEnd":
        return Effect.void
    }
  }

  /** Serves the session of one client until its dialog ends. */
  readonly session = (_: void, dialog: DialogHandle<number, never, never>): Effect.Effect<void, unknown> =>
    Effect.withFiber((fiber) => {
      const session = new Session(this.clients++, dialog.caller.uuid)
      this.sessions.set(session.id, session)
      return Effect.onExit(
        Effect.andThen(dialog.started(session.id), Effect.never),
        () => this.end(session, cancellationOf(fiber))
      )
    })

  /** Returns the session that a request names; `undefined` when another actor has opened the session. */
  sessionOf(fiber: AnyFiber, [session]: RpcEndpoints.RequestPayload): Session | undefined {
    const found = this.sessions.get(session)
    return found?.caller === fiber.getRef(CurrentDialog)?.info.peer.uuid ? found : undefined
  }

  /** Makes a request and adds the request to its session, which holds the request until the request is over. */
  request(session: Session, endpoint: AnyEndpoint, discard: boolean, writer: AnyFiber): Request {
    const id = this.requests++ as RequestId
    const over = () => {
      this.open.delete(id)
      session.over(request)
    }
    const request: Request = new Request(id, session, endpoint, discard, writer, over, this.unread)
    this.open.set(id, request)
    session.requests.add(request)
    return request
  }

  /** Hands a request to RpcServer, which runs the request at once; most requests are over when `write` returns. */
  write(request: Request, [, value, headers]: RpcEndpoints.RequestPayload): void {
    const message = {
      _tag: "Request",
      id: request.id,
      tag: request.endpoint.name,
      payload: value,
      headers: this.headersOf(headers),
      ...(request.discard ? { discard: true } : {})
    } as unknown as FromClient<Rpc.Any>
    const outer = this.written
    this.written = request
    const writing = this.run(this.server!.write(request.session.id, message, { onRequest: request.observed }))
    this.written = outer
    const exit = writing.pollUnsafe()
    // The request could not be handed to RpcServer, because RpcServer is closed.
    if (exit !== undefined && Exit.isFailure(exit)) request.input({ _tag: "Answered", exit })
  }

  private headersOf(sent: Readonly<Record<string, string>>): Headers.Headers {
    for (const _ in sent) return Headers.fromRecordUnsafe(sent)
    return Headers.empty
  }

  /**
   * Interrupts an open request, and waits for its end. The effect of `leave` fails if the cleanup of the interrupted
   * request fails.
   */
  leave(request: Request, fiber: AnyFiber): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (request.exit !== undefined) return Effect.void
      const { session } = request
      // RpcServer is not told to interrupt a request of a client that has left, because RpcServer would create the
      // client again.
      const interrupted = this.interrupt(request, cancellationOf(fiber)) || !this.sessions.has(session.id)
        ? Effect.void
        : this.server!.write(session.id, { _tag: "Interrupt", requestId: request.id, interruptors: [] })
      return Effect.flatMap(Effect.andThen(interrupted, request.settled), cleanedUp)
    })
  }

  /**
   * Interrupts the fiber of a request in the name of the actor that cancelled the request; returns false when the
   * request has no fiber.
   */
  private interrupt(request: Request, cancellation: Cancellation | undefined): boolean {
    request.cancellation ??= cancellation
    const { state } = request
    if (state._tag !== "Running" && state._tag !== "Closing") return false
    const { cancellation: author, writer } = request
    const annotations = author === undefined ? this.abort : Context.merge(this.abort, annotation(author))
    state.fiber.interruptUnsafe(writer.id, annotations)
    return true
  }

  private end(session: Session, cancellation: Cancellation | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.sessions.delete(session.id)
      for (const request of Array.from(session.requests)) this.interrupt(request, cancellation)
      // RpcServer interrupts the requests that still wait for a permit or a Deferred, because only RpcServer knows
      // their fibers.
      return Effect.andThen(this.server!.disconnect(session.id), session.idle)
    })
  }
}

/** The context references whose values come with each call, such as the deadline and the parent span. */
const ofCall: ReadonlyArray<Context.Key<any, any>> = [
  CurrentDialog,
  Deadline,
  Tracer.ParentSpan,
  References.MinimumLogLevel,
  References.CurrentLogAnnotations
]

/**
 * Adds the values that came with a call, such as its deadline and its parent span, to the Effect context of the call's
 * handler.
 */
const withCall = <R>(context: Context.Context<R>, call: Context.Context<never>): Context.Context<R> => {
  let own = context
  for (const key of ofCall) {
    const value = Context.getOrUndefined(call, key)
    if (value === undefined || value === Context.getOrUndefined(own as Context.Context<never>, key)) continue
    own = Context.add(own, key, value) as Context.Context<R>
  }
  return own
}

const cleanedUp = (exit: RpcRequest.AnyExit): Effect.Effect<void> => {
  const dies = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  return dies.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(dies))
}

const cancellationOf = (fiber: AnyFiber): Cancellation | undefined => fiber.getRef(CurrentDialog)?.cancellation

/** The session of one client of the RpcGroup, with the client's open requests. */
class Session {
  readonly id: number
  /** The uuid of the actor that opened the session: no other actor may use the session. */
  readonly caller: string
  readonly requests = new Set<Request>()
  private readonly idlers = new Waiters()

  constructor(id: number, caller: string) {
    this.id = id
    this.caller = caller
  }

  over(request: Request): void {
    this.requests.delete(request)
    if (this.requests.size === 0) this.idlers.wake()
  }

  /** Resolves when no request of the session is open any more. */
  readonly idle: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.requests.size === 0) return resume(Effect.void)
    const forget = this.idlers.add(() => resume(Effect.void))
    return Effect.sync(forget)
  })
}

/** Carries out what `RpcRequest.step` decides for one request. */
class Request {
  readonly id: RequestId
  readonly session: Session
  readonly endpoint: AnyEndpoint
  readonly discard: boolean
  /** The fiber of the Furrow call or stream that carries the request; its context came with the call or stream. */
  readonly writer: AnyFiber
  private readonly context: Context.Context<never>
  /** The queue of the chunks of a stream's items, on their way from RpcServer to the caller. */
  chunks: Queue.Queue<ReadonlyArray<unknown>, RpcEndpoints.Failure | Cause.Done> | undefined
  /** The author and the reason with which a request was cancelled; `undefined` while the request is not cancelled. */
  cancellation: Cancellation | undefined
  state: RpcRequest.State = RpcRequest.waiting
  private ended: ((exit: RpcRequest.AnyExit) => void) | undefined
  private readonly over: () => void
  private readonly unread: Unread

  constructor(
    id: RequestId,
    session: Session,
    endpoint: AnyEndpoint,
    discard: boolean,
    writer: AnyFiber,
    over: () => void,
    unread: Unread
  ) {
    this.id = id
    this.session = session
    this.endpoint = endpoint
    this.discard = discard
    this.writer = writer
    this.context = writer.context
    this.over = over
    this.unread = unread
  }

  input(input: RpcRequest.Input): void {
    const { state } = this
    this.state = RpcRequest.step(state, input)
    if (this.state === state) return
    if (this.state._tag === "Settled") this.over()
    if (this.exit !== undefined) this.ended?.(this.exit)
  }

  /**
   * The exit of a request, as the RPC client of the request sees the exit; `undefined` while the client waits. A
   * request with the option `discard` is over for its client as soon as the request is acknowledged.
   */
  get exit(): RpcRequest.AnyExit | undefined {
    return this.state._tag === "Settled" || this.discard && this.state._tag === "Closing" ? this.state.exit : undefined
  }

  /**
   * Runs the work of the request, and tells the machine of the request when the request's fiber begins and when it has
   * ended.
   */
  readonly observed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      fiber.addObserver((exit) => this.fiberEnded(exit))
      this.input({ _tag: "Begun", fiber })
      return Effect.updateContext(effect, (context: Context.Context<R>) => withCall(context, this.context))
    })

  private fiberEnded(exit: RpcRequest.AnyExit): void {
    if (!this.discard) return this.input({ _tag: "Ended", exit })
    const { state } = this
    // An RPC client with the option `discard` has already got its answer, so a later failure of the request does not
    // change the answer.
    this.input({ _tag: "Ended", exit: Exit.void })
    if (Exit.isSuccess(exit) || state._tag !== "Closing" || Exit.isFailure(state.exit)) return
    const reasons = exit.cause.reasons.filter((reason) => reason._tag !== "Interrupt")
    if (reasons.length > 0) this.unread(this.endpoint, Cause.fromReasons(reasons))
  }

  /**
   * Calls `callback` when the request has ended for its caller. Each call of `whenEnded` replaces the callback of the
   * call before.
   */
  whenEnded(callback: (exit: RpcRequest.AnyExit) => void): void {
    if (this.exit === undefined) this.ended = callback
    else callback(this.exit)
  }

  readonly settled: Effect.Effect<RpcRequest.AnyExit> = Effect.callback<RpcRequest.AnyExit>((resume) =>
    this.whenEnded((exit) => resume(Effect.succeed(exit)))
  )

  /** Converts the exit of the request to the form in which the exit is sent to the caller. */
  readonly crossing = (exit: RpcRequest.AnyExit): Exit.Exit<RpcEndpoints.Answer, RpcEndpoints.Failure> => {
    if (Exit.isSuccess(exit)) return Exit.succeed(this.discard ? [] : [exit.value])
    const { cause } = exit
    // The caller of a request learns the author of the cancel, because a plain interruption would look like the
    // caller's own interruption.
    return this.cancellation !== undefined && Cause.hasInterruptsOnly(cause)
      ? Exit.failCause(Cause.annotate(Cause.interrupt(), annotation(this.cancellation)))
      : Exit.fail(failureOf(this.endpoint, cause))
  }
}

const failureOf = (endpoint: AnyEndpoint, cause: Cause.Cause<unknown>): RpcEndpoints.Failure => {
  const failure: RpcEndpoints.Failure = { _tag: "RpcFailed", cause }
  const encoded = codecs(endpoint).error.encode(failure)
  return encoded.ok ? failure : { _tag: "RpcUndeclared", issue: encoded.issue }
}

const noSession: RpcEndpoints.Failure = { _tag: "RpcNoSession" }

/** Makes the Furrow handler for an RPC of the group that has a single answer. */
const call = (serving: Serving, endpoint: AnyEndpoint) => (payload: RpcEndpoints.RequestPayload) =>
  Effect.withFiber<RpcEndpoints.Answer, unknown>((fiber) => {
    const session = serving.sessionOf(fiber, payload)
    if (session === undefined) return Effect.fail(noSession)
    const request = serving.request(session, endpoint, payload[3], fiber)
    serving.write(request, payload)
    return request.exit !== undefined
      ? request.crossing(request.exit)
      : Effect.onInterrupt(Effect.flatMap(request.settled, request.crossing), () => serving.leave(request, fiber))
  })

/** Makes the Furrow handler for an RPC of the group that answers with a stream. */
const stream = (serving: Serving, endpoint: AnyEndpoint) => (payload: RpcEndpoints.RequestPayload) =>
  Stream.unwrap(Effect.withFiber<Stream.Stream<unknown, unknown>, unknown, Scope.Scope>((fiber) => {
    const session = serving.sessionOf(fiber, payload)
    if (session === undefined) return Effect.fail(noSession)
    // The request and its finalizer are added in one uninterruptible step, so that no request is left without a
    // finalizer.
    return Effect.uninterruptible(Effect.gen(function*() {
      const chunks = yield* Queue.bounded<ReadonlyArray<unknown>, RpcEndpoints.Failure | Cause.Done>(1)
      const request = serving.request(session, endpoint, false, fiber)
      request.chunks = chunks
      yield* Effect.addFinalizer(() => {
        // When the reader of a stream has left, the stream's queue is closed, and uninterruptible work of the request
        // continues without the queue.
        Queue.shutdownUnsafe(chunks)
        return serving.leave(request, fiber)
      })
      serving.write(request, payload)
      request.whenEnded((exit) => {
        const crossing = request.crossing(exit)
        if (Exit.isSuccess(crossing)) Queue.endUnsafe(chunks)
        else Queue.failCauseUnsafe(chunks, crossing.cause)
      })
      return Stream.fromPull(Effect.succeed(Queue.take(chunks) as never)) as Stream.Stream<unknown, unknown>
    }))
  }))

/** Checks that a group's Layer provides all handlers, for programs without type checks. */
const checkLayer = (key: string, rpcs: RpcEndpoints.Rpcs, built: Context.Context<never>): void => {
  for (const [name, rpc] of rpcs) {
    if (!built.mapUnsafe.has(rpc.key)) throw new Error(`the Layer of "${key}" has no handler for ${name}`)
    for (const { key: middleware } of rpc.middlewares) {
      if (built.mapUnsafe.has(middleware)) continue
      throw new Error(`the Layer of "${key}" has no "${middleware}", which is the middleware of ${name}`)
    }
  }
}

/** Makes the handlers of a group, over one RpcServer that lives as long as the Scope. */
export const handlersOf = (
  key: string,
  group: RpcEndpoints.Group | undefined,
  built: Context.Context<never>,
  base: Context.Context<never>
): Effect.Effect<BoundHandlers, never, ActorRuntime | Scope.Scope> =>
  Effect.gen(function*() {
    if (group === undefined) throw new Error(`"${key}" has no RpcGroup: implement it with \`serve\``)
    checkLayer(key, group.requests, built)
    const [server, { ClientAbort }] = yield* Effect.orDie(
      outside(() => Promise.all([import("effect/rpc/RpcServer"), import("effect/rpc/RpcSchema")]))
    )
    const { env } = yield* current
    const unread: Unread = (endpoint, cause) => reportUnread(env, base, env.self, endpoint, cause)
    const serving = new Serving(base, ClientAbort.annotation, unread)
    serving.server = yield* Effect.provideContext(
      server.makeNoSerialization(group as unknown as RpcGroup.RpcGroup<Rpc.Any>, {
        onFromServer: serving.onFromServer,
        disableClientAcks: true,
        disableFatalDefects: true,
        // RpcServer makes no span for a request, because the Furrow call that carries the request already has a span.
        disableTracing: true
      }),
      built as Context.Context<never>
    ) as Effect.Effect<RpcServer.RpcServer<Rpc.Any>, never, Scope.Scope>
    const handlers = new Map<string, Handler>([
      [RpcEndpoints.session.name, { endpoint: RpcEndpoints.session, handler: serving.session, context: base }]
    ])
    for (const [name, endpoint] of RpcEndpoints.endpointsOf(`Service "${key}"`, group)) {
      const handler = endpoint.kind === "stream" ? stream(serving, endpoint) : call(serving, endpoint)
      handlers.set(name, { endpoint, handler, context: base })
    }
    return handlers
  })
