/**
 * The state that an actor has about itself, which is the private part of `ActorRuntime`. Each actor has one private
 * state, and a process may hold several of these states, because two runtimes can live in one process.
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
import type { Turn } from "../settings/Turn.ts"
import type { GroupGuard } from "../spawn/GroupGuard.ts"
import type { SpawnerDriver } from "../spawn/Spawner.ts"
import type { PlatformSpec } from "../spawn/SpawnSpec.ts"
import type { Shared } from "./Shared.ts"

/** A child of this actor, as the tree lists it. */
export interface ChildEntry {
  readonly actor: ActorId
  readonly ref: ActorRefData
  /** The moment at which the child's process was started, for an observer. */
  readonly since: number
  /** The connection to the child; `undefined` until the child is ready. */
  readonly connection: PeerChannel | undefined
  /** Waits for the connection to the child; `undefined` if the child has ended before it was ready. */
  readonly connected: Effect.Effect<PeerChannel | undefined>
  /** True once the child was asked to end, or has begun to end by itself. */
  readonly isEnding: boolean
  /**
   * Ends the child with the reason and the author that the argument `cancellation` holds, and waits until the child is
   * gone.
   */
  readonly end: (cancellation: Cancellation) => Effect.Effect<void>
  readonly wait: Effect.Effect<ActorExit>
  /** Waits for the end of the child, and handles the child's exit, so that a failed child does not fail its owner. */
  readonly monitor: Effect.Effect<ActorExit>
  /** The failures of the child's cleanup, if the owner of the child ended the child; known once the child is gone. */
  readonly raised: ReadonlyArray<Boxed>
  readonly snapshot: () => ChildSnapshot
}

/**
 * The end of an actor: the cancellation with its author and reason, and the deadline of the end in `monotonicMillis`.
 */
export interface Ending {
  readonly cancellation: Cancellation
  readonly until: number
}

/** The part of an actor's life that its children, connections and handlers have to know. */
export interface Life {
  /** Returns the end of the actor; `undefined` while the actor still serves calls. */
  readonly ending: () => Ending | undefined
  /** True once the actor was told from outside to end, and waits for its parent to end it. */
  readonly isLeaving: () => boolean
  /**
   * Ends the actor as if its main had returned. The function `exit` is absent in a root, which ends when its program
   * ends.
   */
  readonly exit?: ((reason: string) => void) | undefined
  /**
   * Ends the actor as if its main had failed. The function `fail` is absent in a root, which ends when its program
   * ends.
   */
  readonly fail?: ((error: unknown) => void) | undefined
  /** Makes the actor begin no further call. The function `drain` is absent in a root, which is never drained. */
  readonly drain?: (() => void) | undefined
  readonly isDraining?: (() => boolean) | undefined
}

/** The number of children whose exits an actor keeps after they are gone. */
const maxKeptEnds = 100

/** The life of a root, or of handlers that run in the root's process: only the main program can end such a life. */
const endless: Life = { ending: () => undefined, isLeaving: () => false }

/** The means by which an actor reaches other actors, and by which other actors reach this actor. */
export interface PeerNetwork {
  readonly platform: PlatformSpec
  readonly peers: Peers
  /** The roots of other trees whose addresses the program has told this actor, by their uuids. */
  readonly roots: Map<string, RootAddress>
  /**
   * Asks for the identity of the actor that listens at the given addresses; the first address that answers is asked.
   */
  readonly identify: (addresses: ReadonlyArray<string>) => Effect.Effect<ActorId, NotThere>
  readonly directory: Directory
  /** The client of the keeper in the root, which owns the shared actors of the tree. */
  readonly shared: Shared
  /** The endpoints of the runtime itself that parent and children may call. */
  readonly toRelatives: BoundHandlers
  readonly toPeers: BoundHandlers
  /** Removes the files that a dead actor below this actor has left behind. */
  readonly forget: (actor: ActorId) => void
  /**
   * Prepares this actor to report to the registrar that a child of this actor is gone. The function `prepareGone` is
   * called while the process of the child exits.
   */
  readonly prepareGone: () => void
}

/**
 * The functions with which a main program kills, stops or continues all processes of its tree at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Control {
  readonly killAll: () => void
  readonly stopAll: () => void
  readonly continueAll: () => void
  /**
   * Tells the root that its program is being ended: an actor that asks to leave is then ended by the Scope that owns
   * it.
   */
  readonly beginEnd: () => void
}

/** A name of an actor for which some work of this actor waits, and the time since when the work waits. */
interface Wanted {
  readonly name: string
  readonly since: number
}

const inspectWanted = ({ name, since }: Wanted, now: number): NameInspection => ({ name, ageMillis: ageOf(since, now) })

export class LocalActor {
  readonly info: ActorInfo
  /** The uuids of all actors on the path from the root to this actor; the last uuid is this actor's own. */
  readonly path: ReadonlyArray<string>
  readonly events: Events
  readonly turn: Turn
  readonly spawner: SpawnerDriver["Service"]
  /** The guard for programs that are no actors; `undefined` where the platform has none. */
  readonly guard: GroupGuard | undefined
  /** The connection to the parent; `undefined` in a root. */
  readonly parent: PeerChannel | undefined
  readonly env: DialogContext
  readonly children = new Set<ChildEntry>()
  /**
   * A map from the name of each role at this actor's supervisors to a function that waits for the role's actor. Each
   * function of the map `roles` waits on while the actor with the uuid `except` plays the role.
   */
  readonly roles = new Map<string, (except: string | undefined) => Effect.Effect<ActorRefData, ActorError>>()
  /** The supervisors that run in this actor, for snapshots and observers. */
  readonly supervisors = new Set<{ readonly snapshot: () => SupervisorSnapshot }>()
  /** The pools that are open in this actor, with their names, for an observer. */
  private readonly pools = new Map<() => PoolInspection, string>()
  /** The starts of children that have no process yet, for an observer. */
  readonly starting = new Set<Wanted>()
  readonly names = new Set<Wanted>()
  /** True while this actor runs a main; the main of a root is the main program. */
  hasMain = false
  /** The last exits of children by their uuids, for questions that come after a child is gone. */
  private readonly ends = new Map<string, { readonly actor: ActorId; readonly exit: ActorExit }>()
  /** The key of the Service that this actor runs; `undefined` for an actor without a Service. */
  service: string | undefined
  /** Bounds the number of children whose starts run at the same time. */
  readonly starts: Semaphore.Semaphore
  /**
   * The functions with which a main program kills, stops or continues all processes of its tree; `undefined` outside of
   * a root.
   */
  control: Omit<Control, "beginEnd"> & { readonly beginEnd?: (() => void) | undefined } | undefined
  /**
   * The addresses and connections through which this actor reaches other actors; `undefined` when a test runs handlers
   * in its own process.
   */
  reach: PeerNetwork | undefined
  private readonly life: Life
  /** True once the program of this root is being ended from outside. */
  isLeaving = false
  private readonly dispatchers = new Set<Dispatcher>()
  private built: BoundHandlers | undefined
  private early: Array<Map<string, Handler>> = []
  /** A cache of the results of the function `served`. The argument `besides` of `served` is the key. */
  private shared = new WeakMap<BoundHandlers, BoundHandlers>()
  private readonly drainListeners = new Set<() => void>()
  /** The reason why this actor can never start actors; `undefined` when it can start actors. */
  refused: string | undefined

  constructor(options: {
    readonly info: ActorInfo
    readonly events: Events
    readonly turn: Turn
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
    this.turn = options.turn
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

  /** Lets no further call of the parent or of a peer begin; resolves when the open calls have ended. */
  readonly drained: Effect.Effect<void> = Effect.suspend(() => {
    this.life.drain?.()
    for (const listener of this.drainListeners) listener()
    return Effect.forEach(this.serving, (dispatcher) => dispatcher.awaitQuiet, { discard: true })
  })

  /**
   * Calls `listener` when this actor is drained and begins no further call, so that work which would wait for ever can
   * end.
   */
  whenDrained(listener: () => void): void {
    this.drainListeners.add(listener)
  }

  /** The number of open calls of the parent and of peers. */
  get openCalls(): number {
    return this.serving.reduce((sum, { calls }) => sum + calls, 0)
  }

  /** Ends this actor with the exit `Returned`; `undefined` in a root, which ends with its main program. */
  get exit(): Life["exit"] {
    return this.life.exit
  }

  /** Ends this actor with the exit `Failed`; `undefined` in a root, which ends with its main program. */
  get fail(): Life["fail"] {
    return this.life.fail
  }

  /** True when this actor is ending or leaves, so that its Scopes end its children now or soon. */
  get isEnding(): boolean {
    return this.ending !== undefined || this.isLeaving || this.life.isLeaving()
  }

  /** The reason why this actor refuses to start actors now; `undefined` when this actor starts actors. */
  get refusal(): string | undefined {
    return this.ending === undefined ? this.refused : `this actor is ending: ${this.ending.cancellation.reason}`
  }

  /**
   * The handlers that every connection of this actor serves. The handlers of an actor are built before the actor is
   * ready.
   */
  get handlers(): BoundHandlers {
    return this.built ?? new Map()
  }

  set handlers(handlers: BoundHandlers) {
    this.built = handlers
    this.shared = new WeakMap()
    const { early } = this
    this.early = []
    for (const served of early) {
      for (const [name, handler] of handlers) if (!served.has(name)) served.set(name, handler)
    }
  }

  /**
   * Returns the handlers of one connection of this actor: the handlers that all connections have, and those in the
   * argument `besides`. A connection that is made while the actor's handlers are being built gets these handlers when
   * they are built.
   */
  served(besides: BoundHandlers): BoundHandlers {
    const known = this.built === undefined ? undefined : this.shared.get(besides)
    if (known !== undefined) return known
    const served = new Map([...this.handlers, ...besides])
    if (this.built === undefined) this.early.push(served)
    else this.shared.set(besides, served)
    return served
  }

  /** Serves the exposed endpoints over a connection to the parent or to a peer. */
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

  /** Shows a pool to observers, until the function that `addPool` returns is called. */
  addPool(name: string, inspect: () => PoolInspection): () => void {
    this.pools.set(inspect, name)
    const unmeter = this.events.meter.onPool?.(name, inspect)
    return () => {
      this.pools.delete(inspect)
      unmeter?.()
    }
  }

  /** The counts of this actor's children, dialogs and connections, from which metrics are made. */
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

  /** Notes that a child is gone, and keeps its exit for a while. */
  buried(child: ChildEntry, exit: ActorExit): void {
    this.children.delete(child)
    this.ends.set(child.actor.uuid, { actor: child.actor, exit })
    if (this.ends.size > maxKeptEnds) this.ends.delete(this.ends.keys().next().value!)
  }

  /** The exit of a child that is gone; `undefined` when the exit is not kept any more. */
  endOf(uuid: string): { readonly actor: ActorId; readonly exit: ActorExit } | undefined {
    return this.ends.get(uuid)
  }

  /** The dispatchers of all connections on which this actor serves. */
  get serving(): ReadonlyArray<Dispatcher> {
    return Array.from(this.dispatchers)
  }

  /** Inspects this actor in one turn of the event loop; the dialogs are left out, because there can be many. */
  inspect(observe: Observe, process: ProcessInspection | null): ActorInspection {
    const { children, ending, info, names, pools, service, starting, supervisors } = this
    const now = this.turn.now()
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
        ageMillis: ageOf(child.since, now)
      })),
      starting: Array.from(starting, (wanted) => inspectWanted(wanted, now)),
      names: Array.from(names, (wanted) => inspectWanted(wanted, now)),
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

  /** Returns the connections of this actor in the order in which an inspection lists them. */
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

/** An effect that gives the actor in which the current work runs. */
export const current: Effect.Effect<LocalActor, never, ActorRuntime> = Effect.map(
  ActorRuntime,
  (runtime) => runtime.inside as LocalActor
)

/**
 * Returns the functions with which a main program kills, stops or continues all processes of its tree; `undefined` when
 * the runtime is no root.
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
 * Gives the guard of this actor's process for programs that are no actors; `undefined` when the platform has none.
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
