/**
 * Defines the events of a tree of actors, as plain values. The runtime publishes the events of actors, and observers
 * only read them.
 *
 * The runtime always publishes events, because publishing without a subscriber costs one comparison.
 *
 * @since 0.1.0
 */
import type { Boxed } from "@furrow/protocol/Failure"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { GaveUp } from "../errors/GaveUp.ts"
import { Meter } from "./Meter.ts"
import type { Refusals } from "./Snapshot.ts"

/**
 * One event of an actor or of its children, as `Actor.events` delivers it.
 *
 * @category models
 * @since 0.1.0
 */
export type ActorEvent =
  | { readonly _tag: "ActorSpawning"; readonly name: string }
  | { readonly _tag: "ActorReady"; readonly actor: ActorId; readonly millis: number }
  | { readonly _tag: "ActorSpawnFailed"; readonly name: string; readonly error: ActorError }
  | { readonly _tag: "ActorEnding"; readonly actor: ActorId; readonly rung: string }
  | { readonly _tag: "ActorEnded"; readonly actor: ActorId; readonly exit: ActorExit }
  | { readonly _tag: "ActorLost"; readonly actor: ActorId; readonly error: ActorError }
  /** A finalizer of an ending actor failed, or did not end within its bound. */
  | { readonly _tag: "ActorCleanupFailed"; readonly actor: ActorId; readonly failure: Boxed }
  /** A fiber in the Scope of the actor, or of one of its children, has failed in the background. */
  | { readonly _tag: "BackgroundFailed"; readonly actor: ActorId; readonly failure: Boxed }
  | { readonly _tag: "CancelUnacknowledged"; readonly actor: ActorId; readonly endpoint: string }
  /**
   * Payloads of `actor` on a stream of `endpoint` did not match their schema. The field `count` is the number of
   * payloads of this stream so far with the same decision; the event comes when `count` reaches 1, 2, 4, 8 and so on.
   */
  | {
    readonly _tag: "PayloadRefused"
    readonly actor: ActorId
    readonly endpoint: string
    readonly fate: keyof Refusals
    readonly count: number
  }
  | { readonly _tag: "FailureSuppressed"; readonly actor: ActorId; readonly text: string }
  /** This actor now has a connection to an actor that is neither its parent nor its child. */
  | { readonly _tag: "PeerConnected"; readonly actor: ActorId }
  | { readonly _tag: "PeerLost"; readonly actor: ActorId; readonly error: ActorError }
  /**
   * The connection to a peer was closed, because neither side used it. The next call to the peer of a closed connection
   * dials a new connection.
   */
  | { readonly _tag: "PeerIdle"; readonly actor: ActorId }
  /** This actor refused an actor that had dialled it. */
  | { readonly _tag: "StrangerRefused"; readonly reason: string }
  /** The registry listed an actor that was gone. */
  | { readonly _tag: "RegistryStale"; readonly actor: ActorId }
  /** A transport or the runtime itself threw an error in the handling of a connection, so the connection was cut. */
  | { readonly _tag: "ConnectionFailed"; readonly actor: ActorId; readonly text: string }
  /**
   * A child of a supervisor in this actor has died. The supervisor starts the child again, together with the children
   * that its strategy names.
   */
  | {
    readonly _tag: "ActorRestarting"
    readonly child: string
    readonly exit: ActorExit
    readonly affected: ReadonlyArray<string>
    /** The number of deaths within the time of the supervisor's intensity, including the death of this event. */
    readonly deaths: number
  }
  /** A child of a supervisor is up again; `incarnation` is the number of its new actor. */
  | { readonly _tag: "ActorRestarted"; readonly child: string; readonly incarnation: number }
  /** A child of a supervisor has a new actor: its standby, or the new actor of a roll, has taken over. */
  | {
    readonly _tag: "ActorReplaced"
    readonly child: string
    readonly incarnation: number
    readonly by: "standby" | "roll"
  }
  /**
   * An actor that a roll has replaced is stopped. The field `open` is the number of the replaced actor's calls that
   * were still open when the roll's time `drain` had passed.
   */
  | {
    readonly _tag: "ActorDrained"
    readonly child: string
    readonly incarnation: number
    readonly open: number | null
  }
  | { readonly _tag: "StandbyReady"; readonly child: string; readonly incarnation: number }
  /**
   * A standby died, did not start, or ended because the effect of its `warm` failed. The supervisor starts another
   * standby after a delay.
   */
  | { readonly _tag: "StandbyEnded"; readonly child: string; readonly exit: ActorExit }
  /** A supervisor in this actor has seen more deaths than it allows, and stops its children. */
  | { readonly _tag: "SupervisorGaveUp"; readonly error: GaveUp }
  | { readonly _tag: "Violation"; readonly actor: ActorId; readonly text: string }

/**
 * A traffic event: a step of one dialog or one stream. Traffic events are frequent, so they are made only while an
 * observer watches.
 *
 * @category models
 * @since 0.2.0
 */
export type TrafficEvent =
  | {
    readonly _tag: "DialogOpened"
    readonly side: "caller" | "callee"
    readonly peer: ActorId
    readonly id: number
    readonly endpoint: string
  }
  | {
    readonly _tag: "DialogEnded"
    readonly side: "caller" | "callee"
    readonly peer: ActorId
    readonly id: number
    readonly endpoint: string
    readonly end: string
    readonly millis: number
  }
  /** A writer of the dialog has begun to wait for credit. */
  | { readonly _tag: "CreditStalled"; readonly peer: ActorId; readonly id: number }

export interface Events {
  readonly meter: Meter
  readonly publish: (event: ActorEvent) => void
  /** True while an observer watches the traffic, because traffic events are made only for an observer. */
  readonly isWatched: boolean
  readonly tell: (event: TrafficEvent) => void
  /** Calls `listener` for every step of a dialog until the returned function is called. */
  readonly watch: (listener: (event: TrafficEvent) => void) => () => void
  /** Calls `listener` for every event until the returned function is called. */
  readonly subscribe: (listener: (event: ActorEvent) => void) => () => void
}

const told = <A>(listeners: ReadonlySet<(event: A) => void>, event: A): void => {
  for (const listener of listeners) {
    try {
      listener(event)
    } catch {
      // The error of an observer is dropped, because an observer that throws must not disturb other observers.
    }
  }
}

export const makeEvents = (): Events => {
  const listeners = new Set<(event: ActorEvent) => void>()
  const watchers = new Set<(event: TrafficEvent) => void>()
  const meter = new Meter()
  return {
    meter,
    publish: (event) => {
      meter.saw(event)
      if (listeners.size > 0) told(listeners, event)
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    get isWatched() {
      return watchers.size > 0
    },
    tell: (event) => told(watchers, event),
    watch: (listener) => {
      watchers.add(listener)
      return () => void watchers.delete(listener)
    }
  }
}
