/**
 * The built platform of one actor: its transports for listening and dialling, its spawner, and the services around its
 * handlers. A root builds its platform from Layers. Every other actor builds its platform from the description that its
 * parent sent.
 *
 * @since 0.1.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Credentials } from "../contract/Credentials.ts"
import type { PortableData } from "../contract/PortableData.ts"
import type { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import type { GroupGuard } from "../spawn/GroupGuard.ts"
import { SpawnerDriver } from "../spawn/Spawner.ts"
import type { PlatformSpec } from "../spawn/SpawnSpec.ts"
import * as Network from "../transport/Network.ts"
import { TransportDriver } from "../transport/Transport.ts"
import { build, buildContext, type Kind, revive } from "./Portable.ts"
import { NativeSpawner, type SpawnerLayer } from "./Spawner.ts"
import type { DriverLayer } from "./Transport.ts"

/**
 * The built platform of one actor: the transports, the directory, the spawner, and the services around the handlers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Platform {
  readonly network: Network.Network
  readonly spawner: SpawnerDriver["Service"]
  readonly guard?: GroupGuard | undefined
  readonly ambient: Context.Context<never>
}

/**
 * Makes a transport that the platform provides itself: its settings suffice, and no module has to be imported.
 *
 * @category models
 * @since 0.1.0
 */
export type Builtin = (settings: string, credentials: Credentials["Service"]) => TransportDriver["Service"]

/**
 * The functions that the platform provides in the process of an actor below the root.
 *
 * @category models
 * @since 0.1.0
 */
export interface NativeProcess {
  readonly spawner: SpawnerDriver["Service"]
  /** The guard for external programs in their process groups; absent on a platform without a guard. */
  readonly guard?: GroupGuard | undefined
  readonly authenticator: ((secret: Uint8Array) => Authenticator) | undefined
  /** The platform's own transports, found by the module and the key that their plans name. */
  readonly builtin: (data: PortableData) => Builtin | undefined
  readonly importModule: (module: string) => Promise<Record<string, unknown>>
}

/**
 * The key with which the actors of a tree that trusts certificates make their proof; this key is no secret. A proof
 * with the key `publicKey` shows only that both ends of the connection accept certificates as proof of membership.
 */
const publicKey = new Uint8Array(32)

/**
 * Makes the authenticator with which the actors of a tree prove that they belong to the tree. The actors of a tree
 * prove on each connection that they know the secret of the tree. In a tree that trusts certificates, the certificates
 * of both ends of a connection replace the proof of the secret.
 */
export const authenticator = (
  native: Pick<NativeProcess, "authenticator">,
  { secret, trust }: Pick<PlatformSpec, "secret" | "trust">
): Network.Network["authenticator"] => {
  const make = native.authenticator
  return make === undefined
    ? undefined
    : ({ certified }) => make(trust === "certificate" && certified === true ? publicKey : secret)
}

/**
 * The plans of a tree's transports, spawner and ambient Layers, as this process holds them. A root takes the plans of
 * its tree from its Layers. Any other actor makes the plans from the description that its parent sent.
 */
export interface Plans {
  readonly ambient: ReadonlyArray<Named & { readonly layer: Layer.Layer<never, unknown, Credentials> }>
  readonly transports: ReadonlyArray<Named & { readonly layer: DriverLayer }>
  readonly spawner: Named & { readonly layer: SpawnerLayer } | undefined
}

interface Named {
  readonly key: string
  readonly module: string
}

type Built<A> = Effect.Effect<A, RuntimeLayerError, Credentials | Scope.Scope>

export const buildAmbient = (plans: Plans["ambient"]): Built<Context.Context<never>> =>
  Effect.reduce(
    plans,
    () => Context.empty() as Context.Context<never>,
    (ambient, plan) => Effect.map(buildContext("ambient", plan, plan.layer), (more) => Context.merge(ambient, more))
  )

export const buildTransports = (plans: Plans["transports"]): Built<ReadonlyArray<TransportDriver["Service"]>> =>
  Effect.forEach(plans, (plan) => build("transport", plan, TransportDriver, plan.layer))

export const buildSpawner = (
  plan: Plans["spawner"],
  native: SpawnerDriver["Service"]
): Built<SpawnerDriver["Service"]> =>
  plan === undefined
    ? Effect.succeed(native)
    : Effect.provideService(build("spawner", plan, SpawnerDriver, plan.layer), NativeSpawner, native)

const credentialsOf = ({ run, secret, tree }: PlatformSpec): Credentials["Service"] => ({
  tree,
  run,
  secret: Redacted.make(secret, { label: "the secret of a tree" })
})

/** Builds the platform of an actor that already has the plans, so no module is imported. */
export const fromPlans = (
  plans: Plans,
  spec: PlatformSpec,
  native: Pick<NativeProcess, "authenticator" | "guard" | "spawner">
): Effect.Effect<Platform, RuntimeLayerError, Scope.Scope> =>
  Effect.provideService(
    Effect.gen(function*() {
      const ambient = yield* buildAmbient(plans.ambient)
      const drivers = yield* buildTransports(plans.transports)
      const spawner = yield* buildSpawner(plans.spawner, native.spawner)
      const network = Network.make(drivers, authenticator(native, spec))
      return { ambient, network, spawner, guard: native.guard }
    }),
    Credentials,
    credentialsOf(spec)
  )

/**
 * Makes the plans of a tree from the description that an actor got from its parent. The modules of the plans are
 * imported; transports of the platform itself need no import.
 */
const revived = (spec: PlatformSpec, native: NativeProcess): Effect.Effect<Plans, RuntimeLayerError> =>
  Effect.gen(function*() {
    const found = <L>(kind: Kind, data: PortableData) =>
      Effect.map(revive(kind, data, native.importModule), (layer) => ({ ...data, layer: layer as L }))
    const credentials = credentialsOf(spec)
    return {
      ambient: yield* Effect.forEach(
        spec.ambient,
        (data) => found<Layer.Layer<never, unknown, Credentials>>("ambient", data)
      ),
      transports: yield* Effect.forEach(spec.transports, (data) => {
        const builtin = native.builtin(data)
        return builtin === undefined
          ? found<DriverLayer>("transport", data)
          : Effect.succeed({ ...data, layer: Layer.sync(TransportDriver, () => builtin(data.settings, credentials)) })
      }),
      spawner: spec.spawner === null ? undefined : yield* found<SpawnerLayer>("spawner", spec.spawner)
    }
  })

/**
 * Builds the platform that an actor's parent described, before the actor imports any module that it serves. Building
 * the platform fails with `RuntimeLayerError` when a Layer cannot be found or built. A built platform is closed when
 * its Scope closes.
 *
 * @example
 * ```ts
 * const platform = yield* ActorProcess.platformOf(spec, native)
 * platform.ambient // Context.empty()
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const fromSpec = (
  spec: PlatformSpec,
  native: NativeProcess
): Effect.Effect<Platform, RuntimeLayerError, Scope.Scope> =>
  Effect.flatMap(revived(spec, native), (plans) => fromPlans(plans, spec, native))
