/**
 * Discovery by name, as a service that a program can supply: every actor of the tree finds, waits for, watches and
 * claims names through it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import type { Entry } from "../settings/ActorRef.ts"
import type { Address, TransportError } from "../transport/Transport.ts"
import type { Directory } from "./Directory.ts"
import { RegistrarService, type TreeRegistrar } from "./RegistrarService.ts"

/**
 * The tree for which a Discovery is opened, before the tree's root and connections exist.
 *
 * @category models
 * @since 0.1.0
 */
export interface DiscoveryTree {
  /** The entry of the root in the registry. */
  readonly root: Entry
  /**
   * The registrar of the tree for which the Discovery is opened. The registrar decides about the names of its tree, so
   * a Discovery asks, follows or wraps the registrar. The actors of a tree do not know a name that was not claimed in
   * the registrar of their tree. A Discovery also enters the actors of other trees into the registrar of its own tree.
   */
  readonly registrar: TreeRegistrar
  /**
   * True when an actor of this tree has ended. The check for the end of an actor asks the actor's own ancestors, and
   * takes no longer than `Timeouts.connect`.
   */
  readonly isGone: (entry: Entry) => Effect.Effect<boolean>
  /** The name of the tree, and the host on which its root runs. */
  readonly tree: string
  readonly host: string
  /**
   * The addresses at which the root of the tree listens. The root of a tree begins to listen when its addresses are
   * first asked for.
   */
  readonly addresses: Effect.Effect<ReadonlyArray<Address>, TransportError>
}

/**
 * The service that lists and finds the actors of a tree. The root opens the Discovery once; other actors ask the root.
 *
 * @example
 * ```ts
 * const claimed: Array<string> = []
 * const Counted = Layer.effect(Discovery.Discovery, Effect.map(Discovery.Discovery, (below) => ({
 *   open: (tree) => Effect.map(below.open(tree), (directory) => ({
 *     ...directory,
 *     claim: (entry) => Effect.tap(directory.claim(entry), Effect.sync(() => claimed.push(entry.actor.name)))
 *   }))
 * }))).pipe(Layer.provide(Discovery.layerTree))
 *
 * yield* Effect.provide(program, MemoryActor.layer.pipe(Layer.provide(Counted))) // true
 * claimed // ["isPrime"]
 * ```
 * @category services
 * @since 0.1.0
 */
export class Discovery extends Context.Service<Discovery, {
  /** Opens the Discovery for a tree; the Discovery is closed with the Scope, after the last actor of the tree. */
  readonly open: (tree: DiscoveryTree) => Effect.Effect<Directory, RuntimeLayerError, Scope.Scope>
}>()("@furrow/actor/Discovery") {}

/**
 * A Discovery that is only the tree's own registrar: the default of every platform.
 *
 * @example
 * ```ts
 * yield* Effect.provide(program, MemoryActor.layer.pipe(Layer.provide(Discovery.layerTree))) // true
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layerTree: Layer.Layer<Discovery> = Layer.succeed(Discovery, {
  open: ({ registrar }) => Effect.succeed(registrar)
})

/**
 * Makes the registrar of a tree whose only actor is its root, for tests of a Discovery without a running tree.
 *
 * @example
 * ```ts
 * const actor = { name: "root", uuid: "b7e7", pid: 4711 }
 * const root = { actor, path: [actor.uuid], service: null, exposed: [], unique: false }
 * const registrar = Discovery.makeRegistrar({ root, isGone: () => Effect.succeed(false) })
 * const entries = yield* registrar.list(undefined)
 * entries.map(({ actor }) => actor.name) // ["root"]
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const makeRegistrar = ({ isGone, root }: Pick<DiscoveryTree, "isGone" | "root">): TreeRegistrar =>
  new RegistrarService({ root, isGone, events: makeEvents() }).directory
