/**
 * Sends the logs of an actor to its parent: level, message, annotations and cause, in order.
 *
 * The actor's logger queues log records, and sends them as calls of an endpoint that every actor serves to its
 * children. One batch of log records is on its way at a time, so a slow parent slows the sending. Log records beyond
 * the bound `maxQueuedRecords` are counted and dropped. The parent logs each log record with its own loggers, annotated
 * with the actor that wrote the log record. Each parent passes the records of its children on to its own parent, so the
 * root's loggers get the records of all actors.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { format } from "effect/Formatter"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import type { DialogContext } from "../dialog/DialogContext.ts"
import type { Handler } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { formatActor } from "../errors/ActorError.ts"
import { cut } from "../errors/Boxing.ts"
import { logWithLevel } from "../settings/Log.ts"
import { Waiters } from "../settings/Waiters.ts"

const LogRecord = Schema.Struct({
  level: Schema.Literals(["Fatal", "Error", "Warn", "Info", "Debug", "Trace"]),
  message: Schema.Array(Schema.String),
  annotations: Schema.Record(Schema.String, Schema.String),
  cause: Schema.NullOr(Schema.String),
  millis: Schema.Finite,
  /**
   * The ids of the trace and of the span in which a log record was made; absent for a log record outside of any span.
   */
  span: Schema.optionalKey(Schema.Tuple([Schema.String, Schema.String]))
})
type LogRecord = typeof LogRecord.Type

const logs = endpoint("furrow/logs", { payload: { records: Schema.Array(LogRecord) } })

const text = (value: unknown): string => cut(typeof value === "string" ? value : read(() => format(value)))

/**
 * Reads the message, an annotation or the cause of a log record. A logger must not throw, so a placeholder replaces a
 * value of a log record that cannot be read.
 */
const read = (f: () => string): string => {
  try {
    return f()
  } catch {
    return "(a value that cannot be shown)"
  }
}

const sizeOf = ({ annotations, cause, message }: LogRecord): number => {
  let size = cause === null ? 0 : cause.length
  for (const line of message) size += line.length
  for (const name in annotations) size += name.length + annotations[name]!.length
  return size
}

/** The largest number of log records that may wait for a slow parent; further log records are dropped and counted. */
const maxQueuedRecords = 4096
/** The largest number of log records in one batch. */
const maxBatchRecords = 256
/** The largest number of characters in one batch of log records. */
const maxBatchChars = 1024 * 1024

export interface LogForwarder {
  readonly logger: Logger.Logger<unknown, void>
  /** Sends the remaining log records, and waits until all of them are sent. */
  readonly flush: Effect.Effect<void>
}

/** The logger of an actor below the root. */
export const makeForwarder = (
  channel: PeerChannel,
  env: DialogContext,
  context: Context.Context<never>
): LogForwarder => {
  let queue: Array<LogRecord> = []
  let dropped = 0
  let sending = false
  const idle = new Waiters()
  const next = (): void => {
    if (queue.length === 0 || !channel.isOpen) {
      sending = false
      return idle.wake()
    }
    let count = 0
    for (let size = 0; count < Math.min(maxBatchRecords, queue.length) && size < maxBatchChars; count++) {
      size += sizeOf(queue[count]!)
    }
    const records = queue.slice(0, count)
    queue = queue.slice(count)
    if (dropped > 0) {
      const message = [`${dropped} log records were dropped: the parent is too slow`]
      records.push({ level: "Warn", message, annotations: {}, cause: null, millis: records.at(-1)!.millis })
      dropped = 0
    }
    // Failures of sending logs are ignored: the parent is gone then, and no other actor would read the logs.
    Effect.runForkWith(context)(Caller.run(channel, env, logs({ records }))).addObserver(next)
  }
  const logger = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
    if (queue.length >= maxQueuedRecords) {
      dropped++
      return
    }
    const annotations = fiber.getRef(References.CurrentLogAnnotations)
    const { span } = fiber.cache
    queue.push({
      level: logLevel === "All" || logLevel === "None" ? "Info" : logLevel,
      message: (Array.isArray(message) ? message : [message]).map(text),
      annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [name, text(value)])),
      cause: cause.reasons.length === 0 ? null : text(read(() => Cause.pretty(cause))),
      millis: date.getTime(),
      ...(span === undefined ? {} : { span: [span.traceId, span.spanId] as const })
    })
    if (sending) return
    sending = true
    // The log records that are made in one turn of the event loop are sent together.
    channel.turn.later(next, idle)
  })
  const flush = Effect.callback<void>((resume) => {
    if (!sending) return resume(Effect.void)
    return Effect.sync(idle.add(() => resume(Effect.void)))
  })
  return { logger, flush }
}

/**
 * The annotation of a log record that names the actor that wrote the record.
 *
 * @example
 * ```ts
 * ActorProcess.actorAnnotation // "actor"
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const actorAnnotation = "actor"

/**
 * A clock that stands still at the time at which a log record was made, because loggers read the time from the clock.
 */
const stoppedAt = (clock: Clock.Clock, millis: number): Clock.Clock =>
  Object.assign(Object.create(clock) as Clock.Clock, { currentTimeMillisUnsafe: () => millis })

const spanOf = ([traceId, spanId]: readonly [string, string]): Tracer.ExternalSpan =>
  Tracer.externalSpan({ traceId, spanId })

/**
 * The handler that every actor serves to its children: it logs the children's records with the loggers of this actor.
 */
export const handler = (context: Context.Context<never>, channel: PeerChannel): Handler => ({
  endpoint: logs.endpoint,
  context,
  handler: ({ records }: { readonly records: ReadonlyArray<LogRecord> }) => {
    const actor = formatActor(channel.peer)
    return Effect.clockWith((clock) =>
      Effect.forEach(records, ({ annotations, cause, level, message, millis, span }) => {
        const lines = cause === null ? message : [...message, cause]
        const log = logWithLevel(level)(...lines)
        return (span === undefined ? log : Effect.withParentSpan(log, spanOf(span))).pipe(
          // The parent's minimum level does not apply to a child's log record, because the child has checked the level
          // already.
          Effect.provideService(References.MinimumLogLevel, "All" as LogLevel.LogLevel),
          Effect.provideService(Clock.Clock, stoppedAt(clock, millis)),
          Effect.annotateLogs({ [actorAnnotation]: actor, ...annotations })
        )
      }, { discard: true })
    )
  }
})

/** Returns a copy of a context in which the given logger replaces all loggers. */
export const withLogger = <R>(
  context: Context.Context<R>,
  logger: Logger.Logger<unknown, void>
): Context.Context<R> => Context.add(context, Logger.CurrentLoggers, new Set([logger]))
