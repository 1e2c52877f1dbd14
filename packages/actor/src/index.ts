/**
 * The public API, one module a concept, in the order in which a program meets them.
 *
 * @since 0.1.0
 */
export * as Actor from "./Actor.ts"
export * as ActorError from "./ActorError.ts"
export * as ActorEvent from "./ActorEvent.ts"
export * as ActorRef from "./ActorRef.ts"
export * as ActorRuntime from "./ActorRuntime.ts"
export * as Dialog from "./Dialog.ts"
export * as Endpoint from "./Endpoint.ts"
export * as MemoryActor from "./MemoryActor.ts"
export * as Nursery from "./Nursery.ts"
export * as Portal from "./Portal.ts"
export * as Registry from "./Registry.ts"
export * as Service from "./Service.ts"
export * as Spawner from "./Spawner.ts"
export * as Timeouts from "./Timeouts.ts"
export * as Transport from "./Transport.ts"
