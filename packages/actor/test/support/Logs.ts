/** What a root's loggers get to see. */
import * as Logger from "effect/Logger"
import * as References from "effect/References"

export interface Line {
  readonly level: string
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
  /** The time that it says it was made. */
  readonly millis: number
}

/** A logger that remembers, as the only one. */
export const captureLogs = () => {
  const lines: Array<Line> = []
  const logger = Logger.make<unknown, void>(({ date, fiber, logLevel, message }) => {
    const annotations = fiber.getRef(References.CurrentLogAnnotations)
    lines.push({ level: logLevel, message, annotations, millis: date.getTime() })
  })
  return { logger, lines: lines as ReadonlyArray<Line>, layer: Logger.layer([logger]) }
}

/** The same behind a logger that throws at every line. */
export const withThrowing = ({ logger }: ReturnType<typeof captureLogs>) => {
  const throwing = Logger.make<unknown, void>(() => {
    throw new Error("disk full")
  })
  return Logger.layer([throwing, logger])
}
