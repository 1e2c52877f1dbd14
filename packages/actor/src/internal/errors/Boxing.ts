/**
 * Any value that was thrown <-> a `Boxed` text. Boxing never throws: what cannot be read is said to be so.
 *
 * @since 0.1.0
 */
import type { Boxed } from "@furrow/protocol/Failure"
import { type ActorId, RemoteActorError } from "./ActorError.ts"

/** A chain longer than this is cut: errors can refer to themselves. */
const maxDepth = 8
/** One text of an error longer than this is cut: an error is no way around the frame limit. */
const maxTextChars = 64 * 1024

const cut = (text: string): string => text.length <= maxTextChars ? text : `${text.slice(0, maxTextChars)}… (cut)`

const read = (f: () => unknown, otherwise: string): string => {
  try {
    const value = f()
    return cut(typeof value === "string" ? value : String(value))
  } catch {
    return otherwise
  }
}

/** `instanceof` asks the value itself, and a proxy may throw at that. */
export const isA = <A>(value: unknown, type: abstract new(...args: ReadonlyArray<any>) => A): value is A => {
  try {
    return value instanceof type
  } catch {
    return false
  }
}

const typeOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return typeof value
  return read(() => {
    const tag = (value as { readonly _tag?: unknown })._tag
    if (typeof tag === "string") return tag
    return value instanceof Error ? value.name : value.constructor?.name ?? "Object"
  }, "Object")
}

/** An error of fields alone says them. */
const messageOf = (error: Error): string =>
  error.message === "" && Object.keys(error).length > 0 ? plainText({ ...error }) : error.message

const plainText = (value: unknown): string =>
  typeof value === "object" && value !== null
    ? read(() => JSON.stringify(value) ?? Object.prototype.toString.call(value), "(a value that cannot be shown)")
    : read(() => value, "(a value that cannot be shown)")

/** Boxes a value where it was thrown, or passes an already boxed one on with this actor added to its path. */
export const box = (value: unknown, origin: ActorId, depth = 0): Boxed => {
  if (isA(value, RemoteActorError)) {
    return { ...value.boxed, path: [...value.boxed.path, origin] }
  }
  const isError = isA(value, Error)
  const cause = isError && depth < maxDepth ? causeOf(value) : undefined
  return {
    type: typeOf(value),
    message: isError ? read(() => messageOf(value), "(its message cannot be read)") : plainText(value),
    stack: isError ? read(() => value.stack ?? "", "") : "",
    cause: cause === undefined ? null : box(cause, origin, depth + 1),
    origin,
    path: []
  }
}

const causeOf = (error: Error): unknown => {
  try {
    return error.cause
  } catch {
    return undefined
  }
}
