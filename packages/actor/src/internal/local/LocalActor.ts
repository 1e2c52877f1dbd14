/**
 * An actor's knowledge of itself: the inside of `ActorRuntime`. One value per actor, never per process: two runtimes
 * can live in one process.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { DialogContext } from "../dialog/DialogContext.ts"
import { type BoundHandlers, Dispatcher, type Handler } from "../dialog/Dispatcher.ts"
import type { Directory, RootAddress } from "../discovery/Directory.ts"
import type { NotThere, Peers } from "../discovery/Peers.ts"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import {
  type ActorInspection,
  ageOf,
  type ChannelInspection,
  type NameInspection,
  type Observe,
  type PoolInspection,
  type ProcessInspection
} from "../inspect/Inspection.ts"
import type { Metered } from "../inspect/Metered.ts"
import type { Recorder } from "../inspect/Recorder.ts"
import type { ActorSnapshot, ChildSnapshot, SupervisorSnapshot } from "../inspect/Snapshot.ts"
import type { ActorRefData } from "../settings/ActorRef.ts"
import { type ActorInfo, ActorRuntime } from "../settings/ActorRuntime.ts"
import type { GroupGuard } from "../spawn/GroupGuard.ts"
import type { SpawnerDriver } from "../spawn/Spawner.ts"
import type { PlatformSpec } from "../spawn/SpawnSpec.ts"
import type { Shared } from "./Shared.ts"

/** A child as the tree lists it. */
export interface ChildEntry {
  readonly actor: ActorId
  readonly ref: ActorRefData
  /** When its process was started, for an observer. */
  readonly since: number
  /** The connection to it, once it is ready. */
  readonly connection: PeerChannel | undefined
  /** Waits for that; nothing where it has ended before. */
  readonly connected: Effect.Effect<PeerChannel | undefined>
  /** The actor has been asked to end, or is ending by itself. */
  readonly isEnding: boolean
  /** Ends the actor in the name of a cancellation, and waits until it is gone. */
  readonly end: (cancellation: Cancellation) => Effect.Effect<void>
  readonly wait: Effect.Effect<ActorExit>
  /** Waits for the end as `wait` does, and handles it: the end is no failure. */
  readonly monitor: Effect.Effect<ActorExit>
  /** The failures of its cleanup after we had ended it; known once it is gone. */
  readonly raised: ReadonlyArray<Boxed>
  readonly snapshot: () => ChildSnapshot
}

/** The whole actor is being cancelled: by whom, why, and until when (`monotonicMillis`). */
export interface Ending {
  readonly cancellation: Cancellation
  readonly until: number
}

/** The life of an actor, as what it owns needs to know it. */
export interface Life {
  /** The actor is past serving. */
  readonly ending: () => Ending | undefined
  /** The actor was told from outside to end, and its parent is to end it. */
  readonly isLeaving: () => boolean
  /** Ends the actor as if its main had returned. Absent in a root, which ends as its program does. */
  readonly exit?: ((reason: string) => void) | undefined
  /** Ends the actor as if its main had failed. Absent in a root, as `exit`. */
  readonly fail?: ((error: unknown) => void) | undefined
  /** From here on no call begins. Absent in a root, which is never drained. */
  readonly drain?: (() => void) | undefined
  readonly isDraining?: (() => boolean) | undefined
}

/** Children whose ends an actor knows when they are gone. */
const maxKeptEnds = 100

/** Nothing of the runtime ends a root, or handlers in a process of a program, but that program. */
const endless: Life = { ending: () => undefined, isLeaving: () => false }

/** How this actor reaches others, and is reached. */
export interface PeerNetwork {
  readonly platform: PlatformSpec
  readonly peers: Peers
  /** The roots of other trees whose addresses the program has said here, by their uuids. */
  readonly roots: Map<string, RootAddress>
  /** The actor that listens at the first of these addresses that answers. */
  readonly identify: (addresses: ReadonlyArray<string>) => Effect.Effect<ActorId, NotThere>
  readonly directory: Directory
  /** The keeper of the actors that many share. */
  readonly shared: Shared
  /** Endpoints of the runtime itself: to our parent and children, and to peers. */
  readonly toRelatives: BoundHandlers
  readonly toPeers: BoundHandlers
  /** An actor below us is gone: removes what it left. */
  readonly forget: (actor: ActorId) => void
}

/**
 * The power of a main program over all processes of a tree at once: to kill, stop or continue them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Control {
  readonly killAll: () => void
  readonly stopAll: () => void
  readonly continueAll: () => void
  /** The program is being ended: an actor that asks to leave is left to the scope that owns it. */
  readonly beginEnd: () => void
}

/** Something that is waited for by its name, and since when. */
interface Wanted {
  readonly name: string
  readonly since: number
}

const inspectWanted = ({ name, since }: Wanted): NameInspection => ({ name, ageMillis: ageOf(since) })

export class LocalActor {
  readonly info: ActorInfo
  /** The uuids from the root down to us. */
  readonly path: ReadonlyArray<string>
  readonly events: Events
  readonly spawner: SpawnerDriver["Service"]
  /** The guard for programs that are no actors, if the platform has one. */
  readonly guard: GroupGuard | undefined
  /** The connection to our parent; none in a root. */
  readonly parent: PeerChannel | undefined
  readonly env: DialogContext
  readonly children = new Set<ChildEntry>()
  /** The roles of our supervised children by their names, and the wait for another player than the one excepted. */
  readonly roles = new Map<string, (except: string | undefined) => Effect.Effect<ActorRefData, ActorError>>()
  /** The supervisors that run here, for those who look. */
  readonly supervisors = new Set<{ readonly snapshot: () => SupervisorSnapshot }>()
  /** The pools that are open here, for an observer. */
  private readonly pools = new Map<() => PoolInspection, string>()
  /** The starts that have no process yet, and the names that the registry is asked for, for an observer. */
  readonly starting = new Set<Wanted>()
  readonly names = new Set<Wanted>()
  /** Its main runs; a root's is its program. */
  hasMain = false
  /** The last ends of children, by their uuids: for questions that come a moment later. */
  private readonly ends = new Map<string, { readonly actor: ActorId; readonly exit: ActorExit }>()
  /** The key of the Service we are, if we are one. */
  service: string | undefined
  /** The starts that may run at the same time. */
  readonly starts: Semaphore.Semaphore
  /** Means of a main program against the whole tree, without asking it; in a root alone. */
  control: Omit<Control, "beginEnd"> & { readonly beginEnd?: (() => void) | undefined } | undefined
  /** None for handlers that run in another actor's process. */
  reach: PeerNetwork | undefined
  private readonly life: Life
  /** The program of this root is being ended from outside. */
  isLeaving = false
  private readonly dispatchers = new Set<Dispatcher>()
  private built: BoundHandlers | undefined
  private early: Array<Map<string, Handler>> = []
  private readonly drainListeners = new Set<() => void>()
  /** Why starting actors is refused here at any time, if it is. */
  refused: string | undefined

  constructor(options: {
    readonly info: ActorInfo
    readonly events: Events
    readonly spawner: SpawnerDriver["Service"]
    readonly guard?: GroupGuard | undefined
    readonly parent: PeerChannel | undefined
    readonly level: DialogContext["level"]
    readonly life?: Life | undefined
    readonly recorder?: Recorder | undefined
  }) {
    this.info = options.info
    this.path = [...options.info.ancestors.map(({ uuid }) => uuid), options.info.id.uuid]
    this.events = options.events
    this.spawner = options.spawner
    this.guard = options.guard
    this.starts = Semaphore.makeUnsafe(options.spawner.atOnce ?? Number.MAX_SAFE_INTEGER)
    this.parent = options.parent
    this.life = options.life ?? endless
    this.env = {
      self: options.info.id,
      events: options.events,
      level: options.level,
      cancellation: () => this.ending?.cancellation,
      recorder: options.recorder
    }
  }

  get ending(): Ending | undefined {
    return this.life.ending()
  }

  /** No call of our parent or of a peer begins any more; it ends when those that are open have ended. */
  readonly drained: Effect.Effect<void> = Effect.suspend(() => {
    this.life.drain?.()
    for (const listener of this.drainListeners) listener()
    return Effect.forEach(this.serving, (dispatcher) => dispatcher.awaitQuiet, { discard: true })
  })

  /** Calls back when no call begins any more: what would be open for ever may end then. */
  whenDrained(listener: () => void): void {
    this.drainListeners.add(listener)
  }

  /** Calls of our parent and of peers that are open. */
  get openCalls(): number {
    return this.serving.reduce((sum, { calls }) => sum + calls, 0)
  }

  /** Ends this actor in its own name, if anything in it can. */
  get exit(): Life["exit"] {
    return this.life.exit
  }

  /** Ends this actor as failed, if anything in it can. */
  get fail(): Life["fail"] {
    return this.life.fail
  }

  /** True when the scopes of the actor end its children, now or soon. */
  get isEnding(): boolean {
    return this.ending !== undefined || this.isLeaving || this.life.isLeaving()
  }

  /** Why starting actors is refused now, if it is. */
  get refusal(): string | undefined {
    return this.ending === undefined ? this.refused : `this actor is ending: ${this.ending.cancellation.reason}`
  }

  /** The handlers for every connection, built before we are ready. */
  get handlers(): BoundHandlers {
    return this.built ?? new Map()
  }

  set handlers(handlers: BoundHandlers) {
    this.built = handlers
    const { early } = this
    this.early = []
    for (const served of early) {
      for (const [name, handler] of handlers) if (!served.has(name)) served.set(name, handler)
    }
  }

  /**
   * The handlers of one connection: a connection that our layers have made while they were built serves the rest later.
   */
  served(besides: BoundHandlers): BoundHandlers {
    const served = new Map([...this.handlers, ...besides])
    if (this.built === undefined) this.early.push(served)
    return served
  }

  /** Serves what we expose over a connection: to our parent, to a peer. */
  serve(
    channel: PeerChannel,
    besides: BoundHandlers
  ): { readonly dispatcher: Dispatcher; readonly release: () => void } {
    const env = { ...this.env, isDraining: this.life.isDraining }
    const dispatcher = new Dispatcher(channel, env, this.served(besides))
    this.dispatchers.add(dispatcher)
    if (this.ending !== undefined) dispatcher.cancelAll(this.ending.cancellation)
    return { dispatcher, release: () => void this.dispatchers.delete(dispatcher) }
  }

  /** Shows a pool to observers, until the result is called. */
  addPool(name: string, inspect: () => PoolInspection): () => void {
    this.pools.set(inspect, name)
    const unmeter = this.events.meter.onPool?.(name, inspect)
    return () => {
      this.pools.delete(inspect)
      unmeter?.()
    }
  }

  /** Its numbers, for metrics. */
  get metered(): Metered {
    const { children, events: { meter }, info: { id }, pools } = this
    return { actor: id, meter, children: () => children.size, pools }
  }

  child(uuid: string | undefined): ChildEntry | undefined {
    for (const child of this.children) {
      if (child.actor.uuid === uuid) return child
    }
    return undefined
  }

  /** A child is gone, and how it ended is kept for a while. */
  buried(child: ChildEntry, exit: ActorExit): void {
    this.children.delete(child)
    this.ends.set(child.actor.uuid, { actor: child.actor, exit })
    if (this.ends.size > maxKeptEnds) this.ends.delete(this.ends.keys().next().value!)
  }

  /** The end of a child that is gone, if it is still known. */
  endOf(uuid: string): { readonly actor: ActorId; readonly exit: ActorExit } | undefined {
    return this.ends.get(uuid)
  }

  /** Every connection over which we serve. */
  get serving(): ReadonlyArray<Dispatcher> {
    return Array.from(this.dispatchers)
  }

  /** All that there is to see here but the dialogs, in one step. */
  inspect(observe: Observe, process: ProcessInspection | null): ActorInspection {
    const { children, ending, info, names, pools, service, starting, supervisors } = this
    return {
      actor: info.id,
      ancestors: info.ancestors,
      service: service ?? null,
      observe,
      ending: ending !== undefined,
      hasMain: info.isRoot || this.hasMain,
      channels: this.relations.map(([to, channel]) => channel.inspect(to)),
      children: Array.from(children, (child) => ({
        actor: child.actor,
        state: child.connection === undefined && !child.isEnding ? "Starting" : child.snapshot().state,
        ageMillis: ageOf(child.since)
      })),
      starting: Array.from(starting, inspectWanted),
      names: Array.from(names, inspectWanted),
      pools: Array.from(pools.keys(), (inspect) => inspect()),
      supervisors: Array.from(supervisors, (supervisor) => supervisor.snapshot()),
      process
    }
  }

  private get relations(): ReadonlyArray<readonly [to: ChannelInspection["to"], channel: PeerChannel]> {
    const { children, parent, reach } = this
    const near = Array.from(children).flatMap(({ connection }) => connection ?? [])
    return [
      ...parent === undefined ? [] : [["parent", parent] as const],
      ...near.map((channel) => ["child", channel] as const),
      ...(reach?.peers.open ?? []).map((channel) => ["peer", channel] as const)
    ]
  }

  /** Every connection of this actor, in the order of its inspection. */
  get channels(): ReadonlyArray<PeerChannel> {
    return this.relations.map(([, channel]) => channel)
  }

  snapshot(): ActorSnapshot {
    return {
      actor: this.info.id,
      ancestors: this.info.ancestors,
      exposed: Array.from(this.handlers.keys()),
      children: Array.from(this.children, (child) => child.snapshot()),
      peers: this.reach?.peers.snapshot() ?? [],
      supervisors: Array.from(this.supervisors, (supervisor) => supervisor.snapshot())
    }
  }
}

/** The tree of the actor we run in. */
export const current: Effect.Effect<LocalActor, never, ActorRuntime> = Effect.map(
  ActorRuntime,
  (runtime) => runtime.inside as LocalActor
)

/**
 * Gives what may be done to the tree of this runtime without asking it; `undefined` where it is no root.
 *
 * @example
 * ```ts
 * const control = ActorProcess.controlOf(yield* ActorRuntime.ActorRuntime)
 * control?.continueAll()
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const controlOf = (runtime: ActorRuntime["Service"]): Control | undefined => {
  const local = runtime.inside as LocalActor
  if (local.control === undefined) return undefined
  const beginEnd = () => {
    local.isLeaving = true
    local.control?.beginEnd?.()
  }
  return { ...local.control, beginEnd }
}

/**
 * Gives the guard of this actor's process for programs that are no actors; `undefined` where the platform has none.
 *
 * @example
 * ```ts
 * ActorProcess.guardOf(yield* ActorRuntime.ActorRuntime) // undefined
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const guardOf = (runtime: ActorRuntime["Service"]): GroupGuard | undefined =>
  (runtime.inside as LocalActor).guard
