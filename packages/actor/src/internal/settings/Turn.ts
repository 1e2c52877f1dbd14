/**
 * The resources of a process's event loop that the runtime uses, apart from Effect's Scheduler, Clock and Random. The
 * resources of an event loop are turns, ids, the time for ages, promises of the outside world, and the end of the
 * process.
 *
 * The runtime takes the resources of its event loop only from `Turn`, so a simulation that supplies `Turn` decides
 * every order of events.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * One direction of a connection in memory, where tests cause faults of the network between two processes. The bytes on
 * a wire keep their order.
 *
 * @category models
 * @since 0.2.0
 */
export interface Wire {
  /** Stops the wire until `release`: its bytes and its end wait. */
  readonly hold: () => void
  readonly release: () => void
  /**
   * Ends the wire for its reader when this many further bytes have passed. A wire with 0 further bytes ends now, and
   * the bytes on the wire are lost.
   */
  readonly cut: (afterBytes: number) => void
}

/**
 * The event loop of one process, as the runtime uses it. A job runs in the process to which it was given. A job may
 * throw only after it has changed the state of its owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Turn {
  /**
   * Runs a job when the running code of the process has finished. Jobs of one lane run in the order in which they were
   * given.
   */
  readonly later: (job: () => void, lane: object) => void
  /** Runs a job as `later` does, but after timers and other connections have had their turn. */
  readonly rest: (job: () => void, lane: object) => void
  /**
   * Runs a job as `later` does, for bytes from another process. A simulation may delay the bytes that another process
   * has sent, together with the bytes behind them.
   */
  readonly receive: (job: () => void, lane: object) => void
  /** Reports a wire in memory that this process reads, and the number of the process that writes to it. */
  readonly wired: (wire: Wire, from: number) => void
  /**
   * Runs a job that code of another process requests. The requested job runs at once if all processes share one event
   * loop.
   */
  readonly enter: (job: () => void) => void
  /** Waits for a promise that neither the program nor its Clock controls, such as an import. */
  readonly outside: <A>(promise: () => PromiseLike<A>) => Effect.Effect<A, unknown>
  /** The pid of this process; 0 on a platform without pids. */
  readonly pid: number
  /**
   * Returns the milliseconds of a clock that no change of the wall clock moves. The runtime computes ages from the
   * milliseconds that `now` returns.
   */
  readonly now: () => number
  /** Returns a new uuid of version 4. */
  readonly uuid: () => string
  /** Records a resource that must be closed if the process ends before its owner has closed it. */
  readonly hold: (close: () => void) => void
  /**
   * Returns the context for an actor in memory that this process starts. The `Turn` in the returned context belongs to
   * the actor in memory.
   */
  readonly start: (actor: ActorId, context: Context.Context<never>) => Context.Context<never>
  /**
   * Ends the process of this `Turn`. The result of `exit` is true if no code of the process runs any more, and false if
   * its fibers still have to be ended.
   */
  readonly exit: () => boolean
}

interface Host {
  readonly crypto: { readonly randomUUID: () => string }
  readonly performance: { readonly now: () => number }
  readonly process?: { readonly pid?: number }
  readonly setImmediate?: (f: () => void) => unknown
  readonly setTimeout: (f: () => void, millis: number) => unknown
}

const host = globalThis as unknown as Host
const { process, setImmediate, setTimeout } = host

/**
 * The turns of a real event loop, where `later` is a microtask, and `rest` is the next round of the event loop.
 *
 * @example
 * ```ts
 * const turn = yield* Turn.Turn
 * turn === Turn.eventLoop // true
 * turn.uuid().length // 36
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const eventLoop: Turn = {
  later: (job) => void Promise.resolve().then(job),
  rest: (job) => void (setImmediate === undefined ? setTimeout(job, 0) : setImmediate(job)),
  receive: (job) => void Promise.resolve().then(job),
  wired: () => {},
  enter: (job) => job(),
  outside: (promise) => Effect.tryPromise({ try: promise, catch: identity }),
  pid: process?.pid ?? 0,
  now: () => host.performance.now(),
  // The runtime reads the global of Web Crypto only at its first use. Node loads Web Crypto when a program first reads
  // it, which takes a twentieth of the time of an actor's start.
  uuid: () => host.crypto.randomUUID(),
  hold: () => {},
  start: (_, context) => context,
  exit: () => false
}

/**
 * The `Turn` of this process, as a reference of the context. Default: `eventLoop`.
 *
 * @example
 * ```ts
 * const { uuid } = yield* Turn.Turn
 * uuid() === uuid() // false
 * ```
 * @category references
 * @since 0.1.0
 */
export const Turn: Context.Reference<Turn> = Context.Reference("@furrow/actor/Turn", { defaultValue: () => eventLoop })

/** Waits for a promise from outside the program, whose rejection becomes the error of the effect. */
export const outside = <A>(promise: () => PromiseLike<A>): Effect.Effect<A, unknown> =>
  Effect.withFiber((fiber) => fiber.getRef(Turn).outside(promise))
