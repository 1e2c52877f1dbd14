/**
 * Defines types for the state of one actor, and the client with which an observer asks an actor for its state from
 * outside the tree.
 *
 * The platform opens the door for observers. `@furrow/devtools` is a tool for observers; programs read their own state
 * by `Actor.statistics`.
 *
 * @since 0.2.0
 */
export type {
  ActorInspection,
  ChannelInspection,
  ChildInspection,
  DialogInspection,
  DialogPlace,
  EventBatch,
  EventInspection,
  FiberInspection,
  FrameInspection,
  MetricInspection,
  NameInspection,
  Observe,
  PoolInspection,
  ProcessInspection,
  StackInspection,
  WaitInspection,
  Works
} from "./internal/inspect/Inspection.ts"
export { observe } from "./internal/local/Observing.ts"
export type { Observer } from "./internal/local/Observing.ts"
export type { Means, Observed, Offer } from "./internal/spawn/Observed.ts"
