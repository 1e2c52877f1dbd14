/**
 * The functions of a process and its event loop that the runtime uses, apart from Effect's Scheduler, Clock and Random.
 * `Turn` supplies turns of the event loop, uuids, a monotonic time, promises from outside of Effect, and the end of the
 * process.
 *
 * The runtime uses the event loop only through `Turn`, so that a simulation with its own `Turn` decides the order of
 * all events.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * One direction of a connection in memory, in which a simulation causes faults of the network between two processes.
 * The bytes on a wire arrive in the order in which they were written.
 *
 * @category models
 * @since 0.2.0
 */
export interface Wire {
  /** Delays all written bytes, and the end of the connection, until the function `release` of the `Wire` is called. */
  readonly hold: () => void
  readonly release: () => void
  /** Makes the reader of the connection see its end after the given number of bytes. All later bytes are lost. */
  readonly cut: (afterBytes: number) => void
}

/**
 * The event loop of one process, as the runtime uses it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Turn {
  /**
   * Runs a callback when the code that runs now in this process has finished. Callbacks with the same value of the
   * argument `lane` run in the order in which they were given.
   */
  readonly later: (job: () => void, lane: object) => void
  /**
   * Runs a callback after the due timers of this process and the waiting bytes of its other connections have been
   * handled.
   */
  readonly rest: (job: () => void, lane: object) => void
  /**
   * Runs a callback that handles bytes from another process. A simulation may delay the callback; all later callbacks
   * with the same argument `lane` then wait as well.
   */
  readonly receive: (job: () => void, lane: object) => void
  /**
   * Tells a simulation about one direction of a connection in memory: this process reads the bytes that the process
   * with the pid `from` writes.
   */
  readonly wired: (wire: Wire, from: number) => void
  /** Runs a callback in this process at the request of code in another simulated process. */
  readonly enter: (job: () => void) => void
  /**
   * Waits for a promise that neither Effect's scheduler nor Effect's Clock controls, such as the promise of an import.
   */
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
  /**
   * Notes a function that closes a resource; the function is called if the process ends while the resource is still
   * open.
   */
  readonly hold: (close: () => void) => void
  /**
   * Returns the context for an actor in memory that this process starts. The `Turn` in the returned context belongs to
   * the actor in memory.
   */
  readonly start: (actor: ActorId, context: Context.Context<never>) => Context.Context<never>
  /**
   * Ends the simulated process whose event loop this `Turn` is. The function `exit` returns true if no code of the
   * process runs any more, and false if the process's fibers still have to be ended.
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
 * The `Turn` of a process that is not simulated: callbacks run in the event loop of JavaScript. The function `later`
 * runs its callback as a microtask, and the function `rest` in the next round of the event loop.
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
  // The runtime reads the global `crypto` only when it makes its first uuid. Node loads Web Crypto when a program first
  // reads it, which takes a twentieth of the time of an actor's start.
  uuid: () => host.crypto.randomUUID(),
  hold: () => {},
  start: (_, context) => context,
  exit: () => false
}

/**
 * The context reference with the `Turn` of this process. Default: `eventLoop`.
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

/** Waits for a promise that Effect does not control; if the promise rejects, the effect fails with the rejection. */
export const outside = <A>(promise: () => PromiseLike<A>): Effect.Effect<A, unknown> =>
  Effect.withFiber((fiber) => fiber.getRef(Turn).outside(promise))
