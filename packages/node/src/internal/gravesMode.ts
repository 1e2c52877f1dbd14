/**
 * The folder in which a tree keeps the records of its actors, and the post-mortems of those that died.
 */
import * as Path from "node:path"

/** The value of the option by which a tree keeps no records. */
const none = "off"

interface Chosen {
  readonly folder: string | undefined
  readonly warning: string | undefined
}

/**
 * Returns the folder for a root's post-mortems: that of the option, else that of the variable, else the usual folder. A
 * value of the option or the variable that could not be used is returned as well.
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
