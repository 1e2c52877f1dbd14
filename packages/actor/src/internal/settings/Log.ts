/**
 * Log lines that the runtime writes, its own and those that it passes on. A logger of the program that throws loses its own line:
 * neither the runtime nor another logger notices.
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
          // A logger that throws cannot be told of by itself, and the others have the line.
        }
      }))
  )

/** Runs a log effect of the runtime: a logger that throws does not fail it. */
const guard = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Logger.CurrentLoggers, guarded)

/** Writes a line of another actor, which no logger of the program can fail. */
export const logWithLevel = (level: LogLevel.Severity) => (...message: ReadonlyArray<unknown>): Effect.Effect<void> =>
  guard(Effect.logWithLevel(level)(...message))

/**
 * Writes an Error line of the runtime, which no logger of the program can fail.
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
 * Writes a Warning line of the runtime, which no logger of the program can fail.
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
 * Writes an Info line of the runtime, which no logger of the program can fail.
 *
 * @example
 * ```ts
 * yield* ActorProcess.logInfo("a line of an actor")
 * ```
 * @category platforms
 * @since 0.2.0
 */
export const logInfo = (...message: ReadonlyArray<unknown>): Effect.Effect<void> => guard(Effect.logInfo(...message))
