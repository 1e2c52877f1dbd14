/**
 * Estimates at least how large a value will be when encoded: the length of its texts and bytes, and one byte for
 * everything else.
 *
 * Values that are sent to another actor are plain data, so all their fields and elements can be visited. The estimate
 * of a value's size stops at the argument `limit`, above which the value counts as large. The estimate is exact only
 * for a single text or a single block of bytes, because only there does the exact size matter.
 *
 * @since 0.1.0
 */

/** The depth down to which a value is visited; each field or element below this depth counts as one byte. */
const maxDepth = 32

/**
 * Returns the estimated size of a value in bytes. The function `weigh` stops counting as soon as the estimated size is
 * above the argument `limit`.
 */
export const weigh = (value: unknown, limit: number): number => {
  switch (typeof value) {
    case "string":
      return value.length
    case "object":
      return value === null ? 1 : weighObject(value, limit, 0)
    default:
      return 1
  }
}

const weighInside = (value: unknown, limit: number, depth: number): number => {
  switch (typeof value) {
    case "string":
      return value.length + 1
    case "object":
      return value === null ? 1 : weighObject(value, limit, depth)
    default:
      return 1
  }
}

const weighObject = (value: object, limit: number, depth: number): number => {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (depth > maxDepth) return 1
  let weight = 1
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && weight <= limit; i++) weight += weighInside(value[i], limit, depth + 1)
    return weight
  }
  if (value instanceof Map || value instanceof Set) {
    for (const entry of value) {
      weight += weighInside(entry, limit, depth + 1)
      if (weight > limit) return weight
    }
    return weight
  }
  for (const key in value) {
    weight += weighInside((value as Readonly<Record<string, unknown>>)[key], limit, depth + 1)
    if (weight > limit) return weight
  }
  return weight
}
