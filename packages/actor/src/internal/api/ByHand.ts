/**
 * Restarts, stops and starts a supervised child by hand, through its portal.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { ActorError } from "../errors/ActorError.ts"
import type { Portal } from "../portal/Portal.ts"
import { byHandOf } from "../supervision/Supervising.ts"

const byHand = (what: "restart" | "stop" | "start") => (portal: Portal<never>): Effect.Effect<void, ActorError> =>
  byHandOf(portal)?.(what) ??
    Effect.die(
      new Error(`"${portal.name}" is no child of a supervisor here: only the actor of its supervisor can ${what} it`)
    )

/**
 * Replaces the actor of a supervised child, and the actors of all children that the supervisor would restart at this
 * child's death. `Supervisor.restart` waits until the child's new actor is ready. A restart by hand does not count as a
 * death of the child.
 *
 * `Supervisor.restart` fails with `ActorUnreachable` if the supervisor gives up or ends before the child's new actor is
 * ready. If the start of the new actor fails, the failure counts as a death of the child, and the supervisor tries
 * again. The portal of a supervised child must come from the actor in which the child's supervisor runs.
 * `Supervisor.restart` dies with a defect for a portal that another actor has opened.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter
 *   yield* counter.run(increment({ by: 2 }))
 *   yield* Supervisor.restart(counter)
 *   return yield* counter.run(increment({ by: 2 }))
 * })
 * yield* Effect.provide(program, Supervisor.layer({}, [Counter])) // 2
 * ```
 * @category by hand
 * @since 0.1.0
 */
export const restart: (portal: Portal<never>) => Effect.Effect<void, ActorError> = byHand("restart")

/**
 * Stops a child of a supervisor and all children that use it, in reverse order, and waits until the child is down. A
 * stopped child stays down until `Supervisor.start`: calls to the child wait for its start, no longer than the option
 * `hold` of the supervisor's policy. A stop by hand never ends the supervisor, even if the child is significant.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter
 *   yield* Supervisor.stop(counter)
 *   yield* Supervisor.start(counter)
 *   return yield* counter.run(increment({ by: 2 }))
 * })
 * yield* Effect.provide(program, Supervisor.layer({}, [Counter])) // 2
 * ```
 * @category by hand
 * @since 0.1.0
 */
export const stop: (portal: Portal<never>) => Effect.Effect<void, ActorError> = byHand("stop")

/**
 * Starts a child that was stopped by hand or has ended for good, and waits until the child is up. The children that the
 * started child uses, and the stopped children that use it, are started as well. Starting a child that is already up
 * does not replace the actor of the child. `Supervisor.start` fails with the same errors as `Supervisor.restart`.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter
 *   yield* Supervisor.stop(counter)
 *   yield* Supervisor.start(counter)
 *   return counter.incarnation
 * })
 * yield* Effect.provide(program, Supervisor.layer({}, [Counter])) // 2
 * ```
 * @category by hand
 * @since 0.1.0
 */
export const start: (portal: Portal<never>) => Effect.Effect<void, ActorError> = byHand("start")
