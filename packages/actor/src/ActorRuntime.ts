/**
 * The surroundings of an actor program, as one service: its identity and its way to start other actors. `layer` makes
 * it of a transport, a discovery and a spawner; `NodeActor.layer` and `MemoryActor.layer` are the same over defaults.
 * An actor provides it to its handlers.
 *
 * @since 0.1.0
 */
export type { OptionalLayer } from "./internal/contract/OptionalLayer.ts"
export { RuntimeLayerError } from "./internal/errors/RuntimeLayerError.ts"
export { layer } from "./internal/process/RootMain.ts"
export type { RootOptions } from "./internal/process/RootMain.ts"
export { ActorRuntime } from "./internal/settings/ActorRuntime.ts"
export type { ActorInfo } from "./internal/settings/ActorRuntime.ts"
