/**
 * The life of an actor below the root, on any platform:
 *
 *   connect -> greet -> Spawn arrives -> import -> layers -> Ready -> serve -> ending -> finalizers -> Bye -> exit
 *
 * It ends because its parent says so, because its parent is gone, or because something in it was not caught. Whatever
 * the reason, the order is the same (features ACT-11): handlers are interrupted in parallel and their last words are
 * sent, then its scope closes, then its last logs and what it has written leave, then it says Bye. Its own children
 * belong to its handlers and are gone before those end. Every step has a bound that nothing in the actor can break.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { hello } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { ActorRuntime } from "../contract/ActorRuntime.ts"
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { monotonicMillis, Timeouts } from "../contract/Timeouts.ts"
import { type Dispatcher, relayPrefix } from "../dialog/Callee.ts"
import * as Caller from "../dialog/Caller.ts"
import { type Env, withoutCaller } from "../dialog/Env.ts"
import { encodeFailure } from "../dialog/Failures.ts"
import { type LogForwarder, makeForwarder, withLogger } from "../dialog/Logs.ts"
import type { ActorError, ActorId, SpawnStep } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import * as Portal from "../portal/Portal.ts"
import { building } from "../spawn/Boot.ts"
import type { Spawner } from "../spawn/Spawner.ts"
import { type Exposed, readyCodec, type ServiceSpec, type SpawnSpec, specCodec } from "../spawn/SpawnSpec.ts"
import { join } from "../supervision/Reach.ts"
import { Tree } from "../supervision/Tree.ts"
import type { Connection, Network, Transport } from "../transport/Transport.ts"
import * as Handlers from "./Handlers.ts"
import { borrowedPortal } from "./Refs.ts"
import * as Served from "./Served.ts"
import * as Teardown from "./Teardown.ts"

/** What the platform has to bring. */
export interface ActorMainOptions {
  readonly actor: ActorId
  readonly connection: Connection
  /** Imports what is to be served. Rejects with an error that says what is wrong and what to do. */
  readonly load: (exposed: ReadonlyArray<Exposed>) => Promise<ReadonlyArray<Implemented<AnyEndpoint>>>
  /** Imports a module whose export serves a Service. */
  readonly loadModule: (module: string) => Promise<Record<string, unknown>>
  readonly spawner: Spawner["Service"]
  /** How this actor reaches others of its tree, and is reached. */
  readonly transport: (network: Network) => Transport["Service"]
  /** Hands out a function that ends the actor because of an error nobody caught. */
  readonly onStart?:
    | ((actor: { readonly uncaught: (error: unknown) => void; readonly end: (reason: string) => void }) => void)
    | undefined
  /** The actor serves from now on. */
  readonly onReady?: (() => void) | undefined
  /** When what has been written to stdout and stderr has left the process: a slow reader keeps it waiting. */
  readonly written?: (() => Promise<void>) | undefined
}

/** How it ended: what the platform makes an exit code of. */
export type Ended = "done" | "boot-failed" | "parent-lost" | "uncaught"

type Ending =
  | { readonly _tag: "Cancelled"; readonly cancellation: Cancellation }
  | { readonly _tag: "ParentLost" }
  | { readonly _tag: "Uncaught"; readonly error: unknown }

class BootFailed {
  readonly step: SpawnStep
  readonly error: unknown
  constructor(step: SpawnStep, error: unknown) {
    this.step = step
    this.error = error
  }
}

interface Booted {
  readonly tree: Tree
  readonly dispatcher: Dispatcher
  readonly logs: LogForwarder
  readonly scope: Scope.Closeable
}

/** Runs an actor until it has ended. Never fails, and is not interrupted from outside: it is told to end. */
export const run = (options: ActorMainOptions): Effect.Effect<Ended> =>
  Effect.gen(function*() {
    const { actor, connection } = options
    const events = makeEvents()
    const ending = Deferred.makeUnsafe<Ending>()
    const end = (why: Ending) => void Deferred.doneUnsafe(ending, Exit.succeed(why))
    options.onStart?.({
      uncaught: (error) => end({ _tag: "Uncaught", error }),
      end: (reason) => end({ _tag: "Cancelled", cancellation: { by: actor, reason, deadline: 0 } })
    })
    const channel = new PeerChannel({
      connection,
      handshake: {
        side: "dialler",
        hello: hello(actor, "child")
      },
      events
    })
    const spec = yield* greeted(channel)
    if (spec === undefined) return "boot-failed"
    const settings = Context.mergeAll(
      yield* Effect.context<never>(),
      Context.make(References.MinimumLogLevel, spec.level as LogLevel.LogLevel),
      Context.make(Timeouts, spec.timeouts)
    )
    const life = Effect.gen(function*() {
      const booted = yield* Effect.exit(
        unlessEnding(bootUp(options, spec, channel, events, end), ending, spec.timeouts.finalizers)
      )
      if (Exit.isFailure(booted)) return yield* bootFailed(channel, options.actor, booted.cause)
      options.onReady?.()
      const { reach } = booted.value.tree
      return yield* Effect.onInterrupt(
        serve(booted.value, channel, options, ending, spec),
        // Killed: where no process goes, nobody else cuts its connections.
        () => Effect.sync(() => reach?.peers.destroy())
      )
    })
    return yield* Effect.provideContext(life, settings)
  })

/** The spec, once the parent has let us in; nothing if it did not. */
const greeted = (channel: PeerChannel): Effect.Effect<SpawnSpec | undefined> =>
  Effect.callback<SpawnSpec | undefined>((resume) => {
    const none = () => resume(Effect.succeed(undefined))
    channel.whenGreeted((greeted) => {
      if (greeted._tag !== "Open") return none()
      channel.route({
        ...deaf(channel),
        spawn: (payload) => {
          const spec = specCodec.decode(payload)
          if (spec.ok) return resume(Effect.succeed(spec.value))
          channel.violate({ _tag: "Malformed", word: "Spawn", field: "payload" })
          none()
        },
        closed: none
      })
    })
  })

/** A router for words that have no place yet. */
const deaf = (channel: PeerChannel) => ({
  start: () => channel.violate({ _tag: "HandshakeOrder", word: "Start", state: "not ready" }),
  cancelActor: () => channel.close(),
  cancelAck: () => {},
  bye: () => {},
  failed: () => {},
  spawn: () => channel.violate({ _tag: "HandshakeOrder", word: "Spawn", state: "already told" }),
  ready: () => channel.violate({ _tag: "WrongSide", word: "Ready" })
})

/**
 * Boots, unless the actor is told to end before it is ready: then what is under construction is interrupted, and waited
 * for no longer than its bound, because an acquisition cannot be interrupted.
 */
const unlessEnding = <A>(
  boot: Effect.Effect<A, BootFailed>,
  ending: Deferred.Deferred<Ending>,
  bound: number
): Effect.Effect<A, BootFailed> =>
  Effect.flatMap(Effect.forkDetach(boot, { startImmediately: true }), (booting) => {
    const told = Effect.raceFirst(Effect.as(Fiber.await(booting), undefined), Deferred.await(ending))
    return Effect.flatMap(
      Effect.onInterrupt(told, () => Effect.sync(() => booting.interruptUnsafe())),
      (why) =>
        why === undefined
          ? Fiber.join(booting)
          : Effect.andThen(
            Teardown.settled(Fiber.interrupt(booting), bound),
            Effect.fail(
              new BootFailed("import", why._tag === "Uncaught" ? why.error : new Error("ended before it was ready"))
            )
          )
    )
  })

const bootUp = (
  options: ActorMainOptions,
  spec: SpawnSpec,
  channel: PeerChannel,
  events: Env["events"],
  end: (why: Ending) => void
): Effect.Effect<Booted, BootFailed> =>
  Effect.gen(function*() {
    const level = yield* References.MinimumLogLevel
    const tree = new Tree({
      info: { id: options.actor, name: options.actor.name, ancestors: spec.ancestors, isRoot: false },
      events,
      spawner: options.spawner,
      parent: channel,
      level
    })
    tree.service = spec.service?.key
    channel.route({
      ...deaf(channel),
      cancelActor: ({ by, deadline, reason }) => {
        channel.send({ _tag: "CancelAck" })
        end({ _tag: "Cancelled", cancellation: { by, reason, deadline } })
      },
      closed: () => end({ _tag: "ParentLost" })
    })
    const context = yield* Effect.context<never>()
    join(tree, {
      network: spec.network,
      transport: options.transport(spec.network),
      context: withoutCaller(context),
      cancelActor: ({ by, deadline, reason }, from) => {
        from.send({ _tag: "CancelAck" })
        end({ _tag: "Cancelled", cancellation: { by, reason, deadline } })
      }
    })
    const logs = makeForwarder(channel, tree.env)
    const scope = Scope.makeUnsafe("parallel")
    const boot = Effect.gen(function*() {
      const definitions = yield* Effect.tryPromise({
        try: () => loaded(options, spec),
        catch: (error) => new BootFailed("import", error)
      })
      // Only where it takes time: an error of a layer says itself what it is.
      if (hasLayers(definitions)) {
        yield* Effect.forkDetach(Effect.ignore(Caller.run(channel, tree.env, building(undefined))))
      }
      tree.handlers = yield* Effect.mapError(
        "served" in definitions
          ? Effect.flatMap(
            definitions.uses(channel, tree),
            (portals) => Effect.provideContext(Served.build(definitions.served), portals)
          )
          : Handlers.build(definitions),
        (error) => new BootFailed("layer", error)
      )
      return tree.serve(channel, tree.reach!.toRelatives).dispatcher
    })
    const inside = withLogger(context, logs.logger).pipe(
      Context.add(ActorRuntime, { info: tree.info, inside: tree }),
      Context.add(Scope.Scope, scope)
    )
    const dispatcher = yield* Effect.onExit(Effect.provideContext(boot, inside), (exit) =>
      Exit.isSuccess(exit) ? Effect.void : undone({ tree, logs, scope }, channel, exit.cause, spec))
    return { tree, dispatcher, logs, scope }
  })

/** Nothing is left of a boot that failed. The first failure is the boot's; each other one is reported beside it. */
const undone = (
  { logs, scope, tree }: Omit<Booted, "dispatcher">,
  channel: PeerChannel,
  cause: Cause.Cause<unknown>,
  { timeouts }: SpawnSpec
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const bound = Teardown.cleanupBound(timeouts.finalizers)
    const released = yield* Teardown.release(scope, Exit.failCause(cause), bound)
    const others = Cause.fromReasons(cause.reasons.filter((reason) => reason._tag !== "Interrupt").slice(1))
    const failed = released === undefined ? others : Cause.combine(others, released)
    if (failed.reasons.length > 0) {
      yield* Teardown.report(failed, { actor: tree.info.id, channel, logs })
      yield* Teardown.settled(logs.flush, timeouts.logs)
    }
    tree.reach?.peers.close()
  })

const hasLayers = (definitions: Awaited<ReturnType<typeof loaded>>): boolean =>
  "served" in definitions || definitions.some(({ layer }) => layer !== undefined)

/** Definitions to serve, or a Service with the portals it uses. */
const loaded = async (options: ActorMainOptions, spec: SpawnSpec) => {
  const { service } = spec
  if (service === null) return options.load(spec.expose)
  const served = Served.find(service.module, await options.loadModule(service.module), service.key)
  // A module that serves from another one is loaded now: its errors are import errors.
  const implementation = await served.load()
  return {
    served: { ...served, service: served.service, load: () => Promise.resolve(implementation) },
    uses: (channel: PeerChannel, tree: Tree) => usedPortals(served, service, channel, tree)
  }
}

/**
 * A portal for every Service it uses: to the actor itself, or through the parent where the handlers run there. Good to
 * the last finalizer.
 */
const usedPortals = (
  served: Served.ServedInside,
  service: ServiceSpec,
  channel: PeerChannel,
  tree: Tree
): Effect.Effect<Context.Context<never>, ActorError> =>
  Effect.gen(function*() {
    let context: Context.Context<never> = Context.empty()
    for (const used of served.service().uses) {
      const given = service.uses.find(({ key }) => key === used.key)
      if (given === undefined) throw new Error(`"${service.key}" uses "${used.key}", but its parent did not give it`)
      const portal = given.ref === null
        ? relayedPortal(used, given.actor, channel, tree)
        : yield* borrowedPortal(tree, given.ref, undefined)
      context = Context.add(context, used as unknown as Context.Key<never, unknown>, portal) as Context.Context<never>
    }
    return context
  })

const relayedPortal = (
  used: Served.AnyService["uses"][number],
  actor: ActorId,
  channel: PeerChannel,
  tree: Tree
): Portal.Portal<any> =>
  Portal.make({
    channel,
    env: tree.env,
    actor,
    exposed: new Map(used.endpoints.map(({ name }) => [name, undefined])),
    prefix: relayPrefix(used.key),
    cancel: () => Effect.die(new Error(`only the owner of "${used.key}" can end it`)),
    wait: Effect.never
  })

const bootFailed = (
  channel: PeerChannel,
  actor: ActorId,
  cause: Cause.Cause<BootFailed>
): Effect.Effect<Ended> =>
  Effect.sync(() => {
    const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt")
    const failed = reason?._tag === "Fail"
      ? reason.error
      : new BootFailed("layer", reason?._tag === "Die" ? reason.defect : new Error("interrupted"))
    channel.send({
      _tag: "Error",
      dialog: 0,
      payload: encodeFailure({ _tag: "SpawnFailed", step: failed.step, boxed: box(failed.error, actor) })
    })
    channel.close()
    return "boot-failed"
  })

/** Serves until something ends it, then tears down in order. */
const serve = (
  booted: Booted,
  channel: PeerChannel,
  { actor, written }: ActorMainOptions,
  ending: Deferred.Deferred<Ending>,
  spec: SpawnSpec
): Effect.Effect<Ended> =>
  Effect.gen(function*() {
    const { dispatcher, logs, scope, tree } = booted
    const ready = readyCodec.encode({ endpoints: Array.from(tree.handlers.keys()) })
    if (!ready.ok) return yield* Effect.die(new Error(ready.issue))
    channel.route({
      ...deaf(channel),
      start: (message) => dispatcher.start(message),
      cancelActor: ({ by, deadline, reason }) => {
        channel.send({ _tag: "CancelAck" })
        Deferred.doneUnsafe(ending, Exit.succeed({ _tag: "Cancelled", cancellation: { by, reason, deadline } }))
      },
      closed: () => void Deferred.doneUnsafe(ending, Exit.succeed({ _tag: "ParentLost" }))
    })
    channel.send({ _tag: "Ready", payload: ready.value })
    const why = yield* Deferred.await(ending)
    const { finalizers } = spec.timeouts
    const cancellation = cancellationFor(why, actor, finalizers)
    const clock = yield* Clock.Clock
    const until = monotonicMillis(clock) + cancellation.deadline
    tree.ending = { cancellation, until }
    tree.refusal = `this actor is ending: ${cancellation.reason}`
    if (why._tag === "Uncaught") {
      const boxed = box(why.error, actor)
      channel.send({ _tag: "Error", dialog: 0, payload: encodeFailure({ _tag: "Defect", boxed, others: [] }) })
    }
    tree.reach?.peers.stopListening()
    for (const dispatcher of tree.serving) {
      if (why._tag === "Uncaught") dispatcher.failAll(why.error, cancellation)
      else dispatcher.cancelAll(cancellation)
    }
    const failed = yield* Teardown.cleanUp(tree.serving, scope, Teardown.cleanupBound(cancellation.deadline))
    if (failed !== undefined) yield* Teardown.report(failed, { actor, channel, logs })
    yield* Teardown.settled(logs.flush, spec.timeouts.logs)
    if (written !== undefined && why._tag !== "ParentLost") {
      const left = until - monotonicMillis(clock) - Teardown.margin / 2
      yield* Teardown.settled(Effect.promise(written), Math.max(0, left))
    }
    tree.reach?.peers.close()
    if (why._tag === "Cancelled") channel.send({ _tag: "Bye" })
    channel.close()
    return why._tag === "Cancelled" ? "done" : why._tag === "ParentLost" ? "parent-lost" : "uncaught"
  })

const cancellationFor = (why: Ending, actor: ActorId, finalizers: number): Cancellation => {
  switch (why._tag) {
    case "Cancelled":
      return why.cancellation.deadline > 0 ? why.cancellation : { ...why.cancellation, deadline: finalizers }
    case "ParentLost":
      return { by: actor, reason: "parent-lost", deadline: finalizers }
    case "Uncaught": {
      const { message, type } = box(why.error, actor)
      return { by: actor, reason: `uncaught ${type}: ${message}`, deadline: finalizers }
    }
  }
}
