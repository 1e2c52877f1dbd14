/**
 * The options of a pool, and the bounds they make.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { ActorError } from "../errors/ActorError.ts"
import type * as Table from "./Table.ts"

/**
 * How many workers there are: between `min` and `max`. A worker that has been idle for this time ends, while there are more
 * than `min`. Default: `min` 0, `idle` 30 seconds.
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
 * Conditions under which a sound worker is replaced. Its tasks are over first. Default: never.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recycle {
  /** Replaces a worker after this number of tasks. */
  readonly tasks?: number | undefined
  /** Replaces a worker at this age. */
  readonly age?: Duration.Input | undefined
  /**
   * Replaces a worker whose process has this many MiB of resident memory, buffers and native memory included. Looked at after a task, once
   * a second at most.
   */
  readonly memory?: number | undefined
}

/**
 * The bounds of a pool, and how it treats its workers.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolOptions {
  /** A number of workers, or between how many. */
  readonly size: number | Size
  /** Tasks that a worker may have at once. Default: 1. */
  readonly concurrency?: number | undefined
  /**
   * Tasks that may wait for workers that are busy: another one is `PoolFull`, at once. Those that workers are still to be
   * started for wait besides. Default: any number.
   */
  readonly queue?: number | undefined
  /**
   * How long a worker may take to let go of a task that was interrupted or is out of time. A worker that takes longer is
   * replaced, and killed if it does not end. Default: half a second.
   */
  readonly letGo?: Duration.Input | undefined
  readonly recycle?: Recycle | undefined
  /**
   * The waits before another start where workers do not start, or die before a task of theirs is over. When it ends, or
   * after `startAttempts` in a row, tasks that no other worker can have fail with the error. Default: 100 ms, doubled each
   * time.
   */
  readonly backoff?: Schedule.Schedule<unknown, ActorError> | undefined
  /** Workers in a row that may come to nothing. Default: 3. The first workers of a pool have one start. */
  readonly startAttempts?: number | undefined
}

/** The names of these options: the others are those of a start. */
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

/** Milliseconds of a duration; throws where it is none. `NaN` would be none at all. */
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

/** Refuses what would replace every worker at once. */
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

/** The time that a worker has to let go of a task. Every such wait has an end. */
export const letGoMillis = (name: string, { letGo }: PoolOptions): number => {
  const known = millis(`the pool "${name}"`, "letGo", letGo, defaultLetGoMillis)
  if (known === Infinity) throw refused(`the pool "${name}"`, "letGo", known, "an end")
  return known
}

/** The bounds of a pool; throws where they contradict each other. */
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

/** The bounds of one task; throws where they make no sense. The rest of a deadline may be below 0. */
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

/** The bound of a map; throws where nothing would ever run. */
export const mapConcurrency = (pool: string, concurrency: number): number =>
  Math.min(whole(`a map of the pool "${pool}"`, "concurrency", concurrency, 1), Number.MAX_SAFE_INTEGER)

/** Milliseconds for draining. */
export const drainMillis = (pool: string, within: Duration.Input): number =>
  Math.max(0, millisOf(`the end of the pool "${pool}"`, "within", within))
