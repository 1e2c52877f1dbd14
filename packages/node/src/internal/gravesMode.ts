/** Finds the folder in which a tree keeps the records of its actors, and the post-mortems of dead actors. */
import * as Path from "node:path"

/** The value of the option `graves` with which a tree keeps no records. */
const none = "off"

interface Chosen {
  readonly folder: string | undefined
  readonly warning: string | undefined
}

/**
 * Returns the folder for a root's post-mortems: from the option `graves`, or else from `FURROW_GRAVES`, or else the
 * default folder. An invalid value of the option `graves` or of the variable `FURROW_GRAVES` is returned as a warning.
 */
export const gravesFolder = (
  option: unknown,
  env: Readonly<Record<string, string | undefined>>,
  usual: string
): Chosen => {
  const [name, value] = option === undefined ? ["FURROW_GRAVES", env["FURROW_GRAVES"]] : ["the option graves", option]
  if (value === undefined || value === "") return { folder: usual, warning: undefined }
  if (value === none) return { folder: undefined, warning: undefined }
  if (typeof value === "string" && Path.isAbsolute(value)) return { folder: value, warning: undefined }
  return {
    folder: usual,
    warning: `${name} is ${JSON.stringify(value)}: use an absolute path, or off. It is ${usual} now`
  }
}
