/**
 * A region that owns actors (features NUR-1 to NUR-14, DESIGN D4, D19, D21).
 *
 * One failure cancels all, and nothing leaves before every process is reaped:
 *
 *   body runs --returns--> jobs are joined, `await` actors waited for --> daemons cancelled --> reaped --> result
 *      |         |
 *      |         +--fails, or is interrupted--> everybody cancelled in parallel --> reaped --> the same failure
 *      +--an actor is lost, or a job fails--> the body is interrupted --> as above, with that failure
 *
 * The first failure stays what it is; later ones ride along as an annotation and as events, and children that only
 * answered the cancel do not count.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { cancellationOf } from "../dialog/DialogContext.ts"
import { OtherFailures } from "../dialog/Failures.ts"
import { type ActorError, ChannelClosed, ContextCancelled } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import type { NurserySnapshot } from "../inspect/Snapshot.ts"
import { current, type LocalActor } from "../local/LocalActor.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { ChildActor } from "./ChildActor.ts"

/**
 * The error of a job in the background, carried in R until `Actor.nursery` moves it to its E.
 *
 * @category type-level
 * @since 0.1.0
 */
export interface Raises<out E> {
  readonly "~furrow/Raises": E
}
/**
 * The errors of the background jobs that stand in R, as `Actor.nursery` moves them to its E.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Raised<R> = R extends Raises<infer E> ? E : never

/** A job: a fiber here that waits for an actor's answer. Its failure is the nursery's. */
export interface Job {
  readonly done: Deferred.Deferred<void>
  /** Its owner cancelled it: that it answers so is no failure. */
  dismissed: boolean
}

type State = "open" | "closing"

/** The inside of a nursery. */
export class NurseryState {
  readonly local: LocalActor
  private state: State = "open"
  private readonly children = new Map<ChildActor, { readonly awaited: boolean }>()
  private readonly jobs = new Set<Job>()
  private readonly failure = Deferred.makeUnsafe<never, unknown>()
  private first: Cause.Cause<unknown> | undefined
  private readonly others: Array<Boxed> = []

  constructor(local: LocalActor) {
    this.local = local
  }

  get isOpen(): boolean {
    return this.state === "open"
  }

  /** Fails as soon as an actor or a job does. */
  get failed(): Effect.Effect<never, unknown> {
    return Deferred.await(this.failure)
  }

  /** Takes a ready actor over. Its loss is the nursery's failure. */
  own(child: ChildActor, awaited: boolean): void {
    this.children.set(child, { awaited })
    child.whenGone(() => {
      this.children.delete(child)
      const exit = child.ended
      if (exit._tag === "Lost") this.fail(Cause.fail(exit.error))
    })
  }

  job(job: Job): void {
    this.jobs.add(job)
  }

  /**
   * Its answer is a failure; its actor is still to end. It counts before `tell` lets the body read it: what the body
   * makes of it comes second.
   */
  jobFailed(job: Job, cause: Cause.Cause<unknown>, tell: () => void): void {
    if (Cause.hasInterruptsOnly(cause) || job.dismissed && isAnswer(cause)) tell()
    else this.fail(cause, tell)
  }

  jobEnded(job: Job): void {
    this.jobs.delete(job)
    Deferred.doneUnsafe(job.done, Exit.void)
  }

  fail(cause: Cause.Cause<unknown>, tell: () => void = () => {}): void {
    const isFirst = this.first === undefined && this.state === "open"
    if (isFirst) {
      this.first = cause
      this.beginClose("nursery failed")
    } else this.relegate(cause)
    tell()
    if (isFirst) Deferred.doneUnsafe(this.failure, Exit.failCause(cause))
  }

  /** What failed besides the first: data, unless it only answered our cancel. */
  relegate(cause: Cause.Cause<unknown>): void {
    if (isAnswer(cause)) return
    const { id } = this.local.info
    const known = new Set(this.first?.reasons.map(thrown))
    for (const reason of cause.reasons) {
      if (reason._tag === "Interrupt" || known.has(thrown(reason))) continue
      const boxed = box(reason._tag === "Fail" ? reason.error : reason.defect, id)
      this.others.push(boxed)
      this.local.events.publish({ _tag: "FailureRelegated", actor: id, text: `${boxed.type}: ${boxed.message}` })
    }
  }

  /** Waits for every job, and for the actors that are to be awaited. */
  readonly join: Effect.Effect<void> = Effect.suspend(() => {
    const job = this.jobs.values().next()
    if (!job.done) return Effect.andThen(Deferred.await(job.value.done), this.join)
    for (const [child, { awaited }] of this.children) {
      if (awaited) return Effect.andThen(child.wait, this.join)
    }
    return Effect.void
  })

  /** Asks every child to end, at once: what the body's own finalizers still wait for ends with them. */
  beginClose(reason: string, author?: Cancellation): void {
    if (this.state === "closing") return
    this.state = "closing"
    const { env, info } = this.local
    const { by, deadline } = author ?? env.cancellation() ?? { by: info.id, deadline: 0 }
    for (const child of Array.from(this.children.keys())) child.beginEnd({ by, reason, deadline })
  }

  /** Waits until every child is reaped. */
  readonly reaped: Effect.Effect<void> = Effect.suspend(() => {
    const child = this.children.keys().next()
    return child.done ? Effect.void : Effect.andThen(child.value.gone, this.reaped)
  })

  /** The first failure, though the body may have ended otherwise, with what else went wrong beside it. */
  conclude<A>(exit: Exit.Exit<A, unknown>): Exit.Exit<A, unknown> {
    const cause = this.first ?? (Exit.isFailure(exit) ? exit.cause : undefined)
    if (cause === undefined) return exit
    if (this.others.length === 0) return Exit.failCause(cause)
    return Exit.failCause(Cause.annotate(cause, Context.make(OtherFailures, this.others) as Context.Context<never>))
  }

  snapshot(): NurserySnapshot {
    return {
      state: this.state,
      children: Array.from(this.children.keys(), (child) => child.snapshot()),
      jobs: this.jobs.size
    }
  }
}

/** What a reason is about: reasons are copied when they are annotated, what was thrown is not. */
const thrown = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : reason

/** A failure that is only the echo of our own cancel. */
const isAnswer = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every((reason) =>
    reason._tag === "Interrupt" ||
    reason._tag === "Fail" && (reason.error instanceof ContextCancelled || reason.error instanceof ChannelClosed)
  )

/**
 * The nursery in force: starting an actor needs one, so nothing is started without an owner. `statistics` is a picture
 * of it: its children with their states, and how many jobs still run.
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
  readonly inside: NurseryState
  /** A picture of the region: children with their states, jobs still running. */
  readonly statistics: Effect.Effect<NurserySnapshot>
}>()("@furrow/actor/Nursery") {}

/**
 * Runs `body` as a region that owns the actors it starts. Nothing leaves the region before every process is reaped.
 *
 * The first failure ends all actors of the region and is its failure, whether the body, an actor or a job failed.
 * `ActorError.OtherFailures` on its cause has the later ones.
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
      const state = new NurseryState(local)
      const service = { inside: state, statistics: Effect.sync(() => state.snapshot()) }
      const region = Effect.scoped(Effect.provideService(body, Nursery, service)) as Effect.Effect<A, unknown, never>
      const work = Effect.flatMap(region, (a) => Effect.as(state.join, a))
      return Effect.flatMap(Effect.exit(restore(watched(work, state))), (exit) =>
        Effect.withFiber((fiber) => {
          // A body that ended before the watch of its interruption did: the reason is the same.
          if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) interrupted(state, fiber)
          if (Exit.isFailure(exit)) state.fail(exit.cause)
          state.beginClose("nursery done")
          return Effect.andThen(state.reaped, Effect.suspend(() => state.conclude(exit)))
        }))
    })
  ) as Effect.Effect<A, any, any>

/** Everybody ends in the name of whoever interrupted us. */
const interrupted = (state: NurseryState, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const cancellation = cancellationOf(fiber, state.local.env, fiber.getRef(Timeouts).finalizers)
  const { reason } = cancellation
  state.beginClose(reason === "interrupted" ? "nursery interrupted" : reason, cancellation)
}

/** Runs the work until it ends, something the nursery owns fails, or we are interrupted; children hear of it at once. */
const watched = <A>(work: Effect.Effect<A, unknown>, state: NurseryState): Effect.Effect<A, unknown> => {
  let ended = false
  const noticed = Effect.onExit(work, (exit) =>
    Effect.withFiber((fiber) => {
      ended = true
      // Fibers that the body forked are interrupted after this: what they still wait for ends with its actor.
      if (Exit.isSuccess(exit)) state.beginClose("nursery done")
      else if (Cause.hasInterruptsOnly(exit.cause)) interrupted(state, fiber)
      else if (state.isOpen) state.fail(exit.cause)
      return Effect.void
    }))
  const interruption = Effect.onInterrupt(Effect.never, () =>
    Effect.withFiber((fiber) => {
      // The race is over: it interrupts us too.
      if (!ended) interrupted(state, fiber)
      return Effect.void
    }))
  return Effect.raceAllFirst([noticed, state.failed, interruption])
}
