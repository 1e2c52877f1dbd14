/**
 * Defines the events of a tree of actors as values, and the snapshots of the tree's actors. `Actor.events` is the
 * stream of the events; `Actor.statistics` and `portal.statistics` take the snapshots.
 *
 * @since 0.1.0
 */
export type { ActorEvent } from "./internal/inspect/ActorEvent.ts"
export type {
  ActorSnapshot,
  ChannelSnapshot,
  ChildSnapshot,
  NurserySnapshot,
  PeerSnapshot,
  PortalSnapshot,
  Refusals
} from "./internal/inspect/Snapshot.ts"
