/**
 * The plan by which the actors of a tree are started: the platform's own spawner, or a user's spawner that wraps it.
 *
 * @since 0.1.0
 */
import type { Authenticator } from "@furrow/protocol/Handshake"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Credentials } from "../contract/Credentials.ts"
import type { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import type { Observe } from "../inspect/Inspection.ts"
import type { GroupGuard } from "../spawn/GroupGuard.ts"
import type { Offer } from "../spawn/Observed.ts"
import type { SpawnerDriver } from "../spawn/Spawner.ts"
import { define, type Definition, type Plan, type PortableOptions, type Settings } from "./Portable.ts"

/**
 * The platform's own spawner for this process, which uses the guard, the process group and the heap limit of the
 * process. A spawner that a user defines wraps the platform's own spawner.
 *
 * @example
 * ```ts
 * const Polite = Layer.effect(
 *   Spawner.SpawnerDriver,
 *   Effect.map(Spawner.NativeSpawner, (native) => ({ ...native, atOnce: 2 }))
 * )
 * const driver = yield* Effect.provide(
 *   Spawner.SpawnerDriver,
 *   Layer.provide(Polite, Layer.succeed(Spawner.NativeSpawner, native.spawner))
 * )
 * driver.atOnce // 2
 * ```
 * @category services
 * @since 0.1.0
 */
export class NativeSpawner extends Context.Service<NativeSpawner, SpawnerDriver["Service"]>()(
  "@furrow/actor/NativeSpawner"
) {}

/**
 * The facts that the platform knows about the root's process, and the functions by which the main program kills or
 * stops its tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface NativeControl {
  readonly spawner: SpawnerDriver["Service"]
  /** The process number of this process. */
  readonly pid: number
  /** The name of the host, by which trees find out that they run on one host. Default: `localhost`. */
  readonly host?: string | undefined
  /** The reason why this process may start no actor now; `undefined` when the process may start actors. */
  readonly refusal: string | undefined
  /**
   * Makes the authenticator with which actors prove that they know the secret of their tree; `undefined` when no other
   * process can dial.
   */
  readonly authenticator: ((secret: Uint8Array) => Authenticator) | undefined
  /** The guard for external programs in their process groups; absent on a platform without a guard. */
  readonly guard?: GroupGuard | undefined
  /**
   * A callback for the end of the main program: the platform then ends the spare processes that it keeps for later
   * starts.
   */
  readonly beginEnd?: (() => void) | undefined
  /** The default level of what observers may see in a tree, and the function that opens an actor's door for them. */
  readonly observe?: { readonly level: Observe; readonly offer: Offer } | undefined
  /**
   * The folder for the records of actors' calls, and for the post-mortems of dead actors. No record of calls is kept by
   * default.
   */
  readonly graves?: string | undefined
  readonly killAll: () => void
  readonly stopAll: () => void
  readonly continueAll: () => void
}

/**
 * The Layer of a spawner: it makes a `SpawnerDriver`, and may need the credentials of the tree and the spawner that it
 * wraps.
 *
 * @category models
 * @since 0.1.0
 */
export type SpawnerLayer = Layer.Layer<SpawnerDriver, RuntimeLayerError, Credentials | NativeSpawner>

/**
 * The plan of a tree's spawner, together with the platform's functions for the process of the root.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnerPlan {
  /** The plan of the spawner that the user defined; `undefined` when every process uses the platform's spawner. */
  readonly plan: Plan<SpawnerLayer> | undefined
  /**
   * Makes the platform's functions for the process of the root. The argument `residue` lists the folders that the guard
   * of the tree removes when the root is gone.
   */
  readonly native: (residue: ReadonlyArray<string>) => Effect.Effect<NativeControl, RuntimeLayerError, Scope.Scope>
}

/**
 * Defines a spawner that wraps the platform's own spawner; a spawner with settings becomes a function of its settings.
 */
export interface Portable {
  <const Key extends string, C extends Settings>(
    key: Key,
    options: { readonly module: string; readonly config: C },
    make: (config: C["Type"]) => SpawnerLayer
  ): ((config: C["Type"]) => Layer.Layer<Spawner, never, Spawner>) & Definition<SpawnerLayer>
  <const Key extends string>(
    key: Key,
    options: { readonly module: string },
    make: () => SpawnerLayer
  ): Layer.Layer<Spawner, never, Spawner> & Definition<SpawnerLayer>
}

/**
 * The plan by which the actors of a tree are started; every process builds its spawner from this plan.
 *
 * @example
 * ```ts
 * const { plan } = yield* Effect.provide(Spawner.Spawner, NodeSpawner.layer)
 * plan // undefined
 * ```
 * @category services
 * @since 0.1.0
 */
export class Spawner extends Context.Service<Spawner, SpawnerPlan>()("@furrow/actor/Spawner") {
  /**
   * The function `portable` of this module, as a static member of the class `Spawner`.
   *
   * @example
   * ```ts
   * export const Polite = Spawner.portable("polite", { module: import.meta.url }, () =>
   *   Layer.effect(Spawner.SpawnerDriver, Effect.map(Spawner.NativeSpawner, (native) => ({
   *     ...native,
   *     atOnce: 2,
   *     spawn: (request) => Effect.andThen(Effect.logDebug(`starts ${request.actor.name}`), native.spawn(request))
   *   }))))
   *
   * const { plan } = yield* Effect.provide(Spawner.Spawner, Polite.pipe(Layer.provide(NodeSpawner.layer)))
   * plan?.key // "polite"
   * ```
   * @category constructors
   * @since 0.1.0
   */
  static readonly portable: Portable =
    ((key: string, options: PortableOptions<Settings>, make: any) =>
      define<SpawnerLayer, Layer.Layer<Spawner, never, Spawner>>(
        "spawner",
        key,
        options,
        (config) => Layer.suspend(() => make(config) as SpawnerLayer),
        (plan) => Layer.effect(Spawner, Effect.map(Spawner, ({ native }) => ({ plan, native })))
      )) as Portable
}

/**
 * Defines a spawner that every actor of a tree can build around the platform's own spawner. The Layer of the spawner
 * makes a `SpawnerDriver` and may need the `NativeSpawner` of the process in which it is built.
 *
 * The module of a spawner must export the spawner. Every actor of the tree imports the module, and finds the spawner
 * among the exports by the spawner's key.
 *
 * @example
 * ```ts check
 * export const Polite = Spawner.portable("polite", { module: import.meta.url }, () =>
 *   Layer.effect(Spawner.SpawnerDriver, Effect.map(Spawner.NativeSpawner, (native) => ({
 *     ...native,
 *     atOnce: 2,
 *     spawn: (request) => Effect.andThen(Effect.logDebug(`starts ${request.actor.name}`), native.spawn(request))
 *   }))))
 *
 * yield* Effect.provide(program, NodeActor.layer.pipe(Layer.provide(Polite), Layer.provide(NodeSpawner.layer))) // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const portable: Portable = Spawner.portable
