/**
 * Everything a process of the tree takes from its event loop, beside Effect's Scheduler, Clock and Random: turns, ids,
 * promises of the outside world, and its own end.
 *
 * The runtime takes them from nowhere else, so a simulation that supplies this reference decides every order.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { ActorId } from "../errors/ActorError.ts"

/**
 * The turns of one process. A job never throws past the state change of its owner, and every job runs in the process
 * whose turn it was given to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Turn {
  /** Runs the job when the code that runs now is done. Jobs of one lane keep their order. */
  readonly later: (job: () => void, lane: object) => void
  /** Runs a job as `later` does, after timers and other connections have had their turn. */
  readonly rest: (job: () => void, lane: object) => void
  /** Runs a job as `later` does, for bytes of another process: they may be late, and those behind them, too. */
  readonly receive: (job: () => void, lane: object) => void
  /** Runs a job that code of another process asks for: at once where all of them share one event loop. */
  readonly enter: (job: () => void) => void
  /** Waits for a promise that neither the program nor its Clock decides, as that of an import. */
  readonly outside: <A>(promise: () => PromiseLike<A>) => Effect.Effect<A, unknown>
  /** The number of this process, 0 where it has none. */
  readonly pid: number
  /** A new version 4 uuid. */
  readonly uuid: () => string
  /** Records a resource to close when the process ends before it was closed. */
  readonly hold: (close: () => void) => void
  /** The context of an actor in memory that this process starts; the turn in it is the actor's. */
  readonly start: (actor: ActorId, context: Context.Context<never>) => Context.Context<never>
  /** The process of this turn is over. True if nothing of it runs from here on; false if its fibers are to be ended. */
  readonly exit: () => boolean
}

interface Host {
  readonly crypto: { readonly randomUUID: () => string }
  readonly process?: { readonly pid?: number }
  readonly setImmediate?: (f: () => void) => unknown
  readonly setTimeout: (f: () => void, millis: number) => unknown
}

const host = globalThis as unknown as Host
const { process, setImmediate, setTimeout } = host

/**
 * The turns of a real event loop: `later` is a microtask, `rest` the next round of the loop.
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
  enter: (job) => job(),
  outside: (promise) => Effect.tryPromise({ try: promise, catch: identity }),
  pid: process?.pid ?? 0,
  // Reads Web Crypto where it is used: Node loads Web Crypto at the first look, which is a twentieth of an actor's start.
  uuid: () => host.crypto.randomUUID(),
  hold: () => {},
  start: (_, context) => context,
  exit: () => false
}

/**
 * The turns of this process, as a reference of the context. Default: `eventLoop`.
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

/** Waits for a promise of the outside world; a rejection is the error. */
export const outside = <A>(promise: () => PromiseLike<A>): Effect.Effect<A, unknown> =>
  Effect.withFiber((fiber) => fiber.getRef(Turn).outside(promise))
