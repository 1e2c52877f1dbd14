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
 * Replaces a child of a supervisor and those that go for its death, and waits until it is up again. It counts as no death.
 *
 * It fails with `ActorUnreachable` where the supervisor gives up or ends first. A start that fails is a death, and is tried
 * again as after any other. Only the actor of the supervisor may do it, any other portal dies.
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
 * Stops a child of a supervisor with all that use it, in reverse order, and waits until it is down. It stays down until
 * `Supervisor.start`: calls wait for that, at most `hold`. An end by hand ends no supervisor, also of a significant child.
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
 * Starts a child that was stopped by hand or has ended for good, with what it uses and the stopped ones that use it, and
 * waits until it is up. A child that is up stays as it is. It fails as `Supervisor.restart` does.
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
