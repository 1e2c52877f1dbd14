/**
 * Turns a boxed error into an `Error` with the fields of the original error: name, message, stack, cause, nested errors
 * and own properties.
 *
 * @since 0.1.0
 */
import type { Boxed } from "@furrow/protocol/Failure"

/** The fields that every error has, which cross as fields of a boxed error and not among its properties. */
export const reservedProperties: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "__proto__"])

export const unbox = (boxed: Boxed): Error => {
  const { message, parts = [], properties = {} } = boxed
  const cause = boxed.cause === null ? undefined : { cause: unbox(boxed.cause) }
  const errors = parts.map(unbox)
  const error = errors.length === 0 ? new Error(message, cause) : new AggregateError(errors, message, cause)
  error.name = boxed.type
  error.stack = errors.length === 0 ? boxed.stack : withParts(boxed.stack, errors)
  for (const [key, value] of Object.entries(properties)) {
    // A property of the boxed error is defined and not assigned, because the prototype may have a setter of the same
    // name.
    if (!reservedProperties.has(key) && !(key === "errors" && errors.length > 0)) {
      Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true })
    }
  }
  return error
}

/**
 * Appends the stacks of an `AggregateError`'s errors to its own stack, because `Cause.pretty` prints only the stack and
 * the cause of an error.
 */
const withParts = (stack: string, parts: ReadonlyArray<Error>): string =>
  parts.reduce(
    (text, part, i) => `${text}\n  [errors ${i}]: ${userFrames(part.stack ?? "").replaceAll("\n", "\n  ")}`,
    userFrames(stack)
  )

const effectFrame = /^\s*at .*(?:Generator\.next|~effect\/(?:Effect|Utils))/

const userFrames = (stack: string): string => {
  const lines = stack.split("\n")
  const end = lines.findIndex((line) => effectFrame.test(line))
  return end < 0 ? stack : lines.slice(0, end).join("\n")
}
