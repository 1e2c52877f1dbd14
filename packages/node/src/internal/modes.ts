/**
 * The processes that a root may have beside its actors, and when.
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

/**
 * The times at which a root has a starter, a small process that starts its actors:
 *
 * - `auto`: from the first start on at which the root is larger than 256 MiB
 * - `eager`: from the beginning
 * - `off`: never
 *
 * A process of Node stands still while it starts another one, the longer the larger it is. A starter takes the memory
 * of a bare process of Node, and ends with the root.
 *
 * @category models
 * @since 0.2.0
 */
export type StarterMode = "auto" | "eager" | "off"

type Mode = SparesMode & StarterMode

/** The mode of a root without an option and without a variable. */
const usual: Mode = "auto"

const modes: ReadonlyArray<unknown> = ["auto", "eager", "off"]

const isMode = (value: unknown): value is Mode => modes.includes(value)

type Env = Readonly<Record<string, string | undefined>>

/** The mode of a root: the option, else the variable of its environment, else `auto`; and a value that was not followed. */
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
