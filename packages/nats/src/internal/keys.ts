/**
 * The names of the entries that the NATS driver makes in its bucket. The name of a bucket's entry consists of words of
 * letters, digits and a few other characters, separated by dots.
 */

/**
 * The length limit of a bucket entry's name, because a NATS server closes the connection of a client with a longer
 * subject.
 */
const maxNameChars = 2_000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Encodes a part of a key between two slashes as a word of a NATS subject, which is never empty. Unusual characters in
 * a key are written as bytes behind `=`.
 */
const wordOf = (part: string): string =>
  part === ""
    ? "="
    : part.replace(/[^A-Za-z0-9_-]/gu, (char) =>
      Array.from(encoder.encode(char), (byte) => `=${byte.toString(16).padStart(2, "0")}`).join(""))

const partOf = (word: string): string => {
  if (word === "=") return ""
  const bytes = word.replace(
    /=([0-9a-f]{2})|[^]/g,
    (char, hex) => String.fromCharCode(hex ? parseInt(hex, 16) : char.charCodeAt(0))
  )
  return decoder.decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)))
}

const within = (name: string): string => {
  if (name.length <= maxNameChars) return name
  throw new Error(`a key of ${name.length} characters in NATS is too long: ${maxNameChars} are possible`)
}

/** Returns the name of the bucket's entry for a key. */
export const entryOf = (key: string): string => within(`k.${key.split("/").map(wordOf).join(".")}`)

/** Returns the key to which an entry of the bucket belongs. */
export const keyOf = (entry: string): string => entry.split(".").slice(1).map(partOf).join("/")

/** Returns a filter that matches the entries of all keys that begin with `prefix`, and perhaps other entries. */
export const filterOf = (prefix: string): string =>
  within(["k", ...prefix.split("/").slice(0, -1).map(wordOf), ">"].join("."))

/** The NATS filter that matches the entries of all keys. */
export const keys = "k.>"

/** Returns the name of the bucket's entry for a lease. */
export const leaseOf = (id: string): string => within(`l.${wordOf(id)}`)

/** The NATS filter that matches the entries of all leases. */
export const leases = "l.>"

/** The name of a bucket entry that is written only to learn the NATS server's time. */
export const clock = "clock"
