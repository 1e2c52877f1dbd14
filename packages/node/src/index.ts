/**
 * The public API of `@furrow/node`: actors as processes of Node.
 *
 * @since 0.1.0
 */
export * as NodeActor from "./NodeActor.ts"
export * as NodeCredentials from "./NodeCredentials.ts"
export * as NodeDiscovery from "./NodeDiscovery.ts"
export * as NodeSpawner from "./NodeSpawner.ts"
export * as NodeTransport from "./NodeTransport.ts"
export * as Program from "./Program.ts"
export * as SocketConnection from "./SocketConnection.ts"
