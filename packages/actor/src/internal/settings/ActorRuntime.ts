/**
 * The service that the program of an actor gets from its platform: its identity, and the means to start other actors.
 * `NodeActor` and `MemoryActor` provide the service `ActorRuntime` to a root. Every child provides `ActorRuntime` to
 * its own handlers.
 *
 * The contract layer knows only that `ActorRuntime` exists, because `ActorRuntime` appears in the types of calls. The
 * internals of `ActorRuntime` belong to the supervision layer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The identity of the actor in which a part of a program runs: its name, its id, and the actors above it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorInfo {
  readonly id: ActorId
  readonly name: string
  /** The actors above this actor, the root first. */
  readonly ancestors: ReadonlyArray<ActorId>
  readonly isRoot: boolean
}

/**
 * The service that a program needs to start actors. `info` is the identity of the actor, and `inside` is for the
 * runtime alone. A platform provides `ActorRuntime` to the root, and every actor provides it to its handlers.
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
