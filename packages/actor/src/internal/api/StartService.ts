/**
 * Starts the actor of a Service for a Layer, or serves the Service in this process.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import * as Settings from "../contract/Settings.ts"
import type { Relayed } from "../dialog/Dispatcher.ts"
import { type ActorError, type ActorId, PayloadInvalid } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { giveCue } from "../local/Cue.ts"
import { current as currentLocal, type LocalActor } from "../local/LocalActor.ts"
import { endWithScope, portalOf } from "../local/Owner.ts"
import * as Portal from "../portal/Portal.ts"
import * as InProcessMain from "../process/InProcessMain.ts"
import type { AnyService, Implementation, ServedInside } from "../process/ServiceImplementation.ts"
import type { Listing, Role } from "../settings/ActorRef.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { define } from "../settings/Definitions.ts"
import { logError } from "../settings/Log.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { SpawnOptions } from "../spawn/Spawner.ts"
import type { ServiceSpec } from "../spawn/SpawnSpec.ts"
import type { ChildActor } from "../supervision/ChildActor.ts"
import { Escalation } from "../supervision/Escalation.ts"
import * as StartChild from "../supervision/StartChild.ts"

export type StartOptions = SpawnOptions & {
  /** The name of the actor that a start makes. The default name of the actor is the key of its Service. */
  readonly name?: string | undefined
  /**
   * True when no other actor of the tree may have the name while this actor lives; otherwise the start fails with
   * `NameTaken`. Actors share names by default.
   */
  readonly unique?: boolean | undefined
  /**
   * The trees that can find the actor, if trees share names: its own tree, the trees of its host, or all trees.
   */
  readonly listed?: Listing | undefined
}

/**
 * Makes the default export of a module that implements a Service; an actor of the Service is started from such a
 * module. If the parameter `leads` is true, the implementation of the Service comes from another module.
 */
export const served = (service: AnyService, load: ServedInside["load"], leads = false): ServedInside => {
  const served: ServedInside = {
    "~furrow/Served": () => undefined as never,
    key: service.key,
    service: () => service,
    load
  }
  return define(served, { kind: "service", module: service.module, name: service.key }, leads)
}

const relayedOf = (portal: Portal.Portal<any>, key: string): Relayed => {
  const relayed = Portal.relayed(portal)
  if (relayed === undefined) {
    throw new Error(`the "${key}" in the context is not a portal: provide it by its layer or layerTest`)
  }
  return relayed
}

/** The options of a start of any Service; the type of the Service decides which settings a start takes. */
type GivenOptions = StartOptions & {
  readonly config?: unknown
  readonly role?: Role | undefined
  readonly isBehind?: boolean | undefined
}

/** Encodes the settings of a Service for its actor. */
export const encodedConfig = (
  service: AnyService,
  actor: ActorId,
  given: unknown
): Effect.Effect<Uint8Array | null, PayloadInvalid> => {
  const encoded = Settings.encode(service["~settings"], given)
  if (encoded.ok) return Effect.succeed(encoded.value)
  const { issue } = encoded
  return Effect.fail(new PayloadInvalid({ actor, side: "caller", endpoint: service.key, part: "config", issue }))
}

/**
 * Starts the actor of a Service. The Services that the actor uses are taken from the context, and sent to the actor as
 * references.
 */
export const start = (
  local: LocalActor,
  service: AnyService,
  options: GivenOptions,
  restore: StartChild.Restore
): Effect.Effect<{ readonly child: ChildActor; readonly channel: PeerChannel }, ActorError> =>
  Effect.withFiber((fiber) => {
    const { config, isBehind, listed, name = service.key, role, unique, ...spawnOptions } = options
    const uses: Array<ServiceSpec["uses"][number]> = []
    const relays = new Map<string, Relayed>()
    for (const { key } of service.uses) {
      const portal = fiber.context.mapUnsafe.get(key) as Portal.Portal<any>
      const here = relayedOf(portal, key)
      const ref = Portal.refOf(portal) ?? null
      // Handlers that run in this process have no address, so this process relays an actor's calls to these handlers.
      if (ref === null) relays.set(key, here)
      uses.push({ key, actor: portal.actor, ref })
    }
    const encoded = Effect.tapError(
      encodedConfig(service, { name, uuid: "", pid: 0 }, config),
      (error) => Effect.sync(() => local.events.publish({ _tag: "ActorSpawnFailed", name, error }))
    )
    return Effect.flatMap(encoded, (config) =>
      StartChild.start(local, {
        name,
        definitions: [],
        options: spawnOptions,
        listed,
        unique,
        role,
        isBehind,
        endpoints: service.endpoints.map(({ name }) => name),
        service: { module: service.module, key: service.key, config, uses },
        relays
      }, restore))
  })

/**
 * Lists a standby in the registry in the place of the actor that the standby replaces, and begins the standby's `main`.
 */
export const takeOver = (
  local: LocalActor,
  { actor }: ChildActor,
  channel: PeerChannel,
  from: string | undefined
): Effect.Effect<void, ActorError> =>
  Effect.flatMap(Timeouts, ({ cancelAck }) =>
    Effect.all([
      local.reach?.directory.ready(actor.uuid, actor.pid, from) ?? Effect.void,
      // A standby counts as up even if it does not answer the request to begin its `main`, because callers notice when
      // the standby is lost.
      Effect.ignore(Effect.timeout(giveCue(local, channel), cancelAck))
    ], { concurrency: "unbounded", discard: true }))

/** Makes the portal of a Service whose actor has started. */
export const portal = (
  local: LocalActor,
  service: AnyService,
  child: ChildActor,
  channel: PeerChannel,
  wait?: Effect.Effect<ActorExit>
): Portal.Portal<any> =>
  portalOf(local, child, channel, new Map(service.endpoints.map(({ name }) => [name, undefined])), wait)

/** Makes the Layer of a Service, whose actor lives as long as the Layer. */
export const layer = (service: AnyService, options: GivenOptions): Layer.Layer<any, ActorError, ActorRuntime> =>
  Layer.effect(
    service as never,
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const local = yield* currentLocal
        const escalate = yield* Escalation
        const { channel, child } = yield* start(local, service, options, restore)
        const { context } = yield* Effect.withFiber(Effect.succeed)
        // The loss of a Layer's actor is logged, because the users of the actor learn of the loss only when they call
        // the actor.
        const log = ({ message }: ActorError) =>
          void Effect.runForkWith(context)(
            logError(`the Layer of "${service.key}" has lost its actor. ${message}`)
          )
        child.whenGone((exit) => {
          if ((exit._tag === "Lost" || exit._tag === "Failed") && !child.isHandled) {
            if (escalate === undefined) log(exit.error)
            else escalate(Exit.fail(exit.error))
          }
        })
        yield* Effect.addFinalizer(endWithScope(local, child, "layer closed"))
        return portal(local, service, child, channel)
      })
    ) as Effect.Effect<never, ActorError, ActorRuntime | Scope.Scope>
  )

/**
 * Runs the handlers of a Service in this process, and gives callers a portal over a connection in memory. The values of
 * calls to handlers in this process go through the codecs, as in calls to an actor.
 */
export const layerTest = (
  service: AnyService,
  implementation: (settings: any) => Implementation,
  given?: unknown
): Layer.Layer<any, unknown> =>
  Layer.effect(
    service as never,
    Effect.flatMap(
      encodedConfig(service, { name: service.key, uuid: "", pid: 0 }, given),
      (config) => InProcessMain.portal(service, implementation, config)
    ) as Effect.Effect<never, unknown, Scope.Scope>
  )
