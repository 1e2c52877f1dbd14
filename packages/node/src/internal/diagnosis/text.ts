/** Formats parts of a tree as text, in which names from the program cannot control a terminal. */

/** Replaces control characters in a name by their escapes, so that a terminal does not obey them. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

/**
 * Replaces control characters in a text of several lines by their escapes. Line breaks in a text of several lines are
 * kept as they are.
 */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n")

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Formats a time in the largest unit that is not larger than the time: `120 ms`, `4.2 s`, `3 min`, `2.5 h`. */
export const duration = (millis: number): string => {
  if (millis < second) return `${Math.round(millis)} ms`
  if (millis < minute) return `${(millis / second).toFixed(1)} s`
  if (millis < hour) return `${Math.round(millis / minute)} min`
  return `${(millis / hour).toFixed(1)} h`
}

/** Formats a number of bytes as mebibytes, as in `12 MiB`. */
export const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

/** Pads the cells of a table's columns to the widest cell of the column, except in the last column. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widest, row) => row.map((cell, i) => Math.max(widest[i] ?? 0, cell.length)),
    []
  )
  return rows.map((row) => row.map((cell, i) => i === row.length - 1 ? cell : cell.padEnd(widths[i]!)).join("  "))
}

/**
 * Returns a path below the working directory as a relative path. A path outside of the working directory stays
 * absolute.
 */
export const shortened = (path: string): string => {
  const here = `${process.cwd()}/`
  return path.startsWith(here) ? path.slice(here.length) : path
}
