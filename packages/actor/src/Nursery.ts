/**
 * A region that owns the actors started in it. One failure ends all of them, and nothing leaves the region before every
 * process is reaped. `Actor.nursery` opens one; `Actor.start` and `Actor.forkInActor` need it in their context.
 *
 * @since 0.1.0
 */
export type { NurserySnapshot } from "./internal/inspect/Snapshot.ts"
export { exits, Nursery } from "./internal/supervision/Nursery.ts"
export type { Ended, Raised, Raises } from "./internal/supervision/Nursery.ts"
