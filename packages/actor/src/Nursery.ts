/**
 * A nursery is a region that owns the actors started in it. One failure ends all actors of the region, and the region
 * ends only after every process is reaped. `Actor.nursery` opens a nursery; `Actor.start` and `Actor.forkInActor` need
 * a nursery in their context.
 *
 * @since 0.1.0
 */
export type { NurserySnapshot } from "./internal/inspect/Snapshot.ts"
export { exits, Nursery } from "./internal/supervision/Nursery.ts"
export type { Ended, Raised, Raises } from "./internal/supervision/Nursery.ts"
