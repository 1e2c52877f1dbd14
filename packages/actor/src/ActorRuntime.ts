/**
 * The environment of an actor program, as one service: the identity of the actor, and the means to start other actors.
 * `ActorRuntime.layer` makes the service from a transport, a discovery and a spawner, for which `NodeActor.layer` and
 * `MemoryActor.layer` supply defaults. Every actor provides the service `ActorRuntime` to its handlers.
 *
 * @since 0.1.0
 */
export type { OptionalLayer } from "./internal/contract/OptionalLayer.ts"
export { RuntimeLayerError } from "./internal/errors/RuntimeLayerError.ts"
export { layer } from "./internal/process/RootMain.ts"
export type { RootOptions } from "./internal/process/RootMain.ts"
export { ActorRuntime } from "./internal/settings/ActorRuntime.ts"
export type { ActorInfo } from "./internal/settings/ActorRuntime.ts"
