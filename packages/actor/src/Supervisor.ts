/**
 * A supervisor starts Services again when they die. A supervisor is a Layer, and derives from `uses` which Services
 * restart together.
 *
 * @since 0.1.0
 */
export { restart, start, stop } from "./internal/api/ByHand.ts"
export {
  type Child,
  type ChildOptions,
  type Dynamic,
  dynamic,
  type DynamicChild,
  layer,
  type LayerOptions,
  of,
  type Policy,
  roll,
  rollAll,
  type RollOptions,
  type StandbyOptions,
  type Supervised
} from "./internal/api/Supervise.ts"
export { GaveUp } from "./internal/errors/GaveUp.ts"
export { RollFailed } from "./internal/errors/RollFailed.ts"
export type { ChildState } from "./internal/inspect/Snapshot.ts"
export type { AutoShutdown, Restart, Strategy } from "./internal/supervision/SupervisorPolicy.ts"
