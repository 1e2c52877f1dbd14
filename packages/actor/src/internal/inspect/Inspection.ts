/**
 * Describes the state of one actor as plain data, for an observer: which work waits for which other work, and how much
 * credit is left.
 *
 * The state for an observer consists of names, counts and ages. The state for an observer never contains a payload, a
 * local variable or the text of a message.
 *
 * @since 0.2.0
 */
import type * as Fiber from "effect/Fiber"
import type { ActorId } from "../errors/ActorError.ts"
import type { SupervisorSnapshot } from "./Snapshot.ts"

/**
 * The depth to which observers may look into a tree: not at all, by names and counts, or with values and code. Only the
 * depth `debug` allows a profile of the processor time and a snapshot of the heap.
 *
 * @category models
 * @since 0.2.0
 */
export type Observe = "off" | "look" | "debug"

/**
 * Identifies a dialog that this actor serves by the actor that opened the dialog, and the dialog's number on their
 * connection.
 *
 * @category models
 * @since 0.2.0
 */
export interface DialogPlace {
  /** The uuid of the actor that opened the dialog. */
  readonly peer: string
  readonly id: number
}

/**
 * The state of one open dialog at one of its two sides. Both sides of a connection know the dialog by the same `id`.
 *
 * @category models
 * @since 0.2.0
 */
export interface DialogInspection {
  readonly side: "caller" | "callee"
  readonly id: number
  readonly endpoint: string
  readonly kind: "call" | "stream" | "dialog"
  /** The name of the state in which the dialog's machine is. */
  readonly state: string
  readonly ageMillis: number
  /** The served dialog whose work has opened this dialog; null for the actor's own work, and on the callee's side. */
  readonly within: DialogPlace | null
  /** The number of the fiber that opened the dialog, or that answers the dialog. */
  readonly fiber: number | null
  /** The number of items that have arrived and are not read, and whether a reader waits for more items. */
  readonly in: { readonly items: number; readonly waiting: boolean } | null
  /** The credit that is left for sending, and whether a writer waits for more credit. */
  readonly out: { readonly items: number; readonly bytes: number; readonly waiting: boolean } | null
}

/**
 * The state of one connection with its open dialogs, for an observer.
 *
 * @category models
 * @since 0.2.0
 */
export interface ChannelInspection {
  readonly to: "parent" | "child" | "peer"
  readonly peer: ActorId | null
  readonly state: string
  /** True while the connection is full, so that senders wait. */
  readonly full: boolean
  /** The number of dialogs that were cancelled and have not ended within the bound of their cancel. */
  readonly stuck: number
  /** The number of answers to the peer that the peer has not read. */
  readonly unread: number
  readonly dialogs: ReadonlyArray<DialogInspection>
  /** The number of the connection's dialogs that are not listed, because the connection has too many dialogs. */
  readonly omitted: number
}

/**
 * The state of one child, with the rung of the shutdown ladder if its owner is ending the child. A child that is
 * `Starting` is not ready yet.
 *
 * @category models
 * @since 0.2.0
 */
export interface ChildInspection {
  readonly actor: ActorId
  readonly state: string
  readonly ageMillis: number
}

/**
 * A name for which work waits: the name of a start that waits for its turn, or of an actor that the registry does not
 * list yet.
 *
 * @category models
 * @since 0.2.0
 */
export interface NameInspection {
  readonly name: string
  readonly ageMillis: number
}

/**
 * A pool: the states of its workers, and the numbers of tasks that wait and run.
 *
 * @category models
 * @since 0.2.0
 */
export interface PoolInspection {
  readonly name: string
  readonly workers: ReadonlyArray<{ readonly actor: ActorId | null; readonly state: string }>
  readonly waiting: number
  readonly running: number
}

/**
 * The place in a source file at which a stack frame stands, as far as the place is known.
 *
 * @category models
 * @since 0.2.0
 */
export interface FrameInspection {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly column: number
}

/**
 * The thing for which a suspended fiber waits. A wait of the kind `Timer` ends by itself; `Call` waits for the answer
 * of a dialog, `Read` for the dialog's items, `Write` for credit. A wait of a kind other than `Timer`, `Call`, `Read`
 * and `Write` is ended by another fiber of the same actor. A wait of the kind `Unknown` may end at any time.
 *
 * @category models
 * @since 0.2.0
 */
export interface WaitInspection {
  readonly on:
    | "Call"
    | "Read"
    | "Write"
    | "Timer"
    | "Semaphore"
    | "Deferred"
    | "Queue"
    | "Latch"
    | "Fiber"
    | "Unknown"
  /** The dialog of a `Call`, a `Read` or a `Write`; null for all other waits. */
  readonly dialog: (DialogPlace & { readonly side: "caller" | "callee" }) | null
}

/**
 * One fiber: the work to which it belongs, the source lines at which it stands (innermost first), and the thing for
 * which it waits.
 *
 * @category models
 * @since 0.2.0
 */
export interface FiberInspection {
  readonly id: number
  readonly parent: number | null
  /** The served dialog for which the fiber works; null for the work of the actor itself. */
  readonly within: DialogPlace | null
  /** The ids of the fibers that this fiber has forked. */
  readonly children: ReadonlyArray<number>
  /** True if the fiber's Scope holds a resource, for which fibers outside of the inspection may work. */
  readonly scoped: boolean
  readonly frames: ReadonlyArray<FrameInspection>
  readonly waits: WaitInspection
}

/**
 * One event of an actor: its kind, its time (milliseconds since 1970), and the names, counts and ages that belong to
 * it. An event names an actor as `name@pid`.
 *
 * @category models
 * @since 0.2.0
 */
export interface EventInspection {
  readonly at: number
  readonly event: string
  readonly fields: Readonly<Record<string, string | number>>
}

/**
 * Events of an actor since the last batch, the oldest first, and the number of events that were left out because there
 * were too many.
 *
 * @category models
 * @since 0.2.0
 */
export interface EventBatch {
  readonly events: ReadonlyArray<EventInspection>
  readonly dropped: number
}

/**
 * One metric of an actor with its present value. The state of a metric is that of Effect's metric of the same type; the
 * state of a frequency is a list of pairs.
 *
 * @category models
 * @since 0.2.0
 */
export interface MetricInspection {
  readonly id: string
  readonly type: "Counter" | "Frequency" | "Gauge" | "Histogram" | "Summary"
  readonly description: string | null
  readonly attributes: Readonly<Record<string, string>>
  readonly state: unknown
}

/**
 * The stack of a process at one moment, the innermost frame first; null when the process runs no JavaScript.
 *
 * @category models
 * @since 0.2.0
 */
export type StackInspection = ReadonlyArray<FrameInspection> | null

/**
 * The data from which a platform finds out what an actor's fibers do: the fibers that its dialogs know, the dialog for
 * which each works, and the things for which each may wait.
 *
 * @category models
 * @since 0.2.0
 */
export interface Works {
  readonly fibers: ReadonlySet<Fiber.Fiber<unknown, unknown>>
  readonly within: (fiber: Fiber.Fiber<unknown, unknown>) => DialogPlace | null
  /** The fibers that are suspended until the answer of a call comes, each with that call. */
  readonly calls: ReadonlyMap<Fiber.Fiber<unknown, unknown>, WaitInspection>
  readonly holds: ReadonlyMap<object, WaitInspection>
}

export interface Collecting {
  readonly fiber: (fiber: Fiber.Fiber<unknown, unknown> | undefined) => void
  readonly call: (fiber: Fiber.Fiber<unknown, unknown>, dialog: WaitInspection["dialog"]) => void
  readonly hold: (holds: Iterable<object>, on: WaitInspection["on"], dialog: WaitInspection["dialog"]) => void
}

/**
 * The measurements that the process of an actor makes of itself: times in milliseconds, and sizes in bytes.
 *
 * @category models
 * @since 0.2.0
 */
export interface ProcessInspection {
  readonly uptimeMillis: number
  /** The processor time of the process since its start, in milliseconds. */
  readonly cpuMillis: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
  readonly heapLimitBytes: number
  readonly externalBytes: number
  /** The share of the time since the start of the process in which the event loop had work, from 0 to 1. */
  readonly loopUtilization: number
  /** The milliseconds by which the last measured turn of the event loop was late. */
  readonly loopDelayMillis: number
}

/**
 * The state of one actor at one moment: its identity, its open dialogs, and the things for which its work waits.
 *
 * @category models
 * @since 0.2.0
 */
export interface ActorInspection {
  readonly actor: ActorId
  /** The actors above the inspected actor, the root first. */
  readonly ancestors: ReadonlyArray<ActorId>
  readonly service: string | null
  readonly observe: Observe
  /** True while the inspected actor is being ended. */
  readonly ending: boolean
  /** True while the program `main` of an actor's Service runs, and always true in a root. */
  readonly hasMain: boolean
  readonly channels: ReadonlyArray<ChannelInspection>
  readonly children: ReadonlyArray<ChildInspection>
  /** The starts of actors that have no process yet. */
  readonly starting: ReadonlyArray<NameInspection>
  /** The names that work waits for in the registry, and that no actor has. */
  readonly names: ReadonlyArray<NameInspection>
  readonly pools: ReadonlyArray<PoolInspection>
  readonly supervisors: ReadonlyArray<SupervisorSnapshot>
  readonly process: ProcessInspection | null
}

/** The largest number of dialogs of one connection that are listed, the oldest dialogs first. */
export const maxListedDialogs = 20_000

/** Returns the milliseconds between `since` and `now` as a whole number; both are times of `Turn.now`. */
export const ageOf = (since: number, now: number): number => Math.max(0, Math.round(now - since))
