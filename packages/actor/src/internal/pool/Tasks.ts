/**
 * A task as an Effect: it asks the pool for a worker, works there, and leaves it, whatever becomes of it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { Deadline } from "../dialog/DialogContext.ts"
import type { ActorError, ActorId } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { Portal } from "../portal/Portal.ts"
import { reasonToRepeat } from "../portal/Repeatable.ts"
import type { Outcome } from "./Counts.ts"
import { type OpenPool, Task } from "./OpenPool.ts"
import { type PoolFull, TaskTimeout } from "./PoolError.ts"
import * as Settings from "./Settings.ts"

type Work = (portal: Portal<any>) => Effect.Effect<any, any, any>

export interface Options {
  readonly key?: string | undefined
  readonly within?: Duration.Input | undefined
  readonly retries?: number | undefined
}

/** Asks for a worker, waits for it, and works there. */
const asked = <A, E, R>(
  pool: OpenPool,
  task: Task,
  work: (portal: Portal<any>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ActorError | PoolFull, R> => {
  const begin = (): Effect.Effect<A, E | ActorError | PoolFull, R> =>
    task.failure === undefined ? work(task.worker!.portal) : Effect.failCause(task.failure)
  return Effect.suspend(() => {
    pool.submit(task)
    if (task.worker !== undefined || task.failure !== undefined) return begin()
    const turn = Effect.callback<void>((resume) => {
      // Asked again: the fiber may have been preempted since.
      if (task.worker !== undefined || task.failure !== undefined) return resume(Effect.void)
      task.wake = () => resume(Effect.void)
    })
    return Effect.flatMap(turn, begin)
  })
}

/** True when the worker was lost or was ending, and the task can be repeated without doing anything twice. */
const isRepeatable = (error: unknown, actor: ActorId | undefined, endpoint: AnyEndpoint | undefined): boolean =>
  endpoint !== undefined && actor !== undefined && reasonToRepeat(error, actor, endpoint) !== undefined

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const failed = exit.cause.reasons.find(Cause.isFailReason)
  return (failed?.error as { readonly _tag?: unknown } | undefined)?._tag === "PoolFull" ? "refused" : "failed"
}

/** Counts a task that is over, once. */
const count = (pool: OpenPool, task: Task, outcome: Outcome): void => {
  if (task.isOver) return
  task.isOver = true
  pool.counts.tasks[outcome]++
}

/** Works once on one worker. A task that has asked leaves, wherever an interruption meets it. */
const attempt = (pool: OpenPool, task: Task, work: Work): Effect.Effect<any, any, any> =>
  Effect.onExitPrimitive(asked(pool, task, work), (exit) => {
    const failed = Exit.isSuccess(exit) ? undefined : exit.cause.reasons.find(Cause.isFailReason)
    task.isRepeated = failed !== undefined && task.retries > 0 &&
      isRepeatable(failed.error, task.worker?.actor, task.endpoint)
    pool.leave(task, exit)
    if (!task.isRepeated) count(pool, task, outcomeOf(exit))
    return undefined
  })

/** Lets the ends of workers be read that were lost in the same moment, so that the task is not given to one of them. */
const othersLost = (pool: OpenPool, task: Task): Effect.Effect<void> =>
  Effect.onInterrupt(Effect.yieldNow, () => Effect.sync(() => count(pool, task, "interrupted")))

/** Works, and works elsewhere where a worker was lost before it had begun. */
const attempts = (pool: OpenPool, task: Task, work: Work): Effect.Effect<any, any, any> => {
  const once = attempt(pool, task, work)
  if (task.retries <= 0 || task.endpoint === undefined) return once
  return Effect.catchCause(once, (cause) => {
    if (!task.isRepeated) return Effect.failCause(cause)
    task.retries--
    return Effect.andThen(othersLost(pool, task), attempts(pool, task, work))
  })
}

/**
 * A task in the fiber of its caller, or beside it where it has a deadline. `endpoint` is that of a task that is one call; a
 * patient one waits beyond the bound of the queue.
 */
export const run = (
  pool: OpenPool,
  options: Options,
  work: Work,
  endpoint?: AnyEndpoint,
  patient = false
): Effect.Effect<any, any, any> =>
  Effect.suspend(() => {
    const { millis, retries } = Settings.taskOf(pool.name, options)
    const task = new Task(options.key, patient, retries, endpoint)
    if (millis <= 0) return late(pool, task, millis)
    const working = attempts(pool, task, work)
    return millis === Infinity ? working : within(pool, task, millis, working)
  })

const timeout = (pool: OpenPool, millis: number, phase: TaskTimeout["phase"]): TaskTimeout =>
  withoutStack(() => new TaskTimeout({ pool: pool.name, millis, phase }))

/** A task whose deadline is over before it asks. */
const late = (pool: OpenPool, task: Task, millis: number): Effect.Effect<never, TaskTimeout> => {
  count(pool, task, "timedOut")
  return Effect.fail(timeout(pool, Math.max(0, millis), "waiting"))
}

/**
 * Lets the caller go at the deadline, whatever its worker does: the work is interrupted beside it. A caller that is
 * interrupted waits for that.
 */
const within = (
  pool: OpenPool,
  task: Task,
  millis: number,
  work: Effect.Effect<any, any, any>
): Effect.Effect<any, any, any> =>
  Effect.withFiber((fiber) => {
    const at = pool.now + millis
    const around = fiber.getRef(Deadline)
    const deadline = around === undefined ? at : Math.min(around, at)
    const context = Context.add(fiber.context, Deadline, deadline) as Context.Context<never>
    return Effect.callback((resume) => {
      const timer = Effect.runForkWith(pool.context)(Effect.sleep(millis))
      const working = Effect.runForkWith(context)(work as Effect.Effect<unknown, unknown>)
      let isLate = false
      working.addObserver((exit) => {
        timer.interruptUnsafe()
        if (isLate) reportLate(pool, exit)
        else resume(exit)
      })
      timer.addObserver((exit) => {
        if (Exit.isFailure(exit) || working.pollUnsafe() !== undefined) return
        isLate = true
        count(pool, task, "timedOut")
        const phase = task.worker === undefined ? "waiting" : "running"
        working.interruptUnsafe()
        resume(Effect.fail(timeout(pool, millis, phase)))
      })
      return Effect.suspend(() => {
        timer.interruptUnsafe()
        return interrupted(working)
      })
    })
  })

/** Interrupts the work, and fails with what its cleanup fails with. */
const interrupted = (working: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    working.addObserver((exit) => {
      const dies = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
      resume(dies.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(dies)))
    })
    working.interruptUnsafe()
  })

/** A failure that came when its caller had gone. */
const reportLate = (pool: OpenPool, exit: Exit.Exit<unknown, unknown>): void => {
  if (Exit.isSuccess(exit) || !exit.cause.reasons.some(Cause.isDieReason)) return
  const line = `a task of the pool "${pool.name}" that was out of time could not clean up`
  Effect.runForkWith(pool.context)(Effect.logError(line, exit.cause))
}

/** A worker for as long as the Scope lives: for a stream. */
const held = (
  pool: OpenPool,
  key: string | undefined
): Effect.Effect<Portal<any>, ActorError | PoolFull, Scope.Scope> =>
  Effect.suspend(() => {
    const task = new Task(key, false, 0, undefined)
    const leave = (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => {
        pool.leave(task, exit)
        count(pool, task, outcomeOf(exit))
      })
    // Set before the task asks: a task that has asked leaves, wherever an interruption meets it.
    return Effect.andThen(Effect.addFinalizer(leave), asked(pool, task, Effect.succeed))
  })

/** A stream of one worker, which is the stream's until it is closed. */
export const stream = (
  pool: OpenPool,
  key: string | undefined,
  read: (portal: Portal<any>) => Stream.Stream<any, any>
): Stream.Stream<any, any> => Stream.unwrap(Effect.map(held(pool, key), read))
