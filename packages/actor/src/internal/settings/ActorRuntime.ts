/**
 * The surroundings of an actor program, as one service: its identity, its way to start other actors, its clock and
 * limits. `NodeActor` and `MemoryActor` provide it; a child provides it to its handlers for free.
 *
 * The contract layer only knows that it exists, because it stands in the types of calls. Its inside belongs to the
 * supervision layer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The actor that a part of a program runs in: its name, its id, and the actors above it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorInfo {
  readonly id: ActorId
  readonly name: string
  /** The actors above, root first. */
  readonly ancestors: ReadonlyArray<ActorId>
  readonly isRoot: boolean
}

/**
 * The service that an actor program needs from outside: `info` is the actor, `inside` is the runtime's own. A platform
 * provides it to the root, and every actor to its handlers.
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
