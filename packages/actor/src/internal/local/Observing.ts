/**
 * Serves the endpoints for observers, which are tools that have proven the key of an actor's door, and makes the tools'
 * client.
 *
 * An observer is no member of the tree. An observer reaches only the endpoints of `contract`: it can neither call the
 * user's endpoints, nor read the registry, nor end an actor. Events of an observer's connection stay out of
 * `Actor.events`, so the user's code never sees the connection.
 *
 * @since 0.2.0
 */
import { described } from "@furrow/protocol/Described"
import type { Authenticator } from "@furrow/protocol/Handshake"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { hello, welcome } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { type Call, endpoint, streamEndpoint } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { CurrentDialog, type DialogContext } from "../dialog/DialogContext.ts"
import { type BoundHandlers, Dispatcher, type Handler } from "../dialog/Dispatcher.ts"
import { run, stream } from "../dialog/OutgoingDialog.ts"
import { type ActorError, type ActorId, ActorUnreachable } from "../errors/ActorError.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import type {
  ActorInspection,
  Collecting,
  EventBatch,
  FiberInspection,
  MetricInspection,
  StackInspection,
  WaitInspection,
  Works
} from "../inspect/Inspection.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { outside } from "../settings/Turn.ts"
import type { Means, Observed, Offer } from "../spawn/Observed.ts"
import type { PlatformSpec } from "../spawn/SpawnSpec.ts"
import * as Metrics from "../telemetry/metrics.ts"
import type { Connection } from "../transport/Transport.ts"
import type { LocalActor } from "./LocalActor.ts"
import * as Paging from "./Paging.ts"
import { watch } from "./Watching.ts"

/**
 * The largest greeting of an observer in bytes; real greetings have a few hundred. An observer is a stranger until it
 * has proven the key of the door.
 */
const maxGreetingBytes = 16 * 1024

/** The longest time of a profile of the processor, in milliseconds. */
const maxProfileMillis = 60_000

const Millis = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxProfileMillis }))

const makeContract = () => ({
  // No schema checks the values of the observers' endpoints, because the tool and the actor have the same version of
  // Furrow.
  snapshot: streamEndpoint("furrow/inspect/snapshot", { success: Schema.Unknown }),
  fibers: streamEndpoint("furrow/inspect/fibers", { success: Schema.Unknown }),
  metrics: endpoint("furrow/inspect/metrics", { success: Schema.Unknown }),
  events: streamEndpoint("furrow/inspect/events", { success: Schema.Unknown }),
  stack: endpoint("furrow/inspect/stack", {
    payload: { pid: Schema.Int },
    success: Schema.Unknown,
    error: Schema.String
  }),
  profile: endpoint("furrow/debug/profile", { payload: { millis: Millis }, success: Schema.Unknown }),
  heap: streamEndpoint("furrow/debug/heap", { success: Schema.String })
})

let made: ReturnType<typeof makeContract> | undefined

/**
 * The contract of the observers' endpoints. The contract of the observers' endpoints is made when the first observer
 * comes, so that no start pays for it.
 */
const contract = (): ReturnType<typeof makeContract> => made ??= makeContract()

/** The number of dialogs whose fibers an actor collects for an observer in one turn of the event loop. */
const turnDialogs = 500

/**
 * Collects the fibers of an actor's dialogs, and the things for which these fibers may wait, such as calls and locks.
 */
const worksOf = Effect.fnUntraced(function*(local: LocalActor) {
  const fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  const calls = new Map<Fiber.Fiber<unknown, unknown>, WaitInspection>()
  const holds = new Map<object, WaitInspection>()
  const into: Collecting = {
    fiber: (fiber) => void (fiber === undefined || fibers.add(fiber)),
    call: (fiber, dialog) => void calls.set(fiber, { on: "Call", dialog }),
    hold: (objects, on, dialog) => {
      for (const object of objects) holds.set(object, { on, dialog })
    }
  }
  let collected = 0
  for (const channel of local.channels) {
    for (const port of channel.dialogs) {
      port.collect?.(into, channel.peer.uuid)
      if (++collected % turnDialogs === 0) yield* Paging.rest
    }
  }
  const works: Works = {
    fibers,
    calls,
    holds,
    within: (fiber) => {
      const info = fiber.getRef(CurrentDialog)?.info
      return info === undefined ? null : { peer: info.peer.uuid, id: info.id }
    }
  }
  return works
})

const handlers = (
  local: LocalActor,
  spec: PlatformSpec,
  program: Context.Context<never>,
  means: Means
): BoundHandlers => {
  const { events, fibers, heap, metrics, profile, snapshot, stack } = contract()
  const context = Context.empty()
  const handle = ({ endpoint }: { readonly endpoint: AnyEndpoint }, handler: Handler["handler"]) =>
    [endpoint.name, { endpoint, context, handler }] as const
  const isChild = (pid: number) => Array.from(local.children).some(({ actor }) => actor.pid === pid)
  // An observer's connection has at most one stream of events, because each stream costs the actor a copy of each
  // event.
  let isWatching = false
  const enter = Effect.suspend(() => {
    if (isWatching) return Effect.die(new Error("this observer has a stream of events already"))
    isWatching = true
    return Effect.void
  })
  const leave = () =>
    Effect.sync(() => {
      isWatching = false
    })
  const look = [
    handle(
      snapshot,
      () => Stream.suspend(() => Paging.snapshot(local.inspect(spec.observe, means.process()), local.channels))
    ),
    handle(fibers, () =>
      Stream.unwrap(Effect.map(
        Effect.flatMap(worksOf(local), (works) => Effect.orDie(outside(() => means.fibers(works)))),
        Paging.list
      ))),
    handle(metrics, () => Effect.sync(() => Metrics.inspect(local.metered, program))),
    handle(events, () => Stream.unwrap(Effect.as(Effect.acquireRelease(enter, leave), watch(local.events, Date.now)))),
    handle(stack, ({ pid }: { readonly pid: number }) =>
      isChild(pid)
        ? Effect.mapError(outside(() => means.stack(pid)), (error) => described(error))
        : Effect.fail(`process ${pid} is no child of ${local.info.name}`))
  ]
  const debug = [
    handle(profile, ({ millis }: { readonly millis: number }) => Effect.orDie(outside(() => means.profile(millis)))),
    handle(heap, () => Stream.orDie(Stream.fromAsyncIterable(means.heap(), (error) => error)))
  ]
  return new Map<string, Handler>(spec.observe === "debug" ? [...look, ...debug] : look)
}

const serve = (
  local: LocalActor,
  spec: PlatformSpec,
  context: Context.Context<never>,
  connection: Connection,
  means: Means
): () => void => {
  const events = makeEvents()
  const channel = new PeerChannel({
    connection,
    role: "peer",
    context,
    handshake: {
      side: "acceptor",
      welcome: welcome(local.info.id),
      judge: () => undefined,
      auth: means.authenticator
    },
    events,
    greetingLimit: maxGreetingBytes
  })
  const { handshake } = Context.get(context, Timeouts)
  const late = Effect.runForkWith(context)(
    Effect.andThen(Effect.sleep(handshake), Effect.sync(() => channel.destroy()))
  )
  channel.onHandshake((result) => {
    // A refused observer keeps its connection until the bound of the handshake is over, so that the observer can read
    // the reason.
    if (result._tag !== "Open") return
    late.interruptUnsafe()
    const env: DialogContext = { self: local.info.id, events, level: local.env.level, cancellation: () => undefined }
    const dispatcher = new Dispatcher(channel, env, handlers(local, spec, context, means))
    channel.route((event) => {
      if (event._tag === "Start") return dispatcher.start(event)
      if (event._tag === "CancelActor") return channel.violate({ _tag: "WrongSide", word: "CancelActor" })
      if (event._tag === "Closed") {
        dispatcher.cancelAll({ by: local.info.id, reason: "the observer is gone", deadline: 0 })
      }
    })
  })
  return () => channel.destroy()
}

/**
 * Offers an actor to observers, if its tree allows observers and its platform supports them. The function that `offer`
 * returns closes the actor's door.
 */
export const offer = (
  local: LocalActor,
  spec: PlatformSpec,
  context: Context.Context<never>,
  open: Offer | undefined
): () => void => {
  if (spec.observe === "off" || open === undefined) return () => {}
  const observed: Observed = {
    actor: local.info.id,
    level: spec.observe,
    serve: (connection, means) => serve(local, spec, context, connection, means)
  }
  return open(observed, spec)
}

/**
 * An observer's client of one actor, usable as long as the Scope is open.
 *
 * @category models
 * @since 0.2.0
 */
export interface Observer {
  readonly actor: ActorId
  readonly snapshot: Effect.Effect<ActorInspection, ActorError>
  /**
   * The fibers of the actor's dialogs, with their source lines and the things for which they wait; empty when the
   * platform cannot see them.
   */
  readonly fibers: Effect.Effect<ReadonlyArray<FiberInspection>, ActorError>
  /** The metrics of the actor: the metrics of Furrow, and the metrics that user code in the actor has registered. */
  readonly metrics: Effect.Effect<ReadonlyArray<MetricInspection>, ActorError>
  /**
   * The stream of the actor's events from now on. A tool that reads slowly loses some events and gets the number of
   * lost events, because the actor never waits for the tool.
   */
  readonly events: Stream.Stream<EventBatch, ActorError>
  /**
   * The stack of a child of the actor, however busy the child is. The function `stack` fails with an explanation when
   * the stack of the child cannot be read.
   */
  readonly stack: (pid: number) => Effect.Effect<StackInspection, ActorError | string>
  /**
   * Profiles the processor time of the actor for the given number of milliseconds, at most 60 000. Only an actor of a
   * tree with `observe: "debug"` allows a profile of its processor time.
   */
  readonly profile: (millis: number) => Effect.Effect<unknown, ActorError>
  /**
   * A snapshot of the actor's heap, in pieces. The actor does not run while the snapshot of its heap is taken. Only an
   * actor of a tree with `observe: "debug"` allows a snapshot of its heap.
   */
  readonly heap: Stream.Stream<string, ActorError>
}

/**
 * Connects a tool to the door of an actor, and proves that the tool knows the key of the door. The function `observe`
 * fails with `ActorUnreachable` when the actor refuses the tool's proof, or closes the connection.
 *
 * @example
 * ```ts
 * const closed: Transport.Connection = {
 *   start: ({ end }) => queueMicrotask(() => end(undefined)),
 *   write: () => true,
 *   end: () => {},
 *   destroy: () => {}
 * }
 * const authenticator = { nonce: new Uint8Array(32), mac: (data: Uint8Array) => data }
 * const error = yield* Effect.flip(Effect.scoped(Inspect.observe(closed, authenticator, frankId)))
 * error.why // "closed"
 * ```
 * @category observing
 * @since 0.2.0
 */
export const observe = (
  connection: Connection,
  authenticator: Authenticator,
  self: ActorId
): Effect.Effect<Observer, ActorUnreachable, Scope.Scope> =>
  Effect.gen(function*() {
    const events = makeEvents()
    const channel = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new PeerChannel({
          connection,
          role: "peer",
          handshake: { side: "dialler", hello: hello(self, "peer"), auth: authenticator },
          events
        })
      ),
      (channel) => Effect.sync(() => channel.destroy())
    )
    yield* Effect.callback<void, ActorUnreachable>((resume) => {
      channel.onHandshake((result) => {
        if (result._tag === "Open") return resume(Effect.void)
        const reason = result._tag === "Refused" ? result.refusal.detail : result.error.message
        const why = result._tag === "Refused" ? "refused" : "closed"
        resume(Effect.fail(new ActorUnreachable({ actor: null, target: "the door of an actor", why, reason })))
      })
    })
    channel.route((event) => {
      if (event._tag === "Start") channel.violate({ _tag: "WrongSide", word: "Start" })
    })
    const env: DialogContext = { self, events, level: "None", cancellation: () => undefined }
    const ask = <A, E = never>(call: Call<AnyEndpoint>) => run(channel, env, call) as Effect.Effect<A, ActorError | E>
    const follow = <A>(call: Call<AnyEndpoint>) => stream(channel, env, call) as Stream.Stream<A, ActorError>
    return {
      actor: channel.peer,
      snapshot: Effect.flatMap(
        Stream.runCollect(follow<Paging.SnapshotPage>(contract().snapshot(undefined))),
        (pages) => Effect.fromNullishOr(Paging.joined(pages)).pipe(Effect.orDie)
      ),
      fibers: Effect.map(
        Stream.runCollect(follow<ReadonlyArray<FiberInspection>>(contract().fibers(undefined))),
        (pages) => pages.flat()
      ),
      metrics: ask<ReadonlyArray<MetricInspection>>(contract().metrics(undefined)),
      events: follow<EventBatch>(contract().events(undefined)),
      stack: (pid) => ask<StackInspection, string>(contract().stack({ pid })),
      profile: (millis) => ask<unknown>(contract().profile({ millis })),
      heap: follow<string>(contract().heap(undefined))
    }
  })
