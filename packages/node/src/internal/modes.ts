/**
 * The helper processes that a root may start, which are spares and a starter, and the modes that say when these
 * processes run.
 */

/**
 * The mode that says when a root keeps a spare process, which becomes the next actor in a fraction of the time of a
 * start:
 *
 * - In the mode `auto` of the option `spares`, the root keeps a spare from its first start on.
 * - In the mode `eager` of the option `spares`, the root keeps a spare from the root's own start on.
 * - In the mode `off` of the option `spares`, the root never keeps a spare.
 *
 * A spare needs as much memory as an idle actor. A spare ends when it has not become an actor within 30 seconds.
 *
 * @category models
 * @since 0.2.0
 */
export type SparesMode = "auto" | "eager" | "off"

/**
 * The mode (the option `starter`) that says when a root has a starter, a small process that starts the root's actors:
 *
 * - In the mode `auto`, a root that uses more than 256 MiB of memory gets a starter when it next starts an actor.
 * - In the mode `eager`, the root has a starter from the root's own start on.
 * - In the mode `off`, the root never has a starter.
 *
 * A process of Node stops while it starts another process, for a time that grows with the memory of the process. A
 * starter needs the memory of an empty process of Node, and ends with the root.
 *
 * @category models
 * @since 0.2.0
 */
export type StarterMode = "auto" | "eager" | "off"

type Mode = SparesMode & StarterMode

/** The mode of spares and of the starter in a root whose option and environment variable set no mode. */
const usual: Mode = "auto"

const modes: ReadonlyArray<unknown> = ["auto", "eager", "off"]

const isMode = (value: unknown): value is Mode => modes.includes(value)

type Env = Readonly<Record<string, string | undefined>>

/**
 * Returns the mode of spares or of the starter: from the root's option, or else from its environment variable, or else
 * `auto`. An unknown mode in the root's option or environment variable is returned as a warning.
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
