/**
 * The public API on one page.
 *
 * @since 0.1.0
 */
export * as Actor from "./actor/Actor.ts"
export * as MemoryActor from "./actor/MemoryActor.ts"
export * as Registry from "./actor/Registry.ts"
