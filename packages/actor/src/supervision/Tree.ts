/**
 * What one actor knows of itself: the inside of `ActorRuntime`. One value per actor, never per process: two runtimes
 * can live in one process.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type ActorInfo, ActorRuntime } from "../contract/ActorRuntime.ts"
import type { Handlers } from "../dialog/Callee.ts"
import type { Env } from "../dialog/Env.ts"
import type { ActorId } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { ActorSnapshot, ChildSnapshot } from "../inspect/Snapshot.ts"
import type { Spawner } from "../spawn/Spawner.ts"

/** A child as the tree lists it. */
export interface Listed {
  readonly actor: ActorId
  readonly snapshot: () => ChildSnapshot
}

/** The whole actor is being cancelled: by whom, why, and until when (Clock milliseconds). */
export interface Ending {
  readonly cancellation: Cancellation
  readonly until: number
}

export class Tree {
  readonly info: ActorInfo
  readonly events: Events
  readonly spawner: Spawner["Service"]
  /** The connection to our parent; none in a root. */
  readonly parent: PeerChannel | undefined
  readonly env: Env
  readonly children = new Set<Listed>()
  /** What we serve to whoever is connected, built before we are ready. */
  handlers: Handlers = new Map()
  ending: Ending | undefined
  /** Why starting actors is refused now, if it is. */
  refusal: string | undefined

  constructor(options: {
    readonly info: ActorInfo
    readonly events: Events
    readonly spawner: Spawner["Service"]
    readonly parent: PeerChannel | undefined
    readonly level: Env["level"]
  }) {
    this.info = options.info
    this.events = options.events
    this.spawner = options.spawner
    this.parent = options.parent
    this.env = {
      self: options.info.id,
      events: options.events,
      level: options.level,
      cancellation: () => this.ending?.cancellation
    }
  }

  snapshot(): ActorSnapshot {
    return {
      actor: this.info.id,
      ancestors: this.info.ancestors,
      exposed: Array.from(this.handlers.keys()),
      children: Array.from(this.children, (child) => child.snapshot())
    }
  }
}

/** The tree of the actor we run in. */
export const current: Effect.Effect<Tree, never, ActorRuntime> = Effect.map(
  ActorRuntime,
  (runtime) => runtime.inside as Tree
)
