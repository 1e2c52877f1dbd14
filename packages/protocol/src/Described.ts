/**
 * Describes in one line anything that a user's code threw or failed with, as the reason of an error.
 *
 * @since 0.1.0
 */
import { format } from "effect/Formatter"

/**
 * Returns the message of an error. An error without a message is described by its name and fields; any other value is
 * formatted as text.
 *
 * @example
 * ```ts
 * Described.described(new Error("no room")) // "no room"
 * Described.described({ code: 7 }) // '{"code":7}'
 * ```
 * @category formatting
 * @since 0.1.0
 */
export const described = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return typeof thrown === "string" ? thrown : format(thrown)
  if (thrown.message !== "") return thrown.message
  const fields = Object.fromEntries(Object.entries(thrown).filter(([name]) => name !== "_tag" && name !== "name"))
  return Object.keys(fields).length === 0 ? thrown.name : `${thrown.name} ${format(fields)}`
}
