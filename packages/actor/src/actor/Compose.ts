/**
 * What Effect programs are composed of, for actors: launching a graph of Layers, a dialog in this process, an Effect
 * RpcClient over a portal.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"
import type { RpcClient } from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type * as Scope from "effect/Scope"
import type { DialogCall } from "../contract/DialogCall.ts"
import type { AnyDialogEndpoint, AnyEndpoint, Type } from "../contract/Endpoint.ts"
import type { Handler } from "../dialog/Callee.ts"
import type { ActorError } from "../errors/ActorError.ts"
import type { DialogOf, Portal } from "../portal/Portal.ts"
import * as HereActor from "./HereActor.ts"
import { endpointsOf } from "./RpcGroups.ts"
import { Losses } from "./StartService.ts"

/**
 * Runs a graph of actors until it fails: `Layer.launch` that notices an actor lost after the graph was built. What is
 * left then stops in reverse order.
 *
 * @example
 * ```ts
 * NodeActor.runMain(Actor.launch(Web.layer.pipe(Layer.provide(Counter.layer))))
 * ```
 * @since 0.1.0
 */
export const launch = <A, E, R>(layer: Layer.Layer<A, E, R>): Effect.Effect<never, E | ActorError, R> =>
  Effect.suspend(() => {
    const lost = Deferred.makeUnsafe<never, ActorError>()
    const losses = (error: ActorError) => void Deferred.doneUnsafe(lost, Exit.fail(error))
    return Effect.scoped(
      Effect.andThen(Effect.provideService(Layer.build(layer), Losses, losses), Deferred.await(lost))
    ) as Effect.Effect<never, E | ActorError, R>
  })

/**
 * Opens a dialog whose handler runs in this process: the linked pair in memory, through the codecs, for tests and small
 * programs. The services its handler needs stay in R.
 *
 * @since 0.1.0
 */
export const openHere = <R, Ep extends AnyDialogEndpoint>(
  call: DialogCall<R, Ep>
): Effect.Effect<DialogOf<Ep>, Type<Ep["error"]> | ActorError, R | Scope.Scope> =>
  Effect.gen(function*() {
    const { endpoint, handler } = call.definition
    const base = (yield* Effect.context<never>()) as Context.Context<never>
    const served: Handler = { endpoint, handler, context: base }
    const portal = yield* Effect.orDie(HereActor.serve(
      endpoint.name,
      (runtime) =>
        Effect.succeed(new Map([[endpoint.name, { ...served, context: Context.merge(runtime, base) as typeof base }]]))
    ))
    return yield* portal.openScoped(call as never)
  }) as Effect.Effect<any, any, R | Scope.Scope>

/**
 * A client of an Effect RpcGroup over a portal: the group's own client type, with acknowledged cancellation, streams
 * paid for by credit, and `ActorError` beside the procedures' own errors. Client options (headers, discard) have no
 * meaning here and are ignored.
 *
 * @example
 * ```ts
 * const client = Actor.rpcClient(portal, Group)
 * yield* client.Inc({ by: 1 })
 * ```
 * @since 0.1.0
 */
export const rpcClient = <Self, Rpcs extends Rpc.Any>(
  portal: Portal<Self>,
  group: RpcGroup.RpcGroup<Rpcs>
): RpcClient<Rpcs, ActorError> => {
  const endpoints = new Map<string, AnyEndpoint>()
  for (const endpoint of endpointsOf("Actor.rpcClient", group as never, "RpcClient")) {
    endpoints.set(endpoint.name, endpoint)
  }
  const client: Record<string, unknown> = {}
  for (const [name, endpoint] of endpoints) {
    client[name] = (input: unknown) => {
      const call = { "~furrow/Call": "~furrow/Call", endpoint, module: undefined, input }
      return endpoint.kind === "stream" ? portal.stream(call as never) : portal.run(call as never)
    }
  }
  return client as unknown as RpcClient<Rpcs, ActorError>
}
