/**
 * What an actor program needs from outside, as one service: who this actor is and how it starts others. `NodeActor` and
 * `MemoryActor` provide it; an actor provides it to its handlers.
 *
 * @since 0.1.0
 */
export { layer, type RootOptions } from "./internal/actor/RootRuntime.ts"
export { ActorRuntime } from "./internal/contract/ActorRuntime.ts"
export type { ActorInfo } from "./internal/contract/ActorRuntime.ts"
