/**
 * Writes an uncaught error to the stderr of this process. An uncaught value may be of any JavaScript type. An uncaught
 * value whose getters throw must not end the process before the program's finalizers have run.
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
 * Writes an error to the stderr of this process. The function `tell` throws nothing, even if the error cannot be
 * formatted or stderr has no reader.
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
    // A write to stderr fails where the reader of this process's stderr has closed the stream, and the failure is
    // ignored.
  }
}

const sparing = /--unhandled-rejections[= ](none|warn-with-error-code|warn)\b/

/**
 * Writes an unhandled rejection of a promise to stderr. The message about an unhandled rejection names the flag of Node
 * with which the program permits unhandled rejections.
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
