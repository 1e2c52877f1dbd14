/**
 * The way a root keeps processes ready for its next starts.
 */

/**
 * The times at which a root keeps a spare process, which becomes the next actor in a fraction of a start:
 *
 * - `auto`: from its first start on
 * - `eager`: from the beginning
 * - `off`: never
 *
 * A spare takes the memory of an idle actor, and ends when it has not been taken for 30 seconds.
 *
 * @category models
 * @since 0.2.0
 */
export type SparesMode = "auto" | "eager" | "off"

/** The mode where nothing is said of it. */
const usual: SparesMode = "auto"

const modes: ReadonlyArray<unknown> = ["auto", "eager", "off"]

const isMode = (value: unknown): value is SparesMode => modes.includes(value)

/** The mode of a root: the option, else the variable of its environment, else `auto`; and what was not followed. */
export const sparesMode = (
  option: unknown,
  env: Readonly<Record<string, string | undefined>>
): { readonly spares: SparesMode; readonly warning: string | undefined } => {
  const [name, value] = option === undefined ? ["FURROW_SPARES", env["FURROW_SPARES"]] : ["the option spares", option]
  if (value === undefined || value === "") return { spares: usual, warning: undefined }
  if (isMode(value)) return { spares: value, warning: undefined }
  return {
    spares: usual,
    warning: `${name} is ${JSON.stringify(value)}: use auto, eager or off. It is ${usual} now`
  }
}
