/**
 * Runs a task of a pool as an Effect: asks for a worker, runs the task's work on that worker, and always leaves the
 * worker.
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
import { logError } from "../settings/Log.ts"
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

/** Asks the pool for a worker, waits for the worker, and runs the work of the task in the worker. */
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
      // The task checks a second time whether it has a worker, because a worker may have taken the task while the
      // task's fiber was suspended.
      if (task.worker !== undefined || task.failure !== undefined) return resume(Effect.void)
      task.wake = () => resume(Effect.void)
    })
    return Effect.flatMap(turn, begin)
  })
}

/** True when the task's worker was lost or was ending, and a second run of the task cannot do its work twice. */
const isRepeatable = (error: unknown, actor: ActorId | undefined, endpoint: AnyEndpoint | undefined): boolean =>
  endpoint !== undefined && actor !== undefined && reasonToRepeat(error, actor, endpoint) !== undefined

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const failed = exit.cause.reasons.find(Cause.isFailReason)
  return (failed?.error as { readonly _tag?: unknown } | undefined)?._tag === "PoolFull" ? "refused" : "failed"
}

/** Counts the outcome of an ended task once. */
const count = (pool: OpenPool, task: Task, outcome: Outcome): void => {
  if (task.isOver) return
  task.isOver = true
  pool.counts.tasks[outcome]++
}

/**
 * Runs the work of a task once, on one worker. A task always leaves the queue or its worker when it ends, so that an
 * interruption leaks no place in the queue and no worker.
 */
const attempt = (pool: OpenPool, task: Task, work: Work): Effect.Effect<any, any, any> =>
  Effect.onExitPrimitive(asked(pool, task, work), (exit) => {
    const failed = Exit.isSuccess(exit) ? undefined : exit.cause.reasons.find(Cause.isFailReason)
    task.isRepeated = failed !== undefined && task.retries > 0 &&
      isRepeatable(failed.error, task.worker?.actor, task.endpoint)
    pool.leave(task, exit)
    if (!task.isRepeated) count(pool, task, outcomeOf(exit))
    return undefined
  })

/**
 * Waits until the pool knows of every worker that was lost at the same moment as the task's worker. Without the wait
 * for all losses, the pool could give the task to another worker whose loss is not known yet.
 */
const othersLost = (pool: OpenPool, task: Task): Effect.Effect<void> =>
  Effect.onInterrupt(Effect.yieldNow, () => Effect.sync(() => count(pool, task, "interrupted")))

/**
 * Runs the work of a task. If the worker of a task is lost before the task's work has begun, the work runs on another
 * worker.
 */
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
 * Runs a task in the fiber of its caller, or in a fiber of its own where the task has a deadline. The argument
 * `endpoint` is set for a task that is one call. A task with the argument `patient` may wait even when the queue is
 * full.
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

/** Makes the failure of a task whose deadline had passed before the task asked for a worker. */
const late = (pool: OpenPool, task: Task, millis: number): Effect.Effect<never, TaskTimeout> => {
  count(pool, task, "timedOut")
  return Effect.fail(timeout(pool, Math.max(0, millis), "waiting"))
}

/**
 * Lets the caller of a task continue at the task's deadline, and interrupts the work in the background. An interrupted
 * caller of a task waits until the work of the task has ended.
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

/** Interrupts the work of a task, waits for the work's end, and fails with the failures of its cleanup. */
const interrupted = (working: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    working.addObserver((exit) => {
      const dies = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
      resume(dies.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(dies)))
    })
    working.interruptUnsafe()
  })

/** Logs a failure of a task that came after the task's caller had continued. */
const reportLate = (pool: OpenPool, exit: Exit.Exit<unknown, unknown>): void => {
  if (Exit.isSuccess(exit) || !exit.cause.reasons.some(Cause.isDieReason)) return
  const line = `a task of the pool "${pool.name}" that was out of time could not clean up`
  Effect.runForkWith(pool.context)(logError(line, exit.cause))
}

/** Holds a worker for a task such as a stream, until the Scope closes. */
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
    // The task adds its finalizer before it asks for a worker, so that an interruption between the two steps leaks no
    // worker.
    return Effect.andThen(Effect.addFinalizer(leave), asked(pool, task, Effect.succeed))
  })

/** Reads a stream from one worker of the pool, and holds the worker until the stream is closed. */
export const stream = (
  pool: OpenPool,
  key: string | undefined,
  read: (portal: Portal<any>) => Stream.Stream<any, any>
): Stream.Stream<any, any> => Stream.unwrap(Effect.map(held(pool, key), read))
