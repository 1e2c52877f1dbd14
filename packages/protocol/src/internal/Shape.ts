/**
 * Finds values that are nested too deep, or that contain themselves. A codec runs out of stack on a value that is too
 * deep, and the codec's own error does not name this fault. No function of the module Shape recurses or throws.
 *
 * @since 0.1.0
 */

import * as Cause from "effect/Cause"
import { described } from "../Described.ts"

/** The largest number of nested structs, lists and class instances that `SchemaBinary` reads. */
const maxLevels = 512
/**
 * The number of nested levels below which a value is never refused as too deep; each level of a class instance counts
 * several times.
 */
const shallowLevels = 100
/** The largest number of inner values that are visited to find out why a value cannot be encoded. */
const maxVisited = 1_000_000
/** The largest number of keys that an error shows when it names the path to an inner value, such as `["a"]["b"]`. */
const shownSteps = 12

interface Place {
  readonly value: object
  readonly entries: Iterator<readonly [unknown, unknown]>
}

function* entriesOf(value: object): Generator<readonly [unknown, unknown]> {
  if (value instanceof Map) yield* value.entries()
  else if (Array.isArray(value) || value instanceof Set) yield* [...value].entries()
  else if (!ArrayBuffer.isView(value)) { for (const key of Object.keys(value)) yield [key, Reflect.get(value, key)] }
}

const placeOf = (value: object): Place => ({ value, entries: entriesOf(value) })

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/**
 * Visits the values inside a value, depth first, until `found` returns a result, or `limit` values have been visited.
 */
const search = <A>(
  root: unknown,
  limit: number,
  found: (value: object, keys: ReadonlyArray<unknown>, open: ReadonlySet<object>) => A | undefined
): A | "limit" | undefined => {
  if (!isObject(root)) return undefined
  const places = [placeOf(root)]
  const keys: Array<unknown> = []
  const open = new Set<object>([root])
  for (let visited = 0; places.length > 0; visited++) {
    if (visited > limit) return "limit"
    const place = places.at(-1)!
    const next = place.entries.next()
    if (next.done === true) {
      open.delete(place.value)
      places.pop()
      keys.pop()
      continue
    }
    const [key, value] = next.value
    if (!isObject(value)) continue
    keys.push(key)
    const answer = found(value, keys, open)
    if (answer !== undefined) return answer
    open.add(value)
    places.push(placeOf(value))
  }
  return undefined
}

const attempt = <A>(f: () => A, otherwise: A): A => {
  try {
    return f()
  } catch {
    return otherwise
  }
}

const step = (key: unknown): string => attempt(() => `[${JSON.stringify(key) ?? String(key)}]`, "[…]")

const path = (steps: ReadonlyArray<string>): string => {
  const rest = steps.length > shownSteps ? `… (${steps.length} steps)` : ""
  return `\n  at ${steps.slice(0, shownSteps).join("")}${rest}`
}

/** Formats as text the path that leads to an inner value of a value, or to an inner schema of a schema. */
export const at = (keys: ReadonlyArray<unknown>): string => path(keys.map(step))

/** Describes the place where a value contains itself or becomes too deep; `undefined` for any other value. */
const shapeIssue = (value: unknown): string | undefined => {
  const issue = attempt(
    () =>
      search(value, maxVisited, (inner, keys, open) => {
        if (open.has(inner)) return `Expected a value that does not contain itself${at(keys)}`
        return keys.length > maxLevels ? `Expected a value of fewer levels${at(keys)}` : undefined
      }),
    undefined
  )
  return issue === "limit" ? undefined : issue
}

/** True when a value of this many bytes may have more nested levels than its reader accepts. */
export const mayBeDeep = (value: unknown, bytes: number): boolean =>
  bytes > maxLevels &&
  attempt(() => search(value, bytes, (_, keys) => keys.length > shallowLevels ? true : undefined), true) !== undefined

/**
 * Names the place where a value holds text with half of a surrogate pair, as a value or a key. Returns `undefined` when
 * all text of the value is read as it was written.
 */
export const textIssue = (value: unknown, read: () => unknown): string | undefined =>
  attempt(() => {
    const broken = brokenTexts({ value })
    // JSON escapes half of a surrogate pair, so a text inside JSON arrives unchanged and is not reported as a fault.
    return broken.length === 0 || brokenTexts({ value: read() }).length >= broken.length
      ? undefined
      : `Expected text without half of a surrogate pair${broken[0]}`
  }, undefined)

const brokenTexts = (root: object): ReadonlyArray<string> => {
  const found: Array<string> = []
  const seen = new Set<object>()
  const look = (value: object, keys: ReadonlyArray<unknown>): void => {
    seen.add(value)
    for (const [key, inner] of entriesOf(value)) {
      const isBroken = [key, inner].some((text) => typeof text === "string" && !text.isWellFormed())
      if (isBroken) found.push(keys.length === 0 && value === root ? "" : at([...keys.slice(1), key]))
      else if (isObject(inner) && !seen.has(inner)) look(inner, [...keys, key])
    }
  }
  look(root, [])
  return found
}

const depthIssue = /call stack|Sync adapter|Constructor adapter|acyclic|^Expected JSON value|JSON-serializable/
const nestingIssue = /^Expected nesting depth at most \d+/

/** Describes the error that a codec has thrown, and names the shape of the value when its shape is the reason. */
export const explain = (cause: unknown, value: unknown): string => {
  const message = textOf(cause)
  if (!depthIssue.test(message)) return message
  const issue = shapeIssue(value)
  const [, place = ""] = message.split("\n  at ")
  return issue?.includes(place) ? issue : message
}

/** Describes the error that a codec has thrown for bytes, without a value to look at. */
export const explainRead = (cause: unknown): string => {
  const message = textOf(cause)
  return /call stack|Sync adapter/.test(message) ? "Expected a value of fewer levels" : message
}

/** The error that a check or a conversion of the schema threw; `undefined` when the stack overflowed. */
const thrownInside = (cause: unknown): unknown => {
  const inside: unknown = cause instanceof Error ? cause.cause : undefined
  if (!Cause.isCause(inside)) return undefined
  const defect = inside.reasons.find(Cause.isDieReason)?.defect
  return defect instanceof RangeError ? undefined : defect
}

/** Returns the text of an error; the text shows only the first keys of the path to a value that is nested too deep. */
const textOf = (cause: unknown): string => {
  const thrown = thrownInside(cause)
  const message = thrown === undefined ? described(cause) : `Code of the schema has thrown: ${described(thrown)}`
  if (!nestingIssue.test(message)) return message
  const steps = message.match(/\[[^\]]*\]/g) ?? []
  return `Expected a value of fewer levels${path(steps)}`
}
