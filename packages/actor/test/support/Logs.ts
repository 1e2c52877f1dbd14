/** What a root's loggers get to see. */
import * as Logger from "effect/Logger"
import * as References from "effect/References"

export interface Line {
  readonly level: string
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A logger that remembers, as the only one. */
export const captureLogs = () => {
  const lines: Array<Line> = []
  const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    lines.push({ level: logLevel, message, annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  return { lines: lines as ReadonlyArray<Line>, layer: Logger.layer([logger]) }
}
