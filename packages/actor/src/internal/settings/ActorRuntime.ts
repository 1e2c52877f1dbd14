/**
 * The service `ActorRuntime`, which gives code its actor's identity and the means to start other actors. `NodeActor`
 * and `MemoryActor` provide the service `ActorRuntime` to a root. Every actor below the root provides `ActorRuntime` to
 * its own handlers.
 *
 * The folder `contract` imports only the type of `ActorRuntime`, because this type appears in the types of calls.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The identity of the actor in which the current code runs: the actor's name, its id, and the actors above it.
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
 * The service that an Effect requires to start actors. The field `info` is the identity of the current actor, and the
 * field `inside` is for the runtime alone. A platform provides `ActorRuntime` to the root's code, and every other actor
 * provides `ActorRuntime` to its handlers.
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
