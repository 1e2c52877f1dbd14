/**
 * The runtime of a root actor, over any spawner.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { newUuid } from "../contract/ActorRef.ts"
import { ActorRuntime } from "../contract/ActorRuntime.ts"
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { withoutCaller } from "../dialog/Env.ts"
import { RegistrarService } from "../discovery/RegistrarService.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import { Spawner } from "../spawn/Spawner.ts"
import { isGone, join } from "../supervision/Reach.ts"
import { Tree } from "../supervision/Tree.ts"
import { type Network, Transport } from "../transport/Transport.ts"
import * as Handlers from "./Handlers.ts"

export interface RootOptions {
  /** How the root is called. Default: `root`. */
  readonly name?: string | undefined
  /** What the root serves to its children. */
  readonly expose?: ReadonlyArray<Implemented<AnyEndpoint>> | undefined
}

/** A root with this pid, whose children the spawner starts. A layer of an exposed endpoint that fails is a defect. */
export const layer = (
  options: RootOptions & {
    readonly pid: number
    readonly network: Network
    readonly refusal?: string | undefined
  }
): Layer.Layer<ActorRuntime, never, Spawner | Transport> =>
  Layer.effect(
    ActorRuntime,
    Effect.gen(function*() {
      const spawner = yield* Spawner
      const uuid = newUuid()
      const name = options.name ?? "root"
      const tree = new Tree({
        info: { id: { name, uuid, pid: options.pid }, name, ancestors: [], isRoot: true },
        events: makeEvents(),
        spawner,
        parent: undefined,
        level: yield* References.MinimumLogLevel
      })
      tree.refusal = options.refusal
      const context = withoutCaller(yield* Effect.context<never>())
      const registrar = new RegistrarService({
        root: {
          actor: tree.info.id,
          path: tree.path,
          service: null,
          exposed: (options.expose ?? []).map(({ endpoint, module }) => ({ name: endpoint.name, module })),
          unique: false
        },
        events: tree.events,
        isGone: (entry) => isGone(tree, entry)
      })
      const peers = join(tree, {
        network: options.network,
        transport: yield* Transport,
        context,
        cancelActor: (_, channel) => channel.violate({ _tag: "WrongSide", word: "CancelActor" }),
        registrar: { directory: registrar, handlers: registrar.handlers(context) }
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => peers.close()))
      const runtime = { info: tree.info, inside: tree }
      tree.handlers = yield* Effect.orDie(
        Effect.provideContext(
          Handlers.build(options.expose ?? []),
          Context.add(yield* Effect.context<never>(), ActorRuntime, runtime) as Context.Context<any>
        ) as Effect.Effect<Tree["handlers"], unknown>
      )
      return runtime
    })
  )
