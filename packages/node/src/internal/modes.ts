/**
 * The helper processes that a root may start beside its actors: spares and a starter, each with a mode that says when
 * the helper runs.
 */

/**
 * The times at which a root keeps a spare process, which becomes the next actor in a fraction of a start:
 *
 * - In the mode `auto`, the root keeps a spare from its first start on.
 * - In the mode `eager`, the root keeps a spare from the beginning.
 * - In the mode `off`, the root never keeps a spare.
 *
 * A spare needs as much memory as an idle actor. A spare ends when it has not become an actor within 30 seconds.
 *
 * @category models
 * @since 0.2.0
 */
export type SparesMode = "auto" | "eager" | "off"

/**
 * The times at which a root has a starter, a small process that starts its actors:
 *
 * - In the mode `auto`, the root has a starter from the first start at which it is larger than 256 MiB.
 * - In the mode `eager`, the root has a starter from the beginning.
 * - In the mode `off`, the root never has a starter.
 *
 * A process of Node stops while it starts another one, and the stop grows with the memory of the process. A starter
 * needs the memory of an empty process of Node, and ends with the root.
 *
 * @category models
 * @since 0.2.0
 */
export type StarterMode = "auto" | "eager" | "off"

type Mode = SparesMode & StarterMode

/** The mode of a root that sets neither the option nor the variable. */
const usual: Mode = "auto"

const modes: ReadonlyArray<unknown> = ["auto", "eager", "off"]

const isMode = (value: unknown): value is Mode => modes.includes(value)

type Env = Readonly<Record<string, string | undefined>>

/**
 * Returns the mode of a root: that of the option, else that of the environment variable, else `auto`. A value of the
 * option or the variable that is no mode is returned as well.
 */
const modeOf = (
  option: string,
  given: unknown,
  variable: string,
  env: Env
): { readonly mode: Mode; readonly warning: string | undefined } => {
  const [name, value] = given === undefined ? [variable, env[variable]] : [`the option ${option}`, given]
  if (value === undefined || value === "") return { mode: usual, warning: undefined }
  if (isMode(value)) return { mode: value, warning: undefined }
  return {
    mode: usual,
    warning: `${name} is ${JSON.stringify(value)}: use auto, eager or off. It is ${usual} now`
  }
}

export const sparesMode = (option: unknown, env: Env) => modeOf("spares", option, "FURROW_SPARES", env)

export const starterMode = (option: unknown, env: Env) => modeOf("starter", option, "FURROW_STARTER", env)
