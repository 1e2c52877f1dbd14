/**
 * The public API, one module for each concept, in the order in which a program meets the concepts.
 *
 * @since 0.1.0
 */

// ---- every program
export * as Actor from "./Actor.ts"
export * as Endpoint from "./Endpoint.ts"

// ---- modules to own actors, and to talk to them
export * as Dialog from "./Dialog.ts"
export * as Nursery from "./Nursery.ts"
export * as PayloadReceiver from "./PayloadReceiver.ts"
export * as Pool from "./Pool.ts"
export * as Portal from "./Portal.ts"
export * as Service from "./Service.ts"
export * as Supervisor from "./Supervisor.ts"
export * as Topic from "./Topic.ts"

// ---- modules for failures, bounds, events and statistics
export * as ActorError from "./ActorError.ts"
export * as ActorEvent from "./ActorEvent.ts"
export * as Timeouts from "./Timeouts.ts"

// ---- finding actors
export * as ActorRef from "./ActorRef.ts"
export * as Registry from "./Registry.ts"

// ---- modules for the platform of a tree
export * as ActorRuntime from "./ActorRuntime.ts"
export * as Ambient from "./Ambient.ts"
export * as Credentials from "./Credentials.ts"
export * as Discovery from "./Discovery.ts"
export * as MemoryActor from "./MemoryActor.ts"
export * as Spawner from "./Spawner.ts"
export * as Telemetry from "./Telemetry.ts"
export * as Transport from "./Transport.ts"
