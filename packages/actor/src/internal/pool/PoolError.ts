/**
 * The failures `PoolFull` and `TaskTimeout`, which a pool itself adds to the failures of a task.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The pool refused the task at once because its queue was full; the field `waiting` is the number of tasks that waited
 * for a worker. No part of a refused task was sent to a worker.
 *
 * @example
 * ```ts
 * const pool = yield* Pool.make({ expose: [isPrime, forever], size: 1, queue: 0 })
 * yield* Effect.forkChild(pool.run(forever()), { startImmediately: true })
 * const error = yield* Effect.flip(pool.run(isPrime({ n: 7 })))
 * error._tag // "PoolFull"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class PoolFull extends Schema.TaggedError<PoolFull>()("PoolFull", {
  pool: Schema.String,
  waiting: Schema.Int
}) {
  override get message(): string {
    return `the pool "${this.pool}" is full: ${this.waiting} tasks wait already. Slow down, or raise \`queue\` or \`size.max\``
  }
}

/**
 * The task did not end within the time that its caller allowed in the option `within`. The field `phase` says whether
 * the task was still waiting for a worker or was running when its time was over. A task that was running at its
 * deadline may have done its work.
 *
 * @example
 * ```ts
 * const pool = yield* Pool.make({ expose: [forever], size: 1 })
 * const error = yield* Effect.flip(pool.run(forever(), { within: "50 millis" }))
 * error._tag // "TaskTimeout"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class TaskTimeout extends Schema.TaggedError<TaskTimeout>()("TaskTimeout", {
  pool: Schema.String,
  millis: Schema.Finite,
  phase: Schema.Literals(["waiting", "running"])
}) {
  override get message(): string {
    const was = this.phase === "waiting" ? "no worker was free" : "its worker had not answered"
    return `a task of the pool "${this.pool}" was not done within ${this.millis} ms: ${was}`
  }
}
