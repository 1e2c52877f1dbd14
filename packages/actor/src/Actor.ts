/**
 * The main module of Furrow: a program defines what an actor can do, starts actors under an owner, and calls them.
 *
 * Every actor has an owner. The functions `runInActor` and `streamInActor` own the actor that they start as long as
 * they run. A `nursery` owns the actors that are started in it, and the function `startScoped` gives an actor to a
 * Scope. When an owner ends before its actors, these actors end with the owner.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Startable } from "./internal/api/Service.ts"
import * as StartService from "./internal/api/StartService.ts"
import type { PeerChannel } from "./internal/channel/PeerChannel.ts"
import type { Call, EffectCall, Failure, Implemented, StreamCall, Success } from "./internal/contract/Call.ts"
import type { AnyCallEndpoint, AnyEndpoint, AnyStreamEndpoint } from "./internal/contract/Endpoint.ts"
import type { Misused, Unexposed, Unnamed } from "./internal/contract/Mistake.ts"
import { type PayloadReceiver, ruleOf } from "./internal/contract/PayloadReceiver.ts"
import type { Argument, Configured } from "./internal/contract/Settings.ts"
import { Deadline } from "./internal/dialog/DialogContext.ts"
import * as Caller from "./internal/dialog/OutgoingDialog.ts"
import { type ActorError, isActorError } from "./internal/errors/ActorError.ts"
import type { ActorExit } from "./internal/errors/ActorExit.ts"
import type { ActorEvent } from "./internal/inspect/ActorEvent.ts"
import type { ActorSnapshot } from "./internal/inspect/Snapshot.ts"
import { current as currentLocal, type LocalActor } from "./internal/local/LocalActor.ts"
import { endAsOwner, endWithScope, portalOf, withCleanupFailures } from "./internal/local/Owner.ts"
import type * as Portal from "./internal/portal/Portal.ts"
import { duplicate } from "./internal/process/BuildHandlers.ts"
import type { Listing } from "./internal/settings/ActorRef.ts"
import { type ActorInfo, ActorRuntime } from "./internal/settings/ActorRuntime.ts"
import { logError } from "./internal/settings/Log.ts"
import { monotonicMillis } from "./internal/settings/Timeouts.ts"
import type { SpawnOptions } from "./internal/spawn/Spawner.ts"
import type { ChildActor } from "./internal/supervision/ChildActor.ts"
import { type Job, Nursery, type Raises } from "./internal/supervision/Nursery.ts"
import * as StartChild from "./internal/supervision/StartChild.ts"

export { serveFrom, Service } from "./internal/api/Service.ts"
export { endpoint, fn, stream, streamEndpoint } from "./internal/contract/Call.ts"
export { dialog, dialogEndpoint } from "./internal/contract/DialogCall.ts"

export { launch, openTest } from "./internal/api/Compose.ts"
export { parent, portal, ref, root, self } from "./internal/api/Refs.ts"
export { rpcClient } from "./internal/api/RpcClients.ts"
export { nursery } from "./internal/supervision/Nursery.ts"

export { isActorError } from "./internal/errors/ActorError.ts"
export { cancelledBy } from "./internal/errors/CancelledBy.ts"
export { exit } from "./internal/local/Ends.ts"

export type { ActorRef } from "./internal/api/Refs.ts"
export type { Handlers, Served } from "./internal/api/Service.ts"
export type { Call, EffectCall, Fn, StreamCall, StreamFn } from "./internal/contract/Call.ts"
export type { Dialog, DialogCall, DialogFn, DialogHandle } from "./internal/contract/DialogCall.ts"
export type { ActorError, ActorId } from "./internal/errors/ActorError.ts"
export type { ActorExit } from "./internal/errors/ActorExit.ts"
export type { ActorEvent } from "./internal/inspect/ActorEvent.ts"
export type { ActorSnapshot } from "./internal/inspect/Snapshot.ts"
export type { Portal } from "./internal/portal/Portal.ts"
export type { ActorInfo, ActorRuntime } from "./internal/settings/ActorRuntime.ts"
export type { SpawnOptions } from "./internal/spawn/Spawner.ts"
export type { Nursery } from "./internal/supervision/Nursery.ts"

type AnyImplemented = Implemented<AnyEndpoint>

/**
 * The options of an actor's start: the endpoints that the actor will serve, its name and its limits.
 *
 * @category models
 * @since 0.1.0
 */
export interface StartOptions<X extends ReadonlyArray<unknown>> extends SpawnOptions {
  /** The endpoints that the actor serves; no other endpoint of the actor can be called. */
  readonly expose: X
  /**
   * True when no other actor of the tree may have this name while the actor lives; a start fails with `NameTaken` if
   * the name is held. Actors share names by default.
   */
  readonly unique?: boolean | undefined
  /**
   * The trees that can find the actor, if trees share names (`Discovery.layerShared`): the actor's own tree, the trees
   * of its host, or all trees. A `unique` name is unique among all trees that can find the actor. The default of an
   * actor's option `listed` is the option `listed` of `Discovery.layerShared`, which is `everyone` by default.
   */
  readonly listed?: Listing | undefined
}

/** Starts a child of the calling actor, whether a nursery, a Scope or a single call will own the child. */
const startChild = (
  local: LocalActor,
  name: string,
  { expose, listed, unique, ...options }: StartOptions<ReadonlyArray<AnyImplemented>>,
  restore: StartChild.Restore
): Effect.Effect<{ readonly child: ChildActor; readonly channel: PeerChannel }, ActorError> => {
  const error = duplicate(expose)
  return error === undefined
    ? StartChild.start(local, { name, definitions: expose, options, listed, unique }, restore)
    : Effect.die(error)
}

/** Returns the endpoints that an actor exposes, with the module of each endpoint. */
const exposedBy = (expose: ReadonlyArray<AnyImplemented>) =>
  new Map(expose.map(({ endpoint, module }) => [endpoint.name, module]))

/** Starts an actor that serves definitions under a name, or the actor of a Service. */
const startAny = (local: LocalActor, what: any, options: any, restore: StartChild.Restore) =>
  typeof what === "string"
    ? startChild(local, what, options, restore)
    : StartService.start(local, what, options, restore)

const portalOfAny = (
  local: LocalActor,
  what: any,
  options: any,
  child: ChildActor,
  channel: PeerChannel,
  wait?: Effect.Effect<ActorExit>
): Portal.Portal<any> =>
  typeof what === "string"
    ? portalOf(local, child, channel, exposedBy(options.expose), wait)
    : StartService.portal(local, what, child, channel, wait)

/**
 * Starts an actor in the nursery of the context. The start of the actor resolves when the actor is ready to serve, and
 * otherwise fails with `SpawnFailed` or `NameTaken`. The nursery of an actor fails if the actor is lost after its
 * start.
 *
 * The nursery cancels the actor when the body of the nursery returns. With the option `await: true` the nursery does
 * not cancel the actor, but waits until the actor ends by itself or is cancelled through its portal.
 *
 * @example
 * ```ts
 * const gretchen = yield* Actor.start("gretchen", { expose: [isPrime, count] })
 * yield* gretchen.run(isPrime({ n: 7 })) // true
 * const counter = yield* Actor.start(Counter, { name: "c1" })
 * yield* counter.run(increment({ by: 2 })) // 2
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const start: {
  <Self, Name extends string, Uses, Config>(
    service: Startable<Self, Name, Uses, Config>,
    ...options: Argument<StartService.StartOptions & Configured<Config> & { readonly await?: boolean | undefined }>
  ): Effect.Effect<Portal.Portal<Self>, ActorError, Nursery | Uses>
  <const X extends ReadonlyArray<AnyImplemented | Unexposed<X>>, Name extends string | Unnamed<Name> = string>(
    name: Name,
    options: StartOptions<X> & { readonly await?: boolean | undefined }
  ): Effect.Effect<Portal.Portal<X[number]>, ActorError, Nursery>
} = (what: any, options: any = {}): Effect.Effect<any, ActorError, any> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Nursery, ({ inside }) => {
      const { await: awaited = false, ...rest } = options
      const { local } = inside
      return Effect.flatMap(startAny(local, what, rest, restore), ({ channel, child }) => {
        inside.own(child, awaited)
        const portal = portalOfAny(local, what, options, child, channel)
        return Effect.as(ownedOrGone(inside.isOpen, child), portal)
      })
    })
  )

/**
 * If a nursery began to close while an actor was starting, the nursery has not told the actor to end, so the actor's
 * start ends the actor.
 */
const ownedOrGone = (open: boolean, child: ChildActor): Effect.Effect<void> => open ? Effect.void : child.discard

/**
 * Starts an actor in the Scope of the context. The start of the actor resolves when the actor is ready to serve, and
 * the actor ends when the Scope closes. The function `startScoped` fails with `SpawnFailed` or `NameTaken` if the actor
 * does not start.
 *
 * The death of an actor in a Scope interrupts no fiber: calls to the actor fail with `ActorLost`, and `portal.wait`
 * returns the actor's exit. An actor's death that no call and no wait has seen is logged when the actor's Scope closes.
 *
 * @example
 * ```ts
 * const gretchen = yield* Actor.startScoped("gretchen", { expose: [isPrime] })
 * yield* gretchen.run(isPrime({ n: 7 })) // true
 * const counter = yield* Actor.startScoped(Counter, { name: "c1" })
 * yield* counter.run(increment({ by: 2 })) // 2
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const startScoped: {
  <Self, Name extends string, Uses, Config>(
    service: Startable<Self, Name, Uses, Config>,
    ...options: Argument<StartService.StartOptions & Configured<Config>>
  ): Effect.Effect<Portal.Portal<Self>, ActorError, ActorRuntime | Scope.Scope | Uses>
  <const X extends ReadonlyArray<AnyImplemented | Unexposed<X>>, Name extends string | Unnamed<Name> = string>(
    name: Name,
    options: StartOptions<X>
  ): Effect.Effect<Portal.Portal<X[number]>, ActorError, ActorRuntime | Scope.Scope>
} = (what: any, options: any = {}): Effect.Effect<any, ActorError, any> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const local = yield* currentLocal
      const { channel, child } = yield* startAny(local, what, options, restore)
      let looked = false
      yield* Effect.addFinalizer((closing) =>
        Effect.gen(function*() {
          yield* endAsOwner(local, child, "scope closed")
          const exit = yield* child.wait
          const unseen = (exit._tag === "Lost" || exit._tag === "Failed") && !looked && !child.isHandled &&
            !channel.lossWasDelivered
          if (unseen) yield* logError(exit.error.message)
          yield* endWithScope(local, child, "scope closed")(closing)
        })
      )
      const wait = Effect.map(child.wait, (exit) => {
        looked = true
        return exit
      })
      return portalOfAny(local, what, options, child, channel, wait)
    })
  )

/** A call together with the definition of its endpoint, whose handler can run the call. */
type OwnCall = Call<AnyEndpoint> & { readonly definition: AnyImplemented }

/**
 * Starts an actor for the function `use`, and ends the actor when the effect of `use` has succeeded, failed or been
 * interrupted. If the caller is interrupted, the actor that was started for `use` ends at once.
 */
const inOwnActor = <A>(
  local: LocalActor,
  call: OwnCall,
  options: SpawnOptions & { readonly name?: string | undefined },
  use: (channel: PeerChannel, end: Effect.Effect<void>) => Effect.Effect<A, unknown>
): Effect.Effect<A, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      startChild(local, options.name ?? call.endpoint.name, { ...options, expose: [call.definition] }, restore),
      ({ channel, child }) => {
        const end = (reason: string) => endAsOwner(local, child, reason)
        const used = Effect.exit(restore(use(channel, end("interrupted"))))
        return Effect.flatMap(
          used,
          (exit) => Effect.flatMap(end("done"), () => withCleanupFailures(exit, child.raised))
        )
      }
    )
  )

/**
 * Runs a call in an actor of its own: starts the actor, waits for the answer, and ends the actor. Interrupting the call
 * interrupts its fiber in the actor, and waits for that fiber's finalizers no longer than the shutdown ladder allows.
 *
 * The function `runInActor` fails with the error of the call's endpoint, or with an `ActorError`. The option `name` is
 * the name of the actor, which defaults to the name of the call's endpoint.
 *
 * @example
 * ```ts
 * yield* Effect.forEach([6, 7], (n) => Actor.runInActor(isPrime({ n })), { concurrency: 4 }) // [false, true]
 * yield* Actor.runInActor(forever()).pipe(Effect.timeoutOption("200 millis")) // Option.none()
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const runInActor = <C extends EffectCall<any, any, any, AnyCallEndpoint> | Misused<C, "call", "actor">>(
  call: C,
  options: SpawnOptions & { readonly name?: string | undefined } = {}
): Effect.Effect<Success<C>, Failure<C> | ActorError, ActorRuntime> =>
  Effect.flatMap(currentLocal, (local) => {
    const own = call as OwnCall
    return inOwnActor(local, own, options, (channel, end) => Caller.run(channel, local.env, own, () => end))
  }) as Effect.Effect<Success<C>, Failure<C> | ActorError, ActorRuntime>

/**
 * Reads a stream from an actor of its own, which lives as long as the stream is read. The option `name` is the name of
 * the actor (default: the name of the endpoint). The option `receiver` decides about items that do not match the
 * stream's schema, which otherwise fail the stream.
 *
 * @example
 * ```ts
 * yield* Actor.streamInActor(count({ to: 1_000_000 })).pipe(Stream.take(3), Stream.runCollect) // [1, 2, 3]
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const streamInActor = <C extends StreamCall<any, any, any, AnyStreamEndpoint> | Misused<C, "stream", "actor">>(
  call: C,
  { receiver, ...options }: SpawnOptions & {
    readonly name?: string | undefined
    readonly receiver?: PayloadReceiver<Success<C>, never> | undefined
  } = {}
): Stream.Stream<Success<C>, Failure<C> | ActorError, ActorRuntime> =>
  Stream.unwrap(Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const local = yield* currentLocal
      const { definition, endpoint } = call as OwnCall
      const expose = [definition]
      const name = options.name ?? endpoint.name
      const { channel, child } = yield* startChild(local, name, { ...options, expose }, restore)
      const end = endAsOwner(local, child, "stream closed")
      yield* Effect.addFinalizer(endWithScope(local, child, "stream closed"))
      const rule = receiver === undefined ? undefined : ruleOf(receiver)
      return Caller.stream(channel, local.env, call as OwnCall, { rule }, () => end)
    })
  )) as Stream.Stream<Success<C>, Failure<C> | ActorError, ActorRuntime>

/**
 * A job of `forkInActor`: an actor in the background of a nursery that answers one call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Running<out A, out E> {
  /**
   * The answer of the call that the job runs. A job that fails also fails its nursery, even if the program catches the
   * failure of `result`.
   */
  readonly result: Effect.Effect<A, E | ActorError>
  /** Waits for the end of the job, and never fails. */
  readonly wait: Effect.Effect<void>
  /** Cancels the job, and ends the actor of the job. */
  readonly cancel: (reason?: string) => Effect.Effect<void>
}

/**
 * Runs a call in an actor of its own, in the background. A nursery waits for its jobs before the nursery ends, and a
 * failure of a job is a typed failure of the nursery.
 *
 * @example
 * ```ts
 * const job = yield* Actor.forkInActor(isPrime({ n: 7 }))
 * yield* job.result // true
 * const other = yield* Actor.forkInActor(forever())
 * yield* other.cancel("not needed")
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const forkInActor = <C extends EffectCall<any, any, any, AnyCallEndpoint> | Misused<C, "call", "actor">>(
  call: C,
  options: SpawnOptions & { readonly name?: string | undefined } = {}
): Effect.Effect<Running<Success<C>, Failure<C>>, ActorError, Nursery | Raises<Failure<C>>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Nursery, ({ inside }) => {
      const { local } = inside
      const { definition, endpoint } = call as OwnCall
      const expose = [definition]
      const name = options.name ?? endpoint.name
      return Effect.flatMap(startChild(local, name, { ...options, expose }, restore), ({ channel, child }) => {
        inside.own(child, false)
        if (!inside.isOpen) return Effect.andThen(child.discard, Effect.interrupt)
        const job: Job = { done: Deferred.makeUnsafe<void>() }
        const result = Deferred.makeUnsafe<unknown, unknown>()
        inside.job(job)
        const end = (reason: string) => endAsOwner(local, child, reason)
        const work = Effect.onExit(Caller.run(channel, local.env, call as OwnCall, () => child.gone), (exit) => {
          const tell = () => void Deferred.doneUnsafe(result, exit)
          // A nursery learns of a job's failure before the job's actor is gone, so that all actors of the nursery end
          // in parallel.
          if (Exit.isFailure(exit)) inside.jobFailed(job, exit.cause, tell)
          else tell()
          return Effect.andThen(end("done"), Effect.sync(() => inside.jobEnded(job)))
        })
        return Effect.withFiber((fiber) => {
          Effect.runForkWith(fiber.context)(work)
          return Effect.succeed({
            result: Deferred.await(result) as Effect.Effect<Success<C>, Failure<C> | ActorError>,
            wait: Effect.asVoid(Effect.exit(Deferred.await(job.done))),
            cancel: (reason = "cancelled") =>
              Effect.suspend(() => {
                inside.dismiss(job)
                return end(reason)
              })
          })
        })
      })
    })
  ) as Effect.Effect<Running<Success<C>, Failure<C>>, ActorError, Nursery | Raises<Failure<C>>>

/**
 * Describes the actor in which the calling code runs: its name, its id, its ancestors, and whether it is the root.
 *
 * @example
 * ```ts
 * const { isRoot, name } = yield* Actor.current
 * name // "root"
 * isRoot // true
 * ```
 * @category observing
 * @since 0.1.0
 */
export const current: Effect.Effect<ActorInfo, never, ActorRuntime> = Effect.map(ActorRuntime, ({ info }) => info)

/**
 * A snapshot of the calling actor: its id, the endpoints that it serves, its children and their states, and its
 * connections.
 *
 * @example
 * ```ts
 * yield* Actor.start("gretchen", { expose: [isPrime] })
 * const { children } = yield* Actor.statistics
 * children.map(({ actor }) => actor.name) // ["gretchen"]
 * ```
 * @category observing
 * @since 0.1.0
 */
export const statistics: Effect.Effect<ActorSnapshot, never, ActorRuntime> = Effect.map(
  currentLocal,
  (local) => local.snapshot()
)

/**
 * A stream of the events of the calling actor and of its children, from the moment the stream is read. The stream of
 * events never ends by itself.
 *
 * @example
 * ```ts
 * const first = yield* Actor.events.pipe(Stream.runHead, Effect.forkChild({ startImmediately: true }))
 * yield* Actor.start("gretchen", { expose: [isPrime] })
 * const { _tag } = Option.getOrThrow(yield* Fiber.join(first))
 * _tag // "ActorSpawning"
 * ```
 * @category observing
 * @since 0.1.0
 */
export const events: Stream.Stream<ActorEvent, never, ActorRuntime> = Stream.unwrap(
  Effect.map(currentLocal, (local) =>
    Stream.callback<ActorEvent>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => local.events.subscribe((event) => void Queue.offerUnsafe(queue, event))),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
    ))
)

/**
 * Turns every `ActorError` of an effect into a defect, and keeps the effect's other errors. A handler that calls
 * another actor needs `orDie`, because `ActorError` is not part of the handler's own contract.
 *
 * @example
 * ```ts
 * export const check = Actor.fn("check", {
 *   module: import.meta.url, success: Schema.Boolean, error: TooSmall
 * })(() => Actor.orDie(Actor.runInActor(isPrime({ n: 7 }))))
 *
 * yield* Actor.runInActor(check()) // true
 * ```
 * @category errors
 * @since 0.1.0
 */
export const orDie = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, Exclude<E, ActorError>, R> =>
  Effect.catchIf(self, isActorError, Effect.die) as Effect.Effect<A, Exclude<E, ActorError>, R>

/**
 * Bounds an effect as `Effect.timeout` does, which fails with `TimeoutError` when the time is up. A duration that is a
 * number counts milliseconds.
 *
 * Every call inside the effect of `Actor.timeout` carries the remaining time, so an actor three hops away knows its
 * deadline (`Timeouts.Deadline`). An earlier deadline that an outer `Actor.timeout` has set stays in force.
 *
 * @example
 * ```ts
 * yield* frank.run(isPrime({ n: 7 })).pipe(Actor.timeout("2 seconds")) // true
 * const error = yield* Effect.flip(Actor.timeout(frank.run(forever()), 50))
 * error._tag // "TimeoutError"
 * ```
 * @category cancellation
 * @since 0.1.0
 */
export const timeout: {
  (duration: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Cause.TimeoutError, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | Cause.TimeoutError, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input) =>
  Effect.withFiber((fiber) => {
    const at = monotonicMillis(fiber.getRef(Clock.Clock)) + Duration.toMillis(duration)
    const around = fiber.getRef(Deadline)
    const deadline = around === undefined ? at : Math.min(around, at)
    return Effect.timeout(Effect.provideService(self, Deadline, deadline), duration)
  }))
