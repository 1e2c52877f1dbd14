/**
 * Defines the snapshots of the runtime: plain data of one moment, cheap enough to take at any time.
 *
 * @since 0.1.0
 */
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The numbers of payloads of streams that did not match their schema, one number for each decision. If the items of a
 * chunk cannot be decoded one by one, all items of the chunk count as refused.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusals {
  readonly failed: number
  readonly dropped: number
  readonly repaired: number
  readonly answered: number
  readonly cancelled: number
}

export const noRefusals: Refusals = { failed: 0, dropped: 0, repaired: 0, answered: 0, cancelled: 0 }

/**
 * A snapshot of one connection: frames and bytes since it opened, and the number of its open dialogs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelSnapshot {
  readonly peer: ActorId | undefined
  readonly state: string
  readonly dialogs: number
  readonly sent: { readonly frames: number; readonly bytes: number }
  readonly received: { readonly frames: number; readonly bytes: number }
  /** True while the connection is full, so that senders wait. */
  readonly full: boolean
  /** The number of dialogs that this side cancelled and that did not end within the bound of their cancel. */
  readonly stuck: number
  /**
   * The numbers of payloads of streams on this connection that did not match their schema, one number for each
   * decision.
   */
  readonly refusals: Refusals
}

/**
 * A snapshot of one portal: the actor behind it, the endpoints that the actor exposes, and the connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface PortalSnapshot {
  readonly actor: ActorId
  readonly exposed: ReadonlyArray<string>
  readonly channel: ChannelSnapshot
}

/**
 * A snapshot of one child of an actor, and its state.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildSnapshot {
  readonly actor: ActorId
  readonly state: string
  /** The connection to the child; `undefined` before the child is ready. */
  readonly channel: ChannelSnapshot | undefined
}

/**
 * The connection of this actor to a peer, which is neither its parent nor its child.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerSnapshot {
  readonly actor: ActorId
  readonly channel: ChannelSnapshot
}

/**
 * A snapshot of one actor: the endpoints that it serves, its children, and its connections to other actors.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorSnapshot {
  readonly actor: ActorId
  readonly ancestors: ReadonlyArray<ActorId>
  readonly exposed: ReadonlyArray<string>
  readonly children: ReadonlyArray<ChildSnapshot>
  readonly peers: ReadonlyArray<PeerSnapshot>
  readonly supervisors: ReadonlyArray<SupervisorSnapshot>
}

/**
 * The state of a supervised child: it waits for its first start (`Down`) or for another start (`Restarting`), is
 * starting, is up, is being stopped, was stopped by hand, or has ended for good.
 *
 * @category models
 * @since 0.1.0
 */
export type ChildState = "Down" | "Starting" | "Up" | "Stopping" | "Restarting" | "Stopped" | "Ended"

/**
 * A snapshot of one supervisor: its state, the number of deaths within the time of its intensity, and its children in
 * the order of their start.
 *
 * @category models
 * @since 0.1.0
 */
export interface SupervisorSnapshot {
  readonly state: string
  readonly strategy: string
  readonly deaths: number
  /** The number of rolling restarts of this supervisor that are under way. */
  readonly rolls: number
  readonly children: ReadonlyArray<{
    readonly child: string
    readonly state: ChildState
    /** The number of the start whose actor plays the child's role, or is about to play it. */
    readonly incarnation: number
    readonly restart: "permanent" | "transient" | "temporary"
    /**
     * The actor that plays the child's role now; null if the child has no actor, because the child is down or is a
     * Layer.
     */
    readonly actor: ActorId | null
    /** The state of the child's standby, or of the actor that a roll has started; null when the child has neither. */
    readonly behind: string | null
    /** The number of replaced actors whose calls are still open. */
    readonly draining: number
  }>
}

/**
 * A snapshot of one nursery: its state, its children, and the number of jobs that still run.
 *
 * @category models
 * @since 0.1.0
 */
export interface NurserySnapshot {
  readonly state: "open" | "closing" | "done"
  readonly children: ReadonlyArray<ChildSnapshot>
  readonly jobs: number
}
