/**
 * Launches a graph of Layers whose actors run together, and opens a dialog whose handler runs in this process.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { DialogCall } from "../contract/DialogCall.ts"
import type { AnyDialogEndpoint, Type } from "../contract/Endpoint.ts"
import type { Handler } from "../dialog/Dispatcher.ts"
import type { ActorError } from "../errors/ActorError.ts"
import type { GaveUp } from "../errors/GaveUp.ts"
import type { DialogOf } from "../portal/Portal.ts"
import * as InProcessMain from "../process/InProcessMain.ts"
import { Escalation } from "../supervision/Escalation.ts"

/**
 * Runs a graph of actors until the graph fails, as `Layer.launch` does, and also notices when an actor of the graph is
 * lost after the graph was built. When an actor of the graph is lost, the other actors of the graph stop in reverse
 * order.
 *
 * The function `launch` fails with the error of building the graph, with the `ActorError` of the lost actor, or with
 * the `GaveUp` of a supervisor. The function `launch` never succeeds, because the rest of the graph keeps running when
 * an actor or a supervisor of the graph ends in order.
 *
 * @example
 * ```ts
 * yield* Effect.timeoutOption(Actor.launch(Counter.layer), "200 millis") // Option.none()
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const launch = <A, E, R>(layer: Layer.Layer<A, E, R>): Effect.Effect<never, E | ActorError | GaveUp, R> =>
  Effect.suspend(() => {
    const failed = Deferred.makeUnsafe<never, ActorError | GaveUp>()
    const escalate = (exit: Exit.Exit<void, ActorError | GaveUp>) => {
      if (Exit.isFailure(exit)) Deferred.doneUnsafe(failed, Exit.failCause(exit.cause))
    }
    return Effect.scoped(
      Effect.andThen(Effect.provideService(Layer.build(layer), Escalation, escalate), Deferred.await(failed))
    ) as Effect.Effect<never, E | ActorError | GaveUp, R>
  })

/**
 * Opens a dialog whose handler runs in this process, for tests and small programs. Both sides of a dialog in one
 * process are connected in memory, and values go through the codecs. The Scope of a dialog in one process cancels the
 * dialog when the Scope closes, and the services that the handler needs stay in the requirements R.
 *
 * @example
 * ```ts
 * const { first, stream } = yield* Actor.openTest(chat({ room: "kitchen" }))
 * first // { members: 1 }
 * yield* stream.send("hello")
 * yield* stream.receive // "HELLO"
 * ```
 * @category testing
 * @since 0.1.0
 */
export const openTest = <R, Ep extends AnyDialogEndpoint>(
  call: DialogCall<R, Ep>
): Effect.Effect<DialogOf<Ep>, Type<Ep["error"]> | ActorError, R | Scope.Scope> =>
  Effect.gen(function*() {
    const { endpoint, handler } = call.definition
    const base = (yield* Effect.context<never>()) as Context.Context<never>
    const served: Handler = { endpoint, handler, context: base }
    const portal = yield* Effect.orDie(InProcessMain.serve(
      endpoint.name,
      (runtime) =>
        Effect.succeed(new Map([[endpoint.name, { ...served, context: Context.merge(runtime, base) as typeof base }]]))
    ))
    return yield* portal.openScoped(call as never)
  }) as Effect.Effect<any, any, R | Scope.Scope>
