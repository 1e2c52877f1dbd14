/**
 * Checks that bytes are one value of plain msgpack. The check goes over the msgpack tokens, builds no value and reads
 * no text.
 *
 * The parser of msgpackr trusts its input: the parser knows a dozen extensions (regular expressions, errors,
 * records), believes a declared length and prints its input into its error messages. Plain msgpack holds one value of
 * nil, booleans, numbers, text, bytes, arrays and maps with text keys, at most `maxDepth` deep, without further
 * bytes. A hostile frame costs one check of its msgpack tokens, and never reaches the parser of msgpackr.
 */

/** The deepest nesting of arrays and maps that is accepted; a `Start` with log annotations has at most 11 levels. */
const maxDepth = 16

const truncated = -1
const extended = -2
const tooDeep = -3
const badKey = -4

const issues: { readonly [code: number]: string } = {
  [truncated]: "it ends inside a value",
  [extended]: "it holds an extension or an unused token",
  [tooDeep]: `it is nested more than ${maxDepth} deep`,
  [badKey]: "a map has a key that is not plain text"
}

/**
 * Returns `undefined` for bytes that are one msgpack value without extensions, with text keys and at most `maxDepth`
 * levels. Describes the fault of any other bytes.
 */
export const issue = (bytes: Uint8Array): string | undefined => {
  const end = walk(bytes, 0, 0)
  if (end < 0) return issues[end]
  return end === bytes.length ? undefined : "bytes follow its end"
}

const u16 = (b: Uint8Array, at: number): number => b[at]! << 8 | b[at + 1]!
const u32 = (b: Uint8Array, at: number): number =>
  (b[at]! << 24 | b[at + 1]! << 16 | b[at + 2]! << 8 | b[at + 3]!) >>> 0

/** The position behind the msgpack value that begins at `at`, or a negative code of its fault. */
const walk = (b: Uint8Array, at: number, depth: number): number => {
  if (at >= b.length) return truncated
  const token = b[at]!
  if (token < 0x80 || token >= 0xe0) return at + 1
  if (token < 0x90) return walkMap(b, at + 1, token & 0x0f, depth)
  if (token < 0xa0) return walkArray(b, at + 1, token & 0x0f, depth)
  if (token < 0xc0) return within(b, at + 1 + (token & 0x1f))
  switch (token) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at + 1
    case 0xcc:
    case 0xd0:
      return within(b, at + 2)
    case 0xcd:
    case 0xd1:
      return within(b, at + 3)
    case 0xca:
    case 0xce:
    case 0xd2:
      return within(b, at + 5)
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return within(b, at + 9)
    case 0xc4:
    case 0xd9:
      return at + 2 > b.length ? truncated : within(b, at + 2 + b[at + 1]!)
    case 0xc5:
    case 0xda:
      return at + 3 > b.length ? truncated : within(b, at + 3 + u16(b, at + 1))
    case 0xc6:
    case 0xdb:
      return at + 5 > b.length ? truncated : within(b, at + 5 + u32(b, at + 1))
    case 0xdc:
      return at + 3 > b.length ? truncated : walkArray(b, at + 3, u16(b, at + 1), depth)
    case 0xdd:
      return at + 5 > b.length ? truncated : walkArray(b, at + 5, u32(b, at + 1), depth)
    case 0xde:
      return at + 3 > b.length ? truncated : walkMap(b, at + 3, u16(b, at + 1), depth)
    case 0xdf:
      return at + 5 > b.length ? truncated : walkMap(b, at + 5, u32(b, at + 1), depth)
    default:
      return extended
  }
}

const within = (b: Uint8Array, end: number): number => end > b.length ? truncated : end

const walkArray = (b: Uint8Array, start: number, count: number, depth: number): number => {
  if (depth === maxDepth) return tooDeep
  let at = start
  for (let i = 0; i < count && at >= 0; i++) at = walk(b, at, depth + 1)
  return at
}

const walkMap = (b: Uint8Array, start: number, count: number, depth: number): number => {
  if (depth === maxDepth) return tooDeep
  let at = start
  for (let i = 0; i < count && at >= 0; i++) {
    const value = walkKey(b, at)
    at = value < 0 ? value : walk(b, value, depth + 1)
  }
  return at
}

const proto = Array.from("__proto__", (letter) => letter.charCodeAt(0))

const walkKey = (b: Uint8Array, at: number): number => {
  if (at >= b.length) return truncated
  const token = b[at]!
  const short = token >= 0xa0 && token < 0xc0
  if (!short && (token < 0xd9 || token > 0xdb)) return badKey
  const end = walk(b, at, 0)
  if (end < 0) return end
  const text = at + (short ? 1 : token === 0xd9 ? 2 : token === 0xda ? 3 : 5)
  // The key `__proto__` would change the prototype of the parsed object, so `__proto__` is refused in every form of its
  // length.
  return end - text === proto.length && proto.every((byte, i) => b[text + i] === byte) ? badKey : end
}
