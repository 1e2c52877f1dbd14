/**
 * Writes an uncaught error to stderr. An uncaught value may be of any type. An uncaught value whose getters throw must
 * not end the process before its finalizers have run.
 *
 * @since 0.1.0
 */
import { format, inspect } from "node:util"

const shown = (error: unknown): string => {
  try {
    return format(error)
  } catch {
    return inspect(error, { customInspect: false, getters: false })
  }
}

/**
 * Writes an error to the stderr of this process. A value that cannot be formatted, or a stderr without a reader, throws
 * no further error.
 */
export const tell = (error: unknown, before = ""): void => {
  let text: string
  try {
    text = shown(error)
  } catch {
    text = "an error that cannot be shown"
  }
  try {
    process.stderr.write(`${before}${text}\n`)
  } catch {
    // The stderr of this process has lost its reader.
  }
}

const sparing = /--unhandled-rejections[= ](none|warn-with-error-code|warn)\b/

/**
 * Writes an unhandled rejection to stderr. The message about an unhandled rejection names the flag of Node which the
 * program has set so that rejections do not end the process.
 */
export const tellRejection = (error: unknown): void => {
  tell(error)
  const flag = sparing.exec([...process.execArgv, process.env["NODE_OPTIONS"]].join(" "))
  if (flag === null) return
  tell(
    `--unhandled-rejections=${flag[1]} is not followed here: an unhandled rejection ends an actor, and a root, as ` +
      "any uncaught error does"
  )
}
