/**
 * Finds actors by name. The functions of `Registry` ask the Discovery of the tree, whichever actor calls them, and
 * parents report their children to the Discovery.
 *
 * The default Discovery is the tree's own registrar (`layerTree`). A Discovery that a program supplies by a Layer uses
 * the tree's own registrar, which still decides about the names of its tree. A Discovery lives only in the root, and
 * actors ask the root for names.
 *
 * @since 0.1.0
 */
export type { Directory, RootAddress } from "./internal/discovery/Directory.ts"
export { Discovery, layerTree, makeRegistrar } from "./internal/discovery/Discovery.ts"
export type { DiscoveryTree } from "./internal/discovery/Discovery.ts"
export type { Change } from "./internal/discovery/Registrar.ts"
export type { TreeRegistrar } from "./internal/discovery/RegistrarService.ts"
export { layerShared } from "./internal/discovery/SharedDiscovery.ts"
export type { SharedOptions } from "./internal/discovery/SharedDiscovery.ts"
export { DiscoveryDriver, DiscoveryDriverError } from "./internal/leases/Driver.ts"
export type { Created, Held, Lease, Page, Token } from "./internal/leases/Driver.ts"
export { elect, Leadership } from "./internal/leases/Elect.ts"
export { layerLeases, Leases } from "./internal/leases/Leases.ts"
export type { LeasesOptions } from "./internal/leases/Leases.ts"
export { layer as layerDriverMemory, make as makeDriver } from "./internal/leases/MemoryDriver.ts"
export type { DriverOptions } from "./internal/leases/MemoryDriver.ts"
export { follow, publish } from "./internal/leases/Publish.ts"
export type { Published, PublishedChange } from "./internal/leases/Publish.ts"
export type { Entry, Listing } from "./internal/settings/ActorRef.ts"
