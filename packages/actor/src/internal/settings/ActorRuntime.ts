/**
 * The service that an actor program gets from its platform: its identity, its way to start other actors, its clock and
 * its limits. `NodeActor` and `MemoryActor` provide this service to a root. Every child provides it to its own
 * handlers.
 *
 * The contract layer knows only that this service exists, because the service stands in the types of calls. The inside
 * of the service belongs to the supervision layer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The identity of the actor that a part of a program runs in: its name, its id, and the actors above it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorInfo {
  readonly id: ActorId
  readonly name: string
  /** The actors above this one, the root first. */
  readonly ancestors: ReadonlyArray<ActorId>
  readonly isRoot: boolean
}

/**
 * The service that an actor program needs from outside: `info` is the actor's identity, `inside` is for the runtime
 * alone. A platform provides it to the root, and every actor to its handlers.
 *
 * @example
 * ```ts
 * const { info } = yield* ActorRuntime.ActorRuntime
 * info.name // "root"
 * ```
 * @category services
 * @since 0.1.0
 */
export class ActorRuntime extends Context.Service<ActorRuntime, {
  readonly info: ActorInfo
  readonly inside: object
}>()("@furrow/actor/ActorRuntime") {}
