/**
 * Formats numbers and tables of the census for people, as pure functions.
 */
const withCommas = new Intl.NumberFormat("en-US")

export const count = (n: number): string => withCommas.format(n)

export const bytes = (n: number): string => {
  if (n < 1000) return `${n} B`
  if (n < 1_000_000) return `${(n / 1000).toFixed(1)} kB`
  if (n < 1_000_000_000) return `${(n / 1_000_000).toFixed(1)} MB`
  return `${(n / 1_000_000_000).toFixed(1)} GB`
}

export const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

/** Formats a number with its noun, as in `1 file` and `2 files`. */
export const many = (n: number, one: string, more = `${one}s`): string => `${count(n)} ${n === 1 ? one : more}`

/** Shortens a file's path at its beginning, because the name of the file is at the end. */
export const shorten = (text: string, width: number): string =>
  text.length <= width ? text : `…${text.slice(text.length - Math.max(width - 1, 0))}`

export interface Column {
  readonly title: string
  readonly side: "left" | "right"
}

/**
 * Formats rows of a text table as aligned columns, two spaces apart. The first column of a text table is shortened
 * where lines would be longer than `width`.
 */
export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  width: number
): ReadonlyArray<string> => {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)))
  const others = widths.slice(1).reduce((sum, each) => sum + each + 2, 0)
  widths[0] = Math.min(widths[0]!, Math.max(width - others, 16))
  return lines.map((line) =>
    line.map((cell, index) => {
      const text = index === 0 ? shorten(cell, widths[0]!) : cell
      return columns[index]!.side === "left" ? text.padEnd(widths[index]!) : text.padStart(widths[index]!)
    }).join("  ").trimEnd()
  )
}
