/**
 * The runtime of a root actor over the Layers of its platform. The root takes the plans of the platform from its Effect
 * context, builds their Layers once, and sends the plans to every actor as data.
 *
 * @since 0.1.0
 */
import { described } from "@furrow/protocol/Described"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Farewell } from "../channel/Farewell.ts"
import type { Implemented } from "../contract/Call.ts"
import { Credentials, make as newCredentials, type TreeCredentials } from "../contract/Credentials.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { withoutCaller } from "../dialog/DialogContext.ts"
import type { Directory } from "../discovery/Directory.ts"
import { Discovery, type DiscoveryTree } from "../discovery/Discovery.ts"
import type { NotThere } from "../discovery/Peers.ts"
import { RegistrarService, serveDirectory } from "../discovery/RegistrarService.ts"
import type { ActorId } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import type { Observe } from "../inspect/Inspection.ts"
import { MeterReaders } from "../inspect/Metered.ts"
import { LocalActor } from "../local/LocalActor.ts"
import * as Observing from "../local/Observing.ts"
import { attachPeers, isGone } from "../local/PeerNetwork.ts"
import type { Ambient } from "../platform/Ambient.ts"
import { authenticator, buildAmbient, buildSpawner, buildTransports, type Platform } from "../platform/Platform.ts"
import { Self } from "../platform/Self.ts"
import { type NativeControl, Spawner } from "../platform/Spawner.ts"
import { Transport } from "../platform/Transport.ts"
import { type ActorInfo, ActorRuntime } from "../settings/ActorRuntime.ts"
import { logError } from "../settings/Log.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { Turn } from "../settings/Turn.ts"
import type { PlatformSpec } from "../spawn/SpawnSpec.ts"
import { Keeper } from "../supervision/Keeper.ts"
import * as Network from "../transport/Network.ts"
import { TransportError } from "../transport/Transport.ts"
import * as BuildHandlers from "./BuildHandlers.ts"

/**
 * Settings of a root: its name, the endpoints that it serves, and the settings of its whole tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface RootOptions {
  /** The name of the root actor. Default: `root`. */
  readonly name?: string | undefined
  /** Endpoints that the root serves to its children. */
  readonly expose?: ReadonlyArray<Implemented<AnyEndpoint>> | undefined
  /** The name and the secret of the tree. Every runtime has a new secret by default. */
  readonly credentials?: TreeCredentials | undefined
  /**
   * The Layers that every actor of the tree builds, in this order, before the modules that the actor serves. Default:
   * no Layers.
   */
  readonly ambient?: Ambient | ReadonlyArray<Ambient> | undefined
  /**
   * The way in which the actors of the tree prove to each other that they belong to the tree. With the proof `secret`
   * an actor must know the secret of the tree. With the proof `certificate` an actor needs only a certificate of the
   * tree's authority; the transport is `NodeTransport.layerTls`. Default: `secret`.
   */
  readonly trust?: "secret" | "certificate" | undefined
  /**
   * True when the root listens from its start on, so that other programs can dial the root at a known address
   * (`Registry.at`). By default the root begins to listen when an actor, or a Discovery of several trees, asks for its
   * address.
   */
  readonly listen?: boolean | undefined
  /**
   * The level of what tools of the same user, such as `furrow why`, may see in the actors of the tree. The default of
   * the setting `observe` is the value of the environment variable `FURROW_OBSERVE`, or `look`.
   */
  readonly observe?: Observe | undefined
}

/** A name for this run of a tree, made of the process number of its root and a part of a uuid. */
const runOf = ({ pid, uuid }: Turn): string => `${pid}-${uuid().slice(0, 8)}`

/** Returns the ambient Layers that the options of a root name, as a list. */
export const ambientsOf = ({ ambient }: RootOptions): ReadonlyArray<Ambient> =>
  ambient === undefined ? [] : "~furrow/Ambient" in ambient ? [ambient] : ambient

interface Built {
  readonly platform: Platform
  readonly spec: PlatformSpec
  readonly native: NativeControl
  readonly info: ActorInfo
}

/**
 * Builds the platform of the root: first the ambient services, then the transports, because the guard has to know which
 * folders the transports leave.
 */
const platformOf = (
  options: RootOptions
): Effect.Effect<Built, RuntimeLayerError, Transport | Spawner | Scope.Scope> =>
  Effect.gen(function*() {
    const { parts } = yield* Transport
    const { native, plan } = yield* Spawner
    const ambients = ambientsOf(options)
    const turn = yield* Turn
    const credentials = { ...options.credentials ?? newCredentials(), run: runOf(turn) }
    const name = options.name ?? "root"
    const info: ActorInfo = { id: { name, uuid: turn.uuid(), pid: turn.pid }, name, ancestors: [], isRoot: true }
    const within = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, Credentials, credentials)
    // Settings of a plan are checked before its Layer is made, so that an error names the wrong setting.
    const spec: PlatformSpec = {
      tree: credentials.tree,
      run: credentials.run,
      secret: Redacted.value(credentials.secret),
      transports: yield* Effect.forEach(parts, ({ data }) => data),
      spawner: plan === undefined ? null : yield* plan.data,
      ambient: yield* Effect.forEach(ambients, ({ data }) => data),
      observe: "off",
      graves: null,
      ...(options.trust === undefined ? {} : { trust: options.trust })
    }
    const ambient = yield* Effect.provideService(within(buildAmbient(ambients)), Self, info)
    const drivers = yield* within(buildTransports(parts))
    const control = yield* native(drivers.flatMap(({ residue }) => residue ?? []))
    const spawner = yield* within(buildSpawner(plan, control.spawner))
    const network = Network.make(drivers, authenticator(control, spec))
    const observe = options.observe ?? control.observe?.level ?? "off"
    return {
      platform: { network, spawner, guard: control.guard, ambient },
      spec: { ...spec, observe, graves: control.graves ?? null },
      native: control,
      info: { ...info, id: { ...info.id, pid: control.pid } }
    }
  })

/**
 * Makes a directory that looks up the real directory at each call, and forwards the call to the real directory. If the
 * look-up of the real directory throws, only the call that needed the look-up dies; the report of an actor's end never
 * fails.
 */
const deferred = (directory: () => Directory): Directory => ({
  claim: (entry) => Effect.suspend(() => directory().claim(entry)),
  ready: (uuid, pid, replaces) => Effect.suspend(() => directory().ready(uuid, pid, replaces)),
  gone: (uuid) =>
    Effect.catchCause(
      Effect.suspend(() => directory().gone(uuid)),
      (cause) => logError("the discovery could not take note that an actor is gone", cause)
    ),
  stale: (uuid) => Effect.suspend(() => directory().stale(uuid)),
  list: (name, most) => Effect.suspend(() => directory().list(name, most)),
  watch: (name) => Stream.suspend(() => directory().watch(name)),
  root: (uuid) => Effect.suspend(() => directory().root?.(uuid) ?? Effect.undefined)
})

/**
 * Opens the directory of a tree with the Discovery of the platform. A Discovery that throws or does not open in time
 * fails the root with a `RuntimeLayerError`.
 */
const openDiscovery = (
  discovery: Discovery["Service"],
  local: DiscoveryTree
): Effect.Effect<Directory, RuntimeLayerError, Scope.Scope> =>
  Effect.flatMap(Timeouts, ({ spawn }) => {
    const failed = (reason: string, cause?: unknown) =>
      Effect.fail(
        new RuntimeLayerError({
          what: "discovery",
          key: "open",
          module: "the root's program",
          step: "layer",
          reason,
          cause
        })
      )
    return Effect.suspend(() => discovery.open(local)).pipe(
      Effect.catchDefect((defect) => failed(described(defect), defect)),
      Effect.timeoutOrElse({
        duration: spawn,
        orElse: () => failed(`it was not opened within ${spawn} ms: raise Timeouts.spawn`)
      }),
      Effect.flatMap((directory) =>
        typeof directory?.claim === "function" ? Effect.succeed(directory) : failed("it opened no directory")
      )
    )
  })

const cannotListen = ({ reason }: NotThere) =>
  new RuntimeLayerError({ what: "transport", key: "listen", module: "the root's program", step: "layer", reason })

/** Makes the farewell with which a root says `Bye` to its peers when its program has ended. */
const farewellOf = (exit: Exit.Exit<unknown, unknown>, self: ActorId): Farewell => {
  if (Exit.isSuccess(exit)) return { how: { _tag: "Returned" }, cleanup: [] }
  const reason = exit.cause.reasons.find((reason) => reason._tag !== "Interrupt")
  if (reason === undefined) return { how: { _tag: "Cancelled", by: self, reason: "interrupted" }, cleanup: [] }
  return {
    how: { _tag: "Failed", boxed: box(Cause.isDieReason(reason) ? reason.defect : reason.error, self) },
    cleanup: []
  }
}

/**
 * Builds the runtime of a root over the given platform. If the layer of an endpoint that the root exposes fails, the
 * building of the runtime dies.
 */
const runtimeOn = (
  options: RootOptions,
  { info, native, platform, spec }: Built
): Effect.Effect<ActorRuntime["Service"], RuntimeLayerError, Discovery | Scope.Scope> =>
  Effect.gen(function*() {
    const local = new LocalActor({
      info,
      events: makeEvents(),
      turn: yield* Turn,
      spawner: platform.spawner,
      guard: platform.guard,
      parent: undefined,
      level: yield* References.MinimumLogLevel
    })
    for (const read of yield* MeterReaders) read(local.metered)
    local.refused = native.refusal
    local.control = native
    const context = withoutCaller(yield* Effect.context<never>())
    const root = {
      actor: local.info.id,
      path: local.path,
      service: null,
      exposed: (options.expose ?? []).map(({ endpoint, module }) => ({ name: endpoint.name, module })),
      unique: false
    }
    const registrar = new RegistrarService({ root, events: local.events, isGone: (entry) => isGone(local, entry) })
    // The root builds its network before its directory, because the directory asks over the network whether an actor
    // has ended.
    let directory: Directory = registrar
    const opened = deferred(() => directory)
    const keeper = new Keeper(local, context)
    const peers = attachPeers(local, {
      platform: spec,
      network: platform.network,
      context,
      cancelActor: (_, channel) => channel.violate({ _tag: "WrongSide", word: "CancelActor" }),
      registrar: {
        directory: opened,
        shared: keeper,
        handlers: new Map([...serveDirectory(registrar, opened, context), ...keeper.handlers])
      }
    })
    const discovery = yield* Discovery
    directory = yield* openDiscovery(discovery, {
      root,
      registrar: registrar.directory,
      isGone: (entry) => isGone(local, entry),
      tree: spec.tree,
      host: native.host ?? "localhost",
      addresses: Effect.mapError(
        peers.addresses,
        ({ gone, reason }) => new TransportError({ gone, reason })
      )
    })
    if (options.listen === true) yield* Effect.mapError(peers.addresses, cannotListen)
    const close = Observing.offer(local, spec, context, native.observe?.offer)
    yield* Effect.addFinalizer(() => Effect.sync(close))
    yield* Effect.addFinalizer((exit) => Effect.sync(() => peers.close(farewellOf(exit, local.info.id))))
    // The keeper of shared actors is opened after the network, so that shared actors end before the root's connections
    // close.
    yield* keeper.open
    const runtime = { info: local.info, inside: local }
    local.handlers = yield* Effect.orDie(
      Effect.provideContext(
        BuildHandlers.build(options.expose ?? []),
        Context.add(yield* Effect.context<never>(), ActorRuntime, runtime) as Context.Context<any>
      ) as Effect.Effect<LocalActor["handlers"], unknown>
    )
    return runtime
  })

/**
 * The Layer of a root's runtime, which needs a transport, a Discovery and a spawner. A program that lacks the
 * transport, the discovery or the spawner does not compile. The Layer of the runtime fails with `RuntimeLayerError`
 * when a part of the platform cannot be built.
 *
 * Each runtime has credentials of its own, even if two trees are made from one Layer. Values that ambient Layers set,
 * such as a tracer, apply in the main program as well.
 *
 * @example
 * ```ts
 * const Shop = ActorRuntime.layer({ name: "shop" }).pipe(
 *   Layer.provide(Transport.merge(NodeTransport.layerUnix, NodeTransport.layerTcp)),
 *   Layer.provide(Discovery.layerTree),
 *   Layer.provide(NodeSpawner.layer)
 * )
 * const { isRoot, name } = yield* Effect.provide(Actor.current, Shop)
 * name // "shop"
 * isRoot // true
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: RootOptions = {}
): Layer.Layer<ActorRuntime, RuntimeLayerError, Transport | Discovery | Spawner> =>
  Layer.effectContext(Effect.gen(function*() {
    const built = yield* platformOf(options)
    const { ambient } = built.platform
    const runtime = yield* Effect.updateContext(
      runtimeOn(options, built),
      (context: Context.Context<Discovery | Scope.Scope>) => Context.merge(context, ambient)
    )
    return Context.add(ambient, ActorRuntime, runtime) as Context.Context<ActorRuntime>
  }))
