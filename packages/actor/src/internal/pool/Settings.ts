/**
 * Checks the options of a pool, and converts them to the limits of the pool's table.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { ActorError } from "../errors/ActorError.ts"
import type * as Table from "./Table.ts"

/**
 * The range of the number of workers, from `min` to `max`. While a pool has more workers than the limit `min`, a worker
 * without a task ends after the duration of the option `idle`. By default the range of a pool's workers has `min` 0 and
 * `idle` 30 seconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Size {
  readonly min?: number | undefined
  readonly max: number
  readonly idle?: Duration.Input | undefined
}

/**
 * The limits (tasks, age, memory) at which a pool replaces a sound worker by a new one. A worker that reaches a limit
 * of the option `recycle` first completes the tasks that it has. By default a pool replaces no worker for its tasks,
 * age or memory.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recycle {
  /** Replaces a worker of the pool after the given number of tasks. */
  readonly tasks?: number | undefined
  /** Replaces a worker of the pool at the given age. */
  readonly age?: Duration.Input | undefined
  /**
   * Replaces a worker whose process has the given number of MiB of resident memory, buffers and native memory included.
   * The pool measures the memory of a worker after a task, at most once a second.
   */
  readonly memory?: number | undefined
}

/**
 * The options of a pool: its limits, and the rules by which it starts and replaces workers.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolOptions {
  /** The number of workers of a pool: a fixed number, or a range in which the pool follows the number of tasks. */
  readonly size: number | Size
  /** The number of tasks that a worker may have at the same time. Default: 1. */
  readonly concurrency?: number | undefined
  /**
   * The number of tasks that may wait for busy workers. A task that finds the queue full fails with `PoolFull` at once.
   * Tasks that wait for a worker which is still starting do not count towards the limit of the queue. The queue of a
   * pool has no limit by default.
   */
  readonly queue?: number | undefined
  /**
   * The time that a worker has to let go of a task after the task was interrupted or its deadline has passed. A worker
   * that needs longer to let go of its task is replaced, and killed if it does not end. The default time to let go of a
   * task is 500 ms.
   */
  readonly letGo?: Duration.Input | undefined
  readonly recycle?: Recycle | undefined
  /**
   * The schedule of delays before the next start of a worker, while workers fail to start or die before their first
   * task has ended. Tasks that no other worker can run fail with the start's error when the schedule `backoff` ends, or
   * the option `startAttempts` is used up. The default delay before the next start of a worker is 100 ms, and doubles
   * after each failure.
   */
  readonly backoff?: Schedule.Schedule<unknown, ActorError> | undefined
  /**
   * The number of workers that may fail one after the other, either at their start or before their first task has
   * ended. Default: 3. A pool tries to start each of its first workers only once.
   */
  readonly startAttempts?: number | undefined
}

/** The names of the options that the pool itself reads, and does not pass to the start of each worker. */
export const names: ReadonlySet<string> = new Set<keyof PoolOptions>([
  "size",
  "concurrency",
  "queue",
  "letGo",
  "recycle",
  "backoff",
  "startAttempts"
])

const defaultIdleMillis = 30_000
const defaultLetGoMillis = 500
const defaultStartAttempts = 3
const bytesPerMiB = 1024 * 1024

export const defaultBackoff: Schedule.Schedule<unknown, ActorError> = Schedule.exponential("100 millis")

const refused = (of: string, what: string, value: unknown, needed: string): Error =>
  new Error(`${of} cannot have ${what} ${String(value)}: ${needed} is needed`)

/**
 * Converts a duration to milliseconds; throws when the value is no duration. Options of a pool are checked for `NaN`,
 * because a duration of `NaN` would mean no limit at all.
 */
const millisOf = (of: string, what: string, duration: Duration.Input): number => {
  const isNumber = typeof duration !== "number" || !Number.isNaN(duration)
  const known = isNumber ? Duration.fromInput(duration) : Option.none()
  if (Option.isNone(known)) throw refused(of, what, duration, "a duration")
  return Duration.toMillis(known.value)
}

const millis = (of: string, what: string, duration: Duration.Input | undefined, otherwise: number): number => {
  const known = duration === undefined ? otherwise : millisOf(of, what, duration)
  if (known < 0) throw refused(of, what, known, "0 or more")
  return known
}

/** Refuses a limit of 0 or less in the option `recycle`, because a limit of 0 would replace every worker at once. */
const above0 = (of: string, what: string, value: number): number => {
  if (value > 0) return value
  throw refused(of, what, value, "more than 0")
}

const whole = (of: string, what: string, value: number, least: number, most = Infinity): number => {
  if ((value === Infinity || Number.isInteger(value)) && value >= least && value <= most) return value
  throw refused(
    of,
    what,
    value,
    `a whole number, ${most === Infinity ? `${least} or more` : `between ${least} and ${most}`},`
  )
}

/**
 * Returns the milliseconds that a worker has to let go of a task. The time that a worker has to let go of a task must
 * be finite, so that every wait for a worker ends.
 */
export const letGoMillis = (name: string, { letGo }: PoolOptions): number => {
  const known = millis(`the pool "${name}"`, "letGo", letGo, defaultLetGoMillis)
  if (known === Infinity) throw refused(`the pool "${name}"`, "letGo", known, "an end")
  return known
}

/** Makes the limits of a pool's table from its options; throws when the options contradict each other. */
export const tableOf = (name: string, options: PoolOptions): Table.Options => {
  const { concurrency = 1, queue = Infinity, recycle = {}, size, startAttempts = defaultStartAttempts } = options
  const of = `the pool "${name}"`
  const { idle, max, min = 0 } = typeof size === "object" ? size : { idle: undefined, max: size, min: size }
  return {
    max: whole(of, "size.max", max, 1, Number.MAX_SAFE_INTEGER),
    min: whole(of, "size.min", min, 0, max),
    concurrency: whole(of, "concurrency", concurrency, 1),
    queue: whole(of, "queue", queue, 0),
    idle: millis(of, "size.idle", idle, defaultIdleMillis),
    tasks: whole(of, "recycle.tasks", recycle.tasks ?? Infinity, 1),
    age: above0(of, "recycle.age", millis(of, "recycle.age", recycle.age, Infinity)),
    memory: above0(of, "recycle.memory", recycle.memory ?? Infinity) * bytesPerMiB,
    attempts: whole(of, "startAttempts", startAttempts, 1)
  }
}

const defaultRetries = 1

/**
 * Checks the options of one task, and throws when a value makes no sense. The option `within` of a task may be
 * negative, because a caller may pass the remaining time of a deadline that has passed.
 */
export const taskOf = (
  pool: string,
  { retries, within }: { readonly retries?: number | undefined; readonly within?: Duration.Input | undefined }
): { readonly millis: number; readonly retries: number } => {
  const of = `a task of the pool "${pool}"`
  return {
    millis: within === undefined ? Infinity : millisOf(of, "within", within),
    retries: retries === undefined ? defaultRetries : whole(of, "retries", retries, 0)
  }
}

/** Checks the concurrency of `Pool.map`; throws when no task would ever run. */
export const mapConcurrency = (pool: string, concurrency: number): number =>
  Math.min(whole(`a map of the pool "${pool}"`, "concurrency", concurrency, 1), Number.MAX_SAFE_INTEGER)

/** Returns the milliseconds that a pool may take to drain. */
export const drainMillis = (pool: string, within: Duration.Input): number =>
  Math.max(0, millisOf(`the end of the pool "${pool}"`, "within", within))
