/**
 * A nursery: a region of code that owns actors. `Nursery` carries out the actions that the machine `NurseryMachine`
 * decides.
 *
 * The first failure cancels all actors of a nursery, and the nursery ends only after every actor's process is reaped:
 *
 *   body runs --returns--> jobs are joined, `await` actors waited for --> daemons cancelled --> reaped --> result
 *      |         |
 *      |         +--fails, or is interrupted--> everybody cancelled in parallel --> reaped --> the same failure
 *      +--an actor is lost or fails, or a job fails--> the body is interrupted --> as above, with that failure
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { cancellationOf } from "../dialog/DialogContext.ts"
import { type ActorError, type ActorId, StreamOverrun } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { box } from "../errors/Boxing.ts"
import type { NurserySnapshot } from "../inspect/Snapshot.ts"
import { current, type LocalActor } from "../local/LocalActor.ts"
import { withCleanupFailures, withOthers } from "../local/Owner.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { ChildActor } from "./ChildActor.ts"
import * as Machine from "./NurseryMachine.ts"

/**
 * Marks the error of a background job in the type R, until `Actor.nursery` moves the error to its own E.
 *
 * @category type-level
 * @since 0.1.0
 */
export interface Raises<out E> {
  readonly "~furrow/Raises": E
}
/**
 * Extracts the error type of background jobs from the requirements R of a nursery's body.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Raised<R> = R extends Raises<infer E> ? E : never

/**
 * A job: a fiber of this process that waits for the answer of an actor. The failure of a job fails the nursery of the
 * job.
 */
export interface Job {
  readonly done: Deferred.Deferred<void>
}

/**
 * The exit of one actor of a nursery, as the stream of exits reports it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly actor: ActorId
  readonly exit: ActorExit
}

/** The internal state of an open nursery. */
export class OpenNursery {
  readonly local: LocalActor
  private state: Machine.State<ChildActor, Job>
  private readonly readers = new Waiters()
  private readonly failure = Deferred.makeUnsafe<never, unknown>()
  private readonly joined = Deferred.makeUnsafe<void>()
  private readonly done = Deferred.makeUnsafe<void>()

  constructor(local: LocalActor) {
    this.local = local
    const overrun = new StreamOverrun({ actor: local.info.id, endpoint: "Nursery.exits" })
    this.state = Machine.initial(Cause.fail(overrun))
  }

  get isOpen(): boolean {
    return Machine.isOpen(this.state)
  }

  /** An effect that never succeeds, and fails as soon as an actor or a job of the nursery fails. */
  get failed(): Effect.Effect<never, unknown> {
    return Deferred.await(this.failure)
  }

  /** Adds a ready actor to the nursery; from now on a failure of this actor fails the nursery. */
  own(child: ChildActor, awaited: boolean): void {
    this.input({ _tag: "ChildReady", child, awaited })
    child.whenGone((exit) =>
      this.input({ _tag: "ChildGone", child, exit, raised: child.raised, handled: child.isHandled })
    )
  }

  /** Reads the exits of the nursery's actors until the Scope closes. */
  readonly ends: Effect.Effect<Pull.Pull<readonly [Ended]>, never, Scope.Scope> = Effect.as(
    Effect.acquireRelease(
      Effect.sync(() => this.input({ _tag: "ReaderCame" })),
      (_, exit) => Effect.sync(() => this.input({ _tag: "ReaderLeft", enough: Exit.isSuccess(exit) }))
    ),
    Effect.suspend(() => this.nextEnd)
  )

  private get nextEnd(): Pull.Pull<readonly [Ended]> {
    const [end] = this.state.unread
    if (end !== undefined) {
      this.input({ _tag: "EndRead" })
      return Effect.succeed([{ actor: end.child.actor, exit: end.exit }])
    }
    if (!this.isOpen) return Cause.done()
    return Effect.flatMap(this.readers.next(), () => this.nextEnd)
  }

  job(job: Job): void {
    this.input({ _tag: "JobStarted", job })
  }

  /** Records that the owner of a job has cancelled the actor of the job. */
  dismiss(job: Job): void {
    this.input({ _tag: "JobDismissed", job })
  }

  /**
   * Records that a job has failed, while its actor has not ended yet. The failure of a job is recorded before the
   * function `tell` shows the failure to the nursery's body. If `tell` ran before the failure is recorded, the body's
   * reaction to the failed job could be recorded as the first failure.
   */
  jobFailed(job: Job, cause: Cause.Cause<unknown>, tell: () => void): void {
    this.input({ _tag: "JobFailed", job, cause }, tell)
  }

  jobEnded(job: Job): void {
    this.input({ _tag: "JobEnded", job })
    Deferred.doneUnsafe(job.done, Exit.void)
  }

  /**
   * Handles the return of the nursery's body: waits for every job, and for the actors that were started with `await:
   * true`.
   */
  readonly join: Effect.Effect<void> = Effect.suspend(() => {
    this.input({ _tag: "BodyReturned" })
    return Deferred.await(this.joined)
  })

  /** Handles the failure or the interruption of the nursery's body: ends all actors of the nursery. */
  bodyFailed(cause: Cause.Cause<unknown>, fiber: Fiber.Fiber<unknown, unknown>): void {
    if (!Cause.hasInterruptsOnly(cause)) return this.input({ _tag: "BodyFailed", cause })
    this.interrupted(fiber)
  }

  interrupted(fiber: Fiber.Fiber<unknown, unknown>): void {
    const author = cancellationOf(fiber, this.local.env, fiber.getRef(Timeouts).finalizers)
    const reason = author.reason === "interrupted" ? "nursery interrupted" : author.reason
    this.input({ _tag: "BodyInterrupted", why: { reason, author } })
  }

  /** Waits until every child of the nursery is reaped. */
  readonly reaped: Effect.Effect<void> = Effect.suspend(() => {
    this.input({ _tag: "BodyOver" })
    return Deferred.await(this.done)
  })

  /**
   * Returns the first failure of the nursery, even if the body ended in another way, together with all other failures.
   */
  conclude<A>(exit: Exit.Exit<A, unknown>): Exit.Exit<A, unknown> {
    const { body, cleanup, first, others } = this.state
    const { id } = this.local.info
    const raised = first ?? body
    const own = raised === undefined ? exit : Exit.failCause(raised)
    return withCleanupFailures(withOthers(own, others.map((failure) => box(failure, id))), cleanup)
  }

  snapshot(): NurserySnapshot {
    const { children, jobs } = this.state
    return {
      state: this.isOpen ? "open" : this.state.phase._tag === "Done" ? "done" : "closing",
      children: Array.from(children.keys(), (child) => child.snapshot()),
      jobs: jobs.size
    }
  }

  private input(input: Machine.Input<ChildActor, Job>, beforeBody: () => void = () => {}): void {
    const [state, actions] = Machine.step(this.state, input)
    this.state = state
    for (const action of actions) if (action._tag !== "InterruptBody") this.execute(action)
    beforeBody()
    for (const action of actions) if (action._tag === "InterruptBody") this.execute(action)
  }

  private execute(action: Machine.Action<ChildActor>): void {
    const { env, events, info } = this.local
    switch (action._tag) {
      case "End": {
        const { author, reason } = action.why
        const { by, deadline } = author ?? env.cancellation() ?? { by: info.id, deadline: 0 }
        return action.child.beginEnd({ by, reason, deadline })
      }
      case "WakeReaders":
        return this.readers.wake()
      case "Discard":
        return action.child.beginDiscard()
      case "InterruptBody":
        return void Deferred.doneUnsafe(this.failure, Exit.failCause(action.cause))
      case "TellSuppressed": {
        const { message, type } = box(action.failure, info.id)
        return events.publish({ _tag: "FailureSuppressed", actor: info.id, text: `${type}: ${message}` })
      }
      case "Joined":
        return void Deferred.doneUnsafe(this.joined, Exit.void)
      case "Reaped":
        return void Deferred.doneUnsafe(this.done, Exit.void)
    }
  }
}

/**
 * The service of the nursery in which the current code runs. Starting an actor requires the service `Nursery`, so that
 * every actor has an owner. The effect `statistics` takes a snapshot of the nursery: its children with their states,
 * and the number of running jobs.
 *
 * @example
 * ```ts
 * const nursery = yield* Nursery.Nursery
 * yield* Actor.start("gretchen", { expose: [isPrime] })
 * const { children, jobs } = yield* nursery.statistics
 * children.length // 1
 * jobs // 0
 * ```
 * @category services
 * @since 0.1.0
 */
export class Nursery extends Context.Service<Nursery, {
  readonly inside: OpenNursery
  /** Takes a snapshot of the nursery: its children with their states, and the number of running jobs. */
  readonly statistics: Effect.Effect<NurserySnapshot>
}>()("@furrow/actor/Nursery") {}

/**
 * Runs `body` in a new nursery, which owns the actors that `body` starts. A nursery ends only after the process of each
 * of its actors is reaped.
 *
 * The first failure of the body, an actor or a job ends all actors of the nursery, and becomes the failure of the
 * nursery. `ActorError.OtherFailures`, an annotation on the cause of the nursery's failure, holds the later failures.
 *
 * @example
 * ```ts
 * const answer = yield* Actor.nursery(Effect.gen(function*() {
 *   const gretchen = yield* Actor.start("gretchen", { expose: [isPrime] })
 *   return yield* gretchen.run(isPrime({ n: 7 }))
 * }))
 * answer // true
 * ```
 * @category starting actors
 * @since 0.1.0
 */
export const nursery = <A, E, R>(
  body: Effect.Effect<A, E, R>
): Effect.Effect<
  A,
  E | ActorError | Raised<R>,
  Exclude<R, Nursery | Scope.Scope | Raises<any>> | ActorRuntime
> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(current, (local) => {
      const state = new OpenNursery(local)
      const service = { inside: state, statistics: Effect.sync(() => state.snapshot()) }
      const region = Effect.scoped(Effect.provideService(body, Nursery, service)) as Effect.Effect<A, unknown, never>
      const work = Effect.flatMap(region, (a) => Effect.as(state.join, a))
      return Effect.flatMap(Effect.exit(restore(watched(work, state))), (exit) =>
        Effect.withFiber((fiber) => {
          // A nursery's body may have ended before an interruption of the nursery reaches it. The interruption of a
          // nursery ends the nursery even if the nursery's body has already ended.
          if (Exit.isFailure(exit)) state.bodyFailed(exit.cause, fiber)
          return Effect.andThen(state.reaped, Effect.suspend(() => state.conclude(exit)))
        }))
    })
  ) as Effect.Effect<A, any, any>

/**
 * The stream of the exits of the current nursery's actors, from the first read of the stream until the nursery ends.
 * While the stream of exits is read, no actor's exit fails the nursery, because the reader decides what to do about the
 * exit. If several readers read the exits of the nursery's actors, each exit goes to one of these readers.
 *
 * An actor's exit that is still unread when the readers stop or the nursery ends counts as if there had been no reader.
 * The failure of a job (`Actor.forkInActor`) fails the nursery even while the stream of exits is read. At most 1,000
 * exits of actors may wait for a reader; one more exit fails the nursery with `StreamOverrun`.
 *
 * @example
 * ```ts
 * const ended = yield* Actor.nursery(Effect.gen(function*() {
 *   const reading = yield* Nursery.exits.pipe(
 *     Stream.take(1),
 *     Stream.runCollect,
 *     Effect.forkChild({ startImmediately: true })
 *   )
 *   const gretchen = yield* Actor.start("gretchen", { expose: [isPrime] })
 *   yield* gretchen.cancel("enough")
 *   return yield* Fiber.join(reading)
 * }))
 * ended.map(({ actor, exit }) => `${actor.name} ${exit._tag}`) // ["gretchen Cancelled"]
 * ```
 * @category observing
 * @since 0.1.0
 */
export const exits: Stream.Stream<Ended, never, Nursery> = Stream.unwrap(
  Effect.flatMap(Nursery, ({ inside }) => Effect.map(inside.ends, (pull) => Stream.fromPull(Effect.succeed(pull))))
)

/**
 * Runs the body until it ends, an actor or job of the nursery fails, or the fiber is interrupted. An interruption of
 * the nursery's body ends the nursery's actors at once.
 */
const watched = <A>(work: Effect.Effect<A, unknown>, state: OpenNursery): Effect.Effect<A, unknown> => {
  let ended = false
  const noticed = Effect.onExit(work, (exit) =>
    Effect.withFiber((fiber) => {
      ended = true
      // The nursery learns of its body's failure before the body's child fibers are interrupted, so that child fibers
      // which wait for an actor can end.
      if (Exit.isFailure(exit)) state.bodyFailed(exit.cause, fiber)
      return Effect.void
    }))
  const interruption = Effect.onInterrupt(Effect.never, () =>
    Effect.withFiber((fiber) => {
      // When the body has ended, the fiber that waits for an interruption of the body is itself interrupted.
      if (!ended) state.interrupted(fiber)
      return Effect.void
    }))
  return Effect.raceAllFirst([noticed, state.failed, interruption])
}
