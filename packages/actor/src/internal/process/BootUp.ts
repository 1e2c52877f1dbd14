/**
 * Boots an actor, from the word `Spawn` until the actor is ready: builds its platform, imports its modules, and builds
 * their layers and handlers. An actor that is told to end during its boot gives up the boot, and a failed boot leaves
 * nothing behind.
 *
 * @since 0.1.0
 */
import type { CancelActor } from "@furrow/protocol/Message"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { type DialogContext, withoutCaller } from "../dialog/DialogContext.ts"
import { type Dispatcher, relayPrefix } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import type { ActorError, ActorId, SpawnStep } from "../errors/ActorError.ts"
import type { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import { MeterReaders } from "../inspect/Metered.ts"
import { makeCue } from "../local/Cue.ts"
import { drainHandlers } from "../local/Drain.ts"
import { type Life, LocalActor } from "../local/LocalActor.ts"
import * as Observing from "../local/Observing.ts"
import { attachPeers } from "../local/PeerNetwork.ts"
import { openPortal } from "../local/Role.ts"
import { type LogForwarder, makeForwarder, withLogger } from "../logs/Logs.ts"
import type { Platform } from "../platform/Platform.ts"
import { Self } from "../platform/Self.ts"
import * as Portal from "../portal/Portal.ts"
import { type ActorInfo, ActorRuntime } from "../settings/ActorRuntime.ts"
import { outside, Turn } from "../settings/Turn.ts"
import { building } from "../spawn/Boot.ts"
import type { KeepRecord } from "../spawn/Evidence.ts"
import type { Offer } from "../spawn/Observed.ts"
import type { Exposed, PlatformSpec, ServiceSpec, SpawnSpec } from "../spawn/SpawnSpec.ts"
import type { Connection } from "../transport/Transport.ts"
import * as BuildHandlers from "./BuildHandlers.ts"
import * as ServiceImplementation from "./ServiceImplementation.ts"
import * as Teardown from "./Teardown.ts"

/**
 * The functions by which a platform ends an actor that runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Started {
  /** Ends the actor because of an error that no code in the actor has caught. */
  readonly uncaught: (error: unknown) => void
  /**
   * Ends the actor after a signal from outside: the actor asks its parent for the end (`Leave`). The argument `code` is
   * the exit code of the actor's process if the actor ends because of the signal alone.
   */
  readonly end: (reason: string, code: number) => void
}

/**
 * The functions that a platform supplies for the life of one actor.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorMainOptions {
  /** The identity with which the actor greets its parent, which may then give it another name and uuid. */
  readonly actor: ActorId
  readonly connection: Connection
  /**
   * Imports the modules that the actor is to serve. The function `load` rejects with an error that names the mistake in
   * a module and what the user can do next.
   */
  readonly load: (exposed: ReadonlyArray<Exposed>) => Promise<ReadonlyArray<Implemented<AnyEndpoint>>>
  /** Imports the module whose export implements the actor's Service. */
  readonly loadModule: (module: string) => Promise<Record<string, unknown>>
  /**
   * Builds the platform of this actor as its parent described it. The Scope of an actor's platform closes after all
   * other parts of the actor have ended.
   */
  readonly platform: (spec: PlatformSpec) => Effect.Effect<Platform, RuntimeLayerError, Scope.Scope>
  /** Opens the door of the actor when an observer knocks. An actor cannot be observed by default. */
  readonly observe?: Offer | undefined
  /**
   * Opens the record of the actor's calls, before the actor imports any module. An actor keeps no record of its calls
   * by default.
   */
  readonly record?: KeepRecord | undefined
  /**
   * A callback that gets the functions by which the platform ends the actor, for example after a signal. By default
   * only the parent and peers can end an actor, over their connections.
   */
  readonly onStart?: ((actor: Started) => void) | undefined
  /** A callback for the moment at which the parent has named this actor, before any part of the actor is built. */
  readonly onNamed?: ((actor: ActorId) => void) | undefined
  /**
   * A callback for the moment at which the actor is ready to serve. The iterator `rehearsal` makes the actor's first
   * call as fast as later calls. Each call of the rehearsal's `next` takes a millisecond or two, and should run while
   * the process is idle.
   */
  readonly onReady?: ((rehearsal: Iterator<void>) => void) | undefined
  /**
   * A callback for the moment at which the actor begins to end. When an actor begins to end, its platform should stop
   * other work in the process, so that the actor's last words are sent in time.
   */
  readonly onEnding?: (() => void) | undefined
  /**
   * Resolves when all output on the actor's stdout and stderr has left the process. A slow reader of an actor's stdout
   * or stderr delays the end of the actor.
   */
  readonly written?: (() => Promise<void>) | undefined
}

/** A failed start of an actor: the step that the start had reached, and its failure. */
export class BootFailed {
  readonly step: SpawnStep
  readonly error: unknown
  constructor(step: SpawnStep, error: unknown) {
    this.step = step
    this.error = error
  }
}

/** The life of an actor that is being booted, and the callback for a request (`CancelActor`) to end the actor. */
export interface Beginning extends Life {
  readonly cancelled: (message: CancelActor, from: PeerChannel) => void
}

export interface Booted {
  readonly local: LocalActor
  readonly dispatcher: Dispatcher
  readonly logs: LogForwarder
  readonly scope: Scope.Closeable
  readonly main: Effect.Effect<unknown, unknown> | undefined
  /** The Effect context in which an actor's handlers run; its loggers send the logs towards the root. */
  readonly context: Context.Context<never>
  /**
   * The Scope of the actor's platform. The Scope of an actor's platform closes when the actor's handlers, layers and
   * logs have ended.
   */
  readonly platformScope: Scope.Closeable
}

export const bootUp = (
  options: ActorMainOptions,
  spec: SpawnSpec,
  channel: PeerChannel,
  events: DialogContext["events"],
  life: Beginning
): Effect.Effect<Booted, BootFailed> =>
  Effect.gen(function*() {
    const platformScope = Scope.makeUnsafe()
    const platform = yield* platformOf(options, spec, channel, events, platformScope)
    const context = Context.merge(yield* Effect.context<never>(), platform.ambient)
    const level = Context.get(context, References.MinimumLogLevel)
    const local = new LocalActor({
      info: infoOf(options, spec.ancestors),
      events,
      turn: Context.get(context, Turn),
      spawner: platform.spawner,
      guard: platform.guard,
      parent: channel,
      level,
      life,
      recorder: options.record?.(options.actor, spec.ancestors, spec.platform)
    })
    local.service = spec.service?.key
    for (const read of Context.get(context, MeterReaders)) read(local.metered)
    attachPeers(local, {
      platform: spec.platform,
      network: platform.network,
      context: withoutCaller(context),
      cancelActor: life.cancelled
    })
    const close = Observing.offer(local, spec.platform, withoutCaller(context), options.observe)
    yield* Scope.addFinalizer(platformScope, Effect.sync(close))
    const logs = makeForwarder(channel, local.env, withoutCaller(context))
    const scope = Scope.makeUnsafe("parallel")
    const boot = Effect.gen(function*() {
      const definitions = yield* Effect.mapError(
        outside(() => loaded(options, spec)),
        (error) => new BootFailed("import", error)
      )
      // An actor without layers does not tell its parent that it builds layers, because only layers take time.
      if (hasLayers(definitions)) yield* sayBuilding(channel, options.actor, events)
      const { handlers, main } = yield* Effect.mapError(
        "served" in definitions
          ? Effect.flatMap(
            definitions.uses(channel, local),
            (portals) =>
              Effect.provideContext(ServiceImplementation.build(definitions.served, definitions.config), portals)
          )
          : Effect.map(
            BuildHandlers.build(definitions),
            (handlers): ServiceImplementation.Built => ({ handlers, main: undefined })
          ),
        (error) => new BootFailed("layer", error)
      )
      local.handlers = handlers
      const cue = spec.isBehind === true ? makeCue(withoutCaller(context)) : undefined
      const toParent = new Map([
        ...local.reach!.toRelatives,
        ...drainHandlers(local, withoutCaller(context)),
        ...cue?.handlers ?? []
      ])
      return {
        dispatcher: local.serve(channel, toParent).dispatcher,
        main: main === undefined || cue === undefined ? main : Effect.andThen(cue.await, main)
      }
    })
    const inside = withLogger(context, logs.logger).pipe(
      Context.add(ActorRuntime, { info: local.info, inside: local }),
      Context.add(Scope.Scope, scope)
    )
    const { dispatcher, main } = yield* Effect.onExit(Effect.provideContext(boot, inside), (exit) =>
      Exit.isSuccess(exit) ? Effect.void : undone({ local, logs, scope, platformScope }, channel, exit.cause, spec))
    return { local, dispatcher, logs, scope, platformScope, main, context: Context.omit(Scope.Scope)(inside) }
  })

const infoOf = ({ actor }: ActorMainOptions, ancestors: SpawnSpec["ancestors"]): ActorInfo => ({
  id: actor,
  name: actor.name,
  ancestors,
  isRoot: false
})

/**
 * Builds the platform of an actor before the actor imports a module of the user. When a part of the platform cannot be
 * built, all parts that were built are released.
 */
const platformOf = (
  options: ActorMainOptions,
  { ancestors, platform, timeouts }: SpawnSpec,
  channel: PeerChannel,
  events: DialogContext["events"],
  scope: Scope.Closeable
): Effect.Effect<Platform, BootFailed> =>
  Effect.gen(function*() {
    // The actor tells its parent that it builds its platform's layers. When the start of an actor is late, its parent
    // can so say how far the start has come.
    if (platform.ambient.length > 0 || platform.spawner !== null) yield* sayBuilding(channel, options.actor, events)
    return yield* options.platform(platform).pipe(
      Effect.provideService(Self, infoOf(options, ancestors)),
      Effect.provideService(Scope.Scope, scope),
      Effect.onError((cause) =>
        Teardown.settled(Scope.close(scope, Exit.failCause(cause)), Teardown.cleanupBound(timeouts.finalizers))
      ),
      Effect.mapError((error) => new BootFailed("layer", error))
    )
  })

/** Tells the parent that every module is imported, and that layers are being built. */
const sayBuilding = (channel: PeerChannel, self: ActorId, events: DialogContext["events"]): Effect.Effect<unknown> =>
  Effect.flatMap(References.MinimumLogLevel, (level) => {
    const env: DialogContext = { self, events, level, cancellation: () => undefined }
    return Effect.forkDetach(Effect.ignore(Caller.run(channel, env, building(undefined))))
  })

/**
 * Releases all parts of the actor that a failed boot has built. The first failure of a failed boot is the error of the
 * boot, and all other failures are reported together with it.
 */
const undone = (
  { logs, platformScope, scope, local }: Pick<Booted, "local" | "logs" | "platformScope" | "scope">,
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
      yield* Teardown.report(failed, { actor: local.info.id, channel, logs })
      yield* Teardown.settled(logs.flush, timeouts.logs)
    }
    local.reach?.peers.close({ how: { _tag: "Cancelled", by: local.info.id, reason: "it did not start" }, cleanup: [] })
    yield* Teardown.settled(Scope.close(platformScope, Exit.failCause(cause)), bound)
  })

const hasLayers = (definitions: Awaited<ReturnType<typeof loaded>>): boolean =>
  "served" in definitions || definitions.some(({ layer }) => layer !== undefined)

/**
 * Loads the definitions that the actor serves, or the actor's Service together with the portals to the Services that it
 * uses.
 */
const loaded = async (options: ActorMainOptions, spec: SpawnSpec) => {
  const { service } = spec
  if (service === null) return options.load(spec.expose)
  const served = ServiceImplementation.find(service.module, await options.loadModule(service.module), service.key)
  // If another module implements the Service, that module is imported now, so that its errors count as errors of the
  // import.
  const implementation = await served.load()
  return {
    served: { ...served, service: served.service, load: () => Promise.resolve(implementation) },
    config: service.config,
    uses: (channel: PeerChannel, local: LocalActor) => usedPortals(served, service, channel, local)
  }
}

/**
 * Makes a portal for each used Service: the portal leads to the Service's actor, or to the parent if the Service is
 * relayed. An actor's portals to the Services that it uses work until the actor's last finalizer has run.
 */
const usedPortals = (
  served: ServiceImplementation.ServedInside,
  service: ServiceSpec,
  channel: PeerChannel,
  local: LocalActor
): Effect.Effect<Context.Context<never>, ActorError> =>
  Effect.gen(function*() {
    let context: Context.Context<never> = Context.empty()
    for (const used of served.service().uses) {
      const given = service.uses.find(({ key }) => key === used.key)
      if (given === undefined) throw new Error(`"${service.key}" uses "${used.key}", but its parent did not give it`)
      const portal = given.ref === null
        ? relayedPortal(used, given.actor, channel, local)
        : yield* openPortal(local, given.ref, undefined)
      context = Context.add(context, used as unknown as Context.Key<never, unknown>, portal) as Context.Context<never>
    }
    return context
  })

const relayedPortal = (
  used: ServiceImplementation.AnyService["uses"][number],
  actor: ActorId,
  channel: PeerChannel,
  local: LocalActor
): Portal.Portal<any> =>
  Portal.make({
    channel,
    env: local.env,
    actor,
    exposed: new Map(used.endpoints.map(({ name }) => [name, undefined])),
    prefix: relayPrefix(used.key),
    cancel: () => Effect.die(new Error(`only the owner of "${used.key}" can end it`)),
    wait: Effect.never
  })
