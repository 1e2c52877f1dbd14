/**
 * What starts the actors of a tree, as a plan: the platform's own spawner, or one of the program's around it.
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
import type { SpawnerDriver } from "../spawn/Spawner.ts"
import { define, type Definition, type Plan, type PortableOptions, type Settings } from "./Portable.ts"

/**
 * The platform's own spawner for this process: its guard, its process group and its heap limit are those of the process. A
 * spawner of the program wraps it.
 *
 * @category services
 * @since 0.1.0
 */
export class NativeSpawner extends Context.Service<NativeSpawner, SpawnerDriver["Service"]>()(
  "@furrow/actor/NativeSpawner"
) {}

/**
 * What only the platform knows of the root's process, and what a main program may do to its tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface NativeControl {
  readonly spawner: SpawnerDriver["Service"]
  /** The number of this process. */
  readonly pid: number
  /** Why nothing may be started here now, if so. */
  readonly refusal: string | undefined
  /** How members prove themselves with the secret of their tree; undefined where nobody outside can dial. */
  readonly authenticator: ((secret: Uint8Array) => Authenticator) | undefined
  readonly killAll: () => void
  readonly stopAll: () => void
  readonly continueAll: () => void
}

/** What the Layer of a spawner is. */
export type SpawnerLayer = Layer.Layer<SpawnerDriver, RuntimeLayerError, Credentials | NativeSpawner>

/**
 * How the actors of a tree are started.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnerPlan {
  /** The program's own spawner; none where every process uses the platform's. */
  readonly plan: Plan<SpawnerLayer> | undefined
  /** The platform's part in the root. The guard removes these folders when the root is gone. */
  readonly native: (residue: ReadonlyArray<string>) => Effect.Effect<NativeControl, RuntimeLayerError, Scope.Scope>
}

/** A spawner around the one below it, with its settings or without. */
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
 * How the actors of a tree are started, in the root and in every actor.
 *
 * @category services
 * @since 0.1.0
 */
export class Spawner extends Context.Service<Spawner, SpawnerPlan>()("@furrow/actor/Spawner") {
  /**
   * Defines a spawner that every actor of a tree can build. Its Layer makes a `SpawnerDriver` and may need the
   * `NativeSpawner` of the process it is built in, which it wraps. The module must export the result.
   *
   * @example
   * ```ts
   * export const Nice = Spawner.portable("nice", { module: import.meta.url }, () =>
   *   Layer.effect(Spawner.SpawnerDriver, Effect.map(Spawner.NativeSpawner, (native) => ({
   *     ...native, spawn: (request) => native.spawn(lowered(request))
   *   }))))
   *
   * NodeActor.layer.pipe(Layer.provide(Nice), Layer.provide(NodeSpawner.layer))
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

/** `Spawner.portable`, where the module is the namespace. */
export const portable: Portable = Spawner.portable
