/**
 * Turns any thrown value into a `Boxed` text. Boxing never throws, because a text replaces each part of a value that
 * cannot be read.
 *
 * @since 0.1.0
 */
import type { Boxed } from "@furrow/protocol/Failure"
import type * as Schema from "effect/Schema"
import { type ActorId, RemoteActorError } from "./ActorError.ts"
import { reservedProperties } from "./unbox.ts"

/** The number of causes after which an error's chain of causes is cut, because errors can refer to themselves. */
const maxDepth = 8
/**
 * The number of characters after which a text of an error or a log line is cut, so that the text stays below the frame
 * limit.
 */
const maxTextChars = 64 * 1024

export const cut = (text: string): string =>
  text.length <= maxTextChars ? text : `${text.slice(0, maxTextChars)}… (cut)`

const read = (f: () => unknown, otherwise: string): string => {
  try {
    const value = f()
    return cut(typeof value === "string" ? value : String(value))
  } catch {
    return otherwise
  }
}

/**
 * True for a value that is an instance of `type`. `instanceof` is guarded, because it runs code of the value, and a
 * proxy may throw.
 */
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

/**
 * Returns the message of an error; an error without a message but with fields is described by the text of its fields.
 */
const messageOf = (error: Error): string =>
  error.message === "" && Object.keys(error).length > 0 ? plainText({ ...error }) : error.message

const plainText = (value: unknown): string =>
  typeof value === "object" && value !== null
    ? read(() => JSON.stringify(value) ?? Object.prototype.toString.call(value), "(a value that cannot be shown)")
    : read(() => value, "(a value that cannot be shown)")

/** The type and the message of an error without its stack: reading the stack costs more than the failed call. */
export const summaryOf = (value: unknown): Pick<Boxed, "type" | "message"> => ({
  type: typeOf(value),
  message: isA(value, Error) ? read(() => messageOf(value), "(its message cannot be read)") : plainText(value)
})

/**
 * Boxes a thrown value in the actor where it was thrown. A value that is already boxed gets the boxing actor added to
 * its path.
 */
export const box = (value: unknown, origin: ActorId): Boxed => boxWithin(value, origin, 0, { parts: maxParts })

const boxWithin = (value: unknown, origin: ActorId, depth: number, left: { parts: number }): Boxed => {
  if (isA(value, RemoteActorError)) {
    return { ...value.boxed, path: [...value.boxed.path, origin] }
  }
  const isError = isA(value, Error)
  const within = (inner: unknown): Boxed => boxWithin(inner, origin, depth + 1, left)
  const cause = isError && depth < maxDepth ? causeOf(value) : undefined
  const parts = isError && depth < maxDepth ? partsOf(value) : []
  const properties = isError ? propertiesOf(value, parts.length > 0) : {}
  return {
    ...summaryOf(value),
    stack: isError ? read(() => value.stack ?? "", "") : "",
    cause: cause === undefined ? null : within(cause),
    origin,
    path: [],
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(parts.length === 0 || left.parts === 0 ? {} : { parts: boxParts(parts, left, within) })
  }
}

const causeOf = (error: Error): unknown => {
  try {
    return error.cause
  } catch {
    return undefined
  }
}

// ---- parts --------------------------------------------------------------------------------------------------------

/** The largest number of errors in one boxed failure, counted over all depths, because nested aggregates multiply. */
const maxParts = 32

/**
 * The errors that an error holds in a list, as an AggregateError does. A list that holds values other than errors is
 * kept as a property of the error.
 */
const partsOf = (error: Error): ReadonlyArray<unknown> => {
  try {
    const { errors } = error as { readonly errors?: unknown }
    if (!Array.isArray(errors)) return []
    const first = errors.slice(0, maxParts)
    return isA(error, AggregateError) || first.some((part) => isA(part, Error)) ? first : []
  } catch {
    return []
  }
}

const boxParts = (
  parts: ReadonlyArray<unknown>,
  left: { parts: number },
  within: (part: unknown) => Boxed
): ReadonlyArray<Boxed> => {
  const boxed: Array<Boxed> = []
  for (const part of parts) {
    if (left.parts === 0) break
    left.parts--
    boxed.push(within(part))
  }
  return boxed
}

// ---- properties ---------------------------------------------------------------------------------------------------

/** The largest number of an error's own properties that are read. */
const maxProperties = 64
/** The largest number of characters of all properties of one error, with their names. */
const maxPropertyText = 16 * 1024
/** The largest depth of nested objects and arrays in an error's property that is kept. */
const maxPropertyDepth = 4

/**
 * The own properties of an error that are plain data. Each property of an error is kept whole or left out, because a
 * part of a value would be another value.
 */
const propertiesOf = (error: Error, hasParts: boolean): Record<string, Schema.Json> => {
  const kept: Record<string, Schema.Json> = {}
  try {
    let left = maxPropertyText
    for (const key of Object.keys(error).slice(0, maxProperties)) {
      if (reservedProperties.has(key) || hasParts && key === "errors") continue
      const budget = { text: left - key.length }
      const value = plain(() => (error as unknown as Record<string, unknown>)[key], budget)
      if (value === undefined) continue
      kept[key] = value
      left = budget.text
    }
  } catch {
    // The keys of the error cannot be read, so no property of the error is kept.
  }
  return kept
}

/**
 * Returns a property's value as JSON; `undefined` if the value has no JSON form, nests too deep, or has more characters
 * than `budget` allows.
 */
const plain = (get: () => unknown, budget: { text: number }): Schema.Json | undefined => {
  try {
    return plainValue(get(), maxPropertyDepth, budget)
  } catch {
    return undefined
  }
}

const plainValue = (value: unknown, depth: number, budget: { text: number }): Schema.Json | undefined => {
  budget.text -= typeof value === "string" ? value.length : 8
  if (budget.text < 0) return undefined
  switch (typeof value) {
    case "string":
      return value.toWellFormed()
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : undefined
    case "object":
      if (value === null) return null
      if (depth === 0) return undefined
      return Array.isArray(value) ? plainArray(value, depth, budget) : plainObject(value, depth, budget)
    default:
      return undefined
  }
}

const plainArray = (
  values: ReadonlyArray<unknown>,
  depth: number,
  budget: { text: number }
): Schema.Json | undefined => {
  const kept: Array<Schema.Json> = []
  for (const value of values) {
    const item = plainValue(value, depth - 1, budget)
    if (item === undefined) return undefined
    kept.push(item)
  }
  return kept
}

const plainObject = (value: object, depth: number, budget: { text: number }): Schema.Json | undefined => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const kept: Record<string, Schema.Json> = {}
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key]
    if (inner === undefined) continue
    budget.text -= key.length
    const item = key === "__proto__" ? undefined : plainValue(inner, depth - 1, budget)
    if (item === undefined) return undefined
    kept[key] = item
  }
  return kept
}
