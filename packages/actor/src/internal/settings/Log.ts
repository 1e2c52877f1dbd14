/**
 * Writes the log lines of the runtime itself, and the log lines of other actors that this actor forwards. When a user's
 * logger throws, only this logger's line is lost; the runtime and all other loggers continue.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"

type Loggers = typeof Logger.CurrentLoggers.Service

const guarded = (loggers: Loggers): Loggers =>
  new Set(
    Array.from(loggers, (logger) =>
      Logger.make((options) => {
        try {
          logger.log(options)
        } catch {
          // The error of a logger that throws is ignored, because the other loggers have written the line.
        }
      }))
  )

/** Runs a log effect of the runtime, which does not fail when a logger throws. */
const guard = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Logger.CurrentLoggers, guarded)

/** Writes a log line of another actor; the write succeeds even when a user's logger throws. */
export const logWithLevel = (level: LogLevel.Severity) => (...message: ReadonlyArray<unknown>): Effect.Effect<void> =>
  guard(Effect.logWithLevel(level)(...message))

/**
 * Writes a line of the runtime at the level Error; `logError` succeeds even when a user's logger throws.
 *
 * @example
 * ```ts
 * const broken = Logger.make(() => {
 *   throw new Error("disk full")
 * })
 * yield* ActorProcess.logError("an actor is lost").pipe(Effect.provide(Logger.layer([broken])))
 * ```
 * @category platforms
 * @since 0.2.0
 */
export const logError = (...message: ReadonlyArray<unknown>): Effect.Effect<void> => guard(Effect.logError(...message))

/**
 * Writes a line of the runtime at the level Warning; `logWarning` succeeds even when a user's logger throws.
 *
 * @example
 * ```ts
 * yield* ActorProcess.logWarning("an actor is slow")
 * ```
 * @category platforms
 * @since 0.2.0
 */
export const logWarning = (...message: ReadonlyArray<unknown>): Effect.Effect<void> =>
  guard(Effect.logWarning(...message))

/**
 * Writes a line of the runtime at the level Info; `logInfo` succeeds even when a user's logger throws.
 *
 * @example
 * ```ts
 * yield* ActorProcess.logInfo("a line of an actor")
 * ```
 * @category platforms
 * @since 0.2.0
 */
export const logInfo = (...message: ReadonlyArray<unknown>): Effect.Effect<void> => guard(Effect.logInfo(...message))
