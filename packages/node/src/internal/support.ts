/** Checks whether this version of Node or another JavaScript runtime can run actors. */

/**
 * The oldest version of Node with the features that actors need: hooks of the module loader, and the stripping of
 * types.
 */
const oldest = [22, 19] as const

/** Returns a sentence for the user where this JavaScript runtime cannot run actors. */
export const unsupported = (versions: Readonly<Record<string, string | undefined>>): string | undefined => {
  const needed = `Furrow needs Node ${oldest.join(".")} or newer`
  for (const [name, shown] of [["bun", "Bun"], ["deno", "Deno"]] as const) {
    if (versions[name] !== undefined) return `${needed}, and this is ${shown} ${versions[name]}: run it with Node`
  }
  const [major = 0, minor = 0] = (versions["node"] ?? "").split(".").map(Number)
  const enough = major > oldest[0] || major === oldest[0] && minor >= oldest[1]
  return enough ? undefined : `${needed}, and this is Node ${versions["node"] ?? "of no version"}: install a newer one`
}
