/**
 * The inside of one actor as plain data, for a tool that looks from outside: who waits for whom, and with how much credit.
 *
 * It shows names, counts and ages. It never shows a payload, a local variable or the text of a message.
 *
 * @since 0.2.0
 */
import type * as Fiber from "effect/Fiber"
import type { ActorId } from "../errors/ActorError.ts"
import type { SupervisorSnapshot } from "./Snapshot.ts"

/**
 * The depth to which a tree can be looked into from outside: not at all, by names and counts, or with a debugger. A
 * debugger is not built yet, so `debug` shows what `look` shows.
 *
 * @category models
 * @since 0.2.0
 */
export type Observe = "off" | "look" | "debug"

/**
 * A dialog that is served here: the actor at the other end of its connection, and the number that it has there.
 *
 * @category models
 * @since 0.2.0
 */
export interface DialogPlace {
  /** The uuid of the actor that opened it. */
  readonly peer: string
  readonly id: number
}

/**
 * One open dialog, from one of its two sides. Both sides have the same `id` on the connection between them.
 *
 * @category models
 * @since 0.2.0
 */
export interface DialogInspection {
  readonly side: "caller" | "callee"
  readonly id: number
  readonly endpoint: string
  readonly kind: "call" | "stream" | "dialog"
  /** The state of its machine. */
  readonly state: string
  readonly ageMillis: number
  /** The served dialog whose work has opened this one; none for work of the actor itself, and on the callee's side. */
  readonly within: DialogPlace | null
  /** The number of the fiber that opened it, or that answers it. */
  readonly fiber: number | null
  /** Items that are here and not read, and whether a reader waits for more. */
  readonly in: { readonly items: number; readonly waiting: boolean } | null
  /** Credit that is left, and whether a writer waits for more. */
  readonly out: { readonly items: number; readonly bytes: number; readonly waiting: boolean } | null
}

/**
 * One connection with its open dialogs.
 *
 * @category models
 * @since 0.2.0
 */
export interface ChannelInspection {
  readonly to: "parent" | "child" | "peer"
  readonly peer: ActorId | null
  readonly state: string
  /** The connection is full, so that senders wait. */
  readonly full: boolean
  /** Dialogs that were cancelled and have not ended within their bound. */
  readonly stuck: number
  /** Answers that the peer has not read. */
  readonly unread: number
  readonly dialogs: ReadonlyArray<DialogInspection>
  /** Dialogs that are not listed, because there are too many. */
  readonly omitted: number
}

/**
 * One child, with the rung of the ladder by which its owner ends it. A child that is `Starting` is not ready yet.
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
 * Something that is waited for by its name: a start that waits for its turn, or an actor that the registry is asked for.
 *
 * @category models
 * @since 0.2.0
 */
export interface NameInspection {
  readonly name: string
  readonly ageMillis: number
}

/**
 * A pool: its workers by their state, and the tasks that wait and run.
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
 * A place in a source file, as far as it is known.
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
 * The thing that a suspended fiber waits for. `Timer` ends by itself; `Call` waits for the answer of a dialog, `Read` for its
 * items, `Write` for credit. The others end by another fiber of the same actor. `Unknown` may end at any time.
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
  /** The dialog of a `Call`, a `Read` or a `Write`. */
  readonly dialog: (DialogPlace & { readonly side: "caller" | "callee" }) | null
}

/**
 * One fiber: the work it belongs to, the lines at which it stands, innermost first, and what it waits for.
 *
 * @category models
 * @since 0.2.0
 */
export interface FiberInspection {
  readonly id: number
  readonly parent: number | null
  /** The served dialog it works for; none for the work of the actor itself. */
  readonly within: DialogPlace | null
  /** The numbers of its own fibers. */
  readonly children: ReadonlyArray<number>
  /** The Scope of its work holds something: a fiber that is not listed may work for it. */
  readonly scoped: boolean
  readonly frames: ReadonlyArray<FrameInspection>
  readonly waits: WaitInspection
}

/**
 * One event of an actor: its kind, when it happened (milliseconds since 1970), and names, counts and ages that belong to it.
 * Actors are written as `name@pid`.
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
 * Events of an actor since the batch before, the oldest first, and how many were left out because there were too many.
 *
 * @category models
 * @since 0.2.0
 */
export interface EventBatch {
  readonly events: ReadonlyArray<EventInspection>
  readonly dropped: number
}

/**
 * One metric of an actor as it is now. The state is that of Effect's metric of this type; of a frequency it is a list of pairs.
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
 * The stack of a process at one moment, innermost first; none where it runs no JavaScript.
 *
 * @category models
 * @since 0.2.0
 */
export type StackInspection = ReadonlyArray<FrameInspection> | null

/**
 * The insides of an actor that a platform needs to look at its fibers: the fibers that its dialogs know, the work of each, and
 * the things that a fiber may be seen to wait for.
 *
 * @category models
 * @since 0.2.0
 */
export interface Works {
  readonly fibers: ReadonlySet<Fiber.Fiber<unknown, unknown>>
  readonly within: (fiber: Fiber.Fiber<unknown, unknown>) => DialogPlace | null
  /** Fibers that are suspended until the answer of a call comes. */
  readonly calls: ReadonlyMap<Fiber.Fiber<unknown, unknown>, WaitInspection>
  /** Objects that a fiber holds while it waits for a dialog. */
  readonly holds: ReadonlyMap<object, WaitInspection>
}

/** The same while it is collected, dialog by dialog. */
export interface Collecting {
  readonly fiber: (fiber: Fiber.Fiber<unknown, unknown> | undefined) => void
  readonly call: (fiber: Fiber.Fiber<unknown, unknown>, dialog: WaitInspection["dialog"]) => void
  readonly hold: (holds: Iterable<object>, on: WaitInspection["on"], dialog: WaitInspection["dialog"]) => void
}

/**
 * The process of an actor, measured by itself. Times are milliseconds, sizes are bytes.
 *
 * @category models
 * @since 0.2.0
 */
export interface ProcessInspection {
  readonly uptimeMillis: number
  /** Processor time since its start. */
  readonly cpuMillis: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
  readonly heapLimitBytes: number
  readonly externalBytes: number
  /** The share of time in which the event loop had work, since its start: 0 to 1. */
  readonly loopUtilization: number
  /** The time that a turn of the event loop was late, just now. */
  readonly loopDelayMillis: number
}

/**
 * One actor, in one step: its identity, its open dialogs, and all that it waits for.
 *
 * @category models
 * @since 0.2.0
 */
export interface ActorInspection {
  readonly actor: ActorId
  /** The actors above it, root first. */
  readonly ancestors: ReadonlyArray<ActorId>
  readonly service: string | null
  readonly observe: Observe
  /** It is being ended. */
  readonly ending: boolean
  /** It has a main that runs: a root's program always does. */
  readonly hasMain: boolean
  readonly channels: ReadonlyArray<ChannelInspection>
  readonly children: ReadonlyArray<ChildInspection>
  /** Starts that have no process yet. */
  readonly starting: ReadonlyArray<NameInspection>
  /** Names that the registry is asked for, and no actor has. */
  readonly names: ReadonlyArray<NameInspection>
  readonly pools: ReadonlyArray<PoolInspection>
  readonly supervisors: ReadonlyArray<SupervisorSnapshot>
  readonly process: ProcessInspection | null
}

/** The dialogs of one connection that are listed, the oldest first. */
export const maxListedDialogs = 20_000

const clock = (globalThis as unknown as { readonly performance: { readonly now: () => number } }).performance

/** Now, in milliseconds that no change of the wall clock moves; whatever Clock the program has. */
export const now = (): number => clock.now()

/** The age of what began then, in whole milliseconds. */
export const ageOf = (since: number): number => Math.max(0, Math.round(now() - since))
