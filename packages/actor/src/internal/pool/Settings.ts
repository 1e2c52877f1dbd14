/**
 * The options of a pool, and the bounds they make.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import type { ActorError } from "../errors/ActorError.ts"
import type * as Table from "./Table.ts"

/**
 * How many workers there are: between `min` and `max`. One that has been idle for so long ends, while there are more
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
 * When a worker is replaced though nothing is wrong with it. Its tasks are over first. Default: never.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recycle {
  /** After so many tasks. */
  readonly tasks?: number | undefined
  /** When it has lived for so long. */
  readonly age?: Duration.Input | undefined
  /**
   * When its process has so many MiB of resident memory, buffers and native memory included. Looked at after a task, once
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
  /** Tasks that one worker may have at once. Default: 1. */
  readonly concurrency?: number | undefined
  /**
   * Tasks that may wait for workers that are busy: another one is `PoolFull`, at once. Those that workers are still to be
   * started for wait besides. Default: any number.
   */
  readonly queue?: number | undefined
  /**
   * How long a worker may take to let go of a task that was interrupted or is out of time. One that takes longer is
   * replaced, and killed where it does not end. Default: half a second.
   */
  readonly letGo?: Duration.Input | undefined
  readonly recycle?: Recycle | undefined
  /**
   * The waits between starts of a worker that fail. When it ends, or after `startAttempts` of them, tasks that no other
   * worker can have fail with the error of the start. Default: 100 ms, doubled each time.
   */
  readonly backoff?: Schedule.Schedule<unknown, ActorError> | undefined
  /** Default: 3. The first workers of a pool have one. */
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

const millis = (duration: Duration.Input | undefined, otherwise: number): number =>
  duration === undefined ? otherwise : Duration.toMillis(duration)

/** Refuses what would replace every worker at once. */
const above0 = (name: string, what: string, value: number): number => {
  if (value > 0) return value
  throw new Error(`the pool "${name}" cannot have ${what} ${value}: more than 0 is needed`)
}

export const letGoMillis = ({ letGo }: PoolOptions): number => millis(letGo, defaultLetGoMillis)

/** The bounds of a pool; throws where they contradict each other. */
export const tableOf = (name: string, options: PoolOptions): Table.Options => {
  const { concurrency = 1, queue = Infinity, recycle = {}, size, startAttempts = defaultStartAttempts } = options
  const { idle, max, min = 0 } = typeof size === "number" ? { idle: undefined, max: size, min: size } : size
  const whole = (what: string, value: number, least: number, most = Infinity) => {
    if (value === Infinity || Number.isInteger(value)) {
      if (value >= least && value <= most) return
    }
    const bounds = most === Infinity ? `${least} or more` : `between ${least} and ${most}`
    throw new Error(`the pool "${name}" cannot have ${what} ${value}: a whole number is needed, ${bounds}`)
  }
  whole("size.max", max, 1, Number.MAX_SAFE_INTEGER)
  whole("size.min", min, 0, max)
  whole("concurrency", concurrency, 1)
  whole("queue", queue, 0)
  whole("startAttempts", startAttempts, 1)
  whole("recycle.tasks", recycle.tasks ?? Infinity, 1)
  return {
    min,
    max,
    concurrency,
    queue,
    idle: millis(idle, defaultIdleMillis),
    tasks: recycle.tasks ?? Infinity,
    age: above0(name, "recycle.age", millis(recycle.age, Infinity)),
    memory: above0(name, "recycle.memory", recycle.memory ?? Infinity) * bytesPerMiB,
    attempts: startAttempts
  }
}
