/**
 * An uncaught error, on stderr. It may be any value: one that throws where it is looked at must not end the
 * process before its finalizers have run.
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

/** Writes an error down. A value that cannot be shown, or a missing reader, throws nothing. */
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
    // Standard error has no reader.
  }
}

const sparing = /--unhandled-rejections[= ](none|warn-with-error-code|warn)\b/

/** Writes down an unhandled rejection, and the flag of Node that was to spare the process, if there is one. */
export const tellRejection = (error: unknown): void => {
  tell(error)
  const flag = sparing.exec([...process.execArgv, process.env["NODE_OPTIONS"]].join(" "))
  if (flag === null) return
  tell(
    `--unhandled-rejections=${flag[1]} is not followed here: an unhandled rejection ends an actor, and a root, as ` +
      "any uncaught error does"
  )
}
