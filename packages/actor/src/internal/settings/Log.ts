/**
 * Writes log lines of the runtime: its own lines, and lines of other actors that it forwards. A logger of the program
 * that throws loses its own line and affects neither the runtime nor another logger.
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
          // The error of a logger that throws is dropped, because the other loggers have the log line.
        }
      }))
  )

/** Runs a log effect of the runtime, which does not fail when a logger throws. */
const guard = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Logger.CurrentLoggers, guarded)

/** Writes a log line of another actor; a logger of the program that throws does not fail the write. */
export const logWithLevel = (level: LogLevel.Severity) => (...message: ReadonlyArray<unknown>): Effect.Effect<void> =>
  guard(Effect.logWithLevel(level)(...message))

/**
 * Writes an Error line of the runtime; a logger of the program that throws does not fail `logError`.
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
 * Writes a Warning line of the runtime; a logger of the program that throws does not fail `logWarning`.
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
 * Writes an Info line of the runtime; a logger of the program that throws does not fail `logInfo`.
 *
 * @example
 * ```ts
 * yield* ActorProcess.logInfo("a line of an actor")
 * ```
 * @category platforms
 * @since 0.2.0
 */
export const logInfo = (...message: ReadonlyArray<unknown>): Effect.Effect<void> => guard(Effect.logInfo(...message))
