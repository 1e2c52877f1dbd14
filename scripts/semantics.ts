/**
 * Checks docs/semantics.md against the tests: each guarantee and each row of the table of cancellation is named in a
 * title, and no title names a guarantee or a row that is missing.
 *
 *     node scripts/semantics.ts
 *
 * A title names guarantees before its first colon, as in "G7, G53: a lost actor fails every open call".
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { read, type TestFile } from "./lib/tests.ts"

export const document = "docs/semantics.md"

/** The number of rows in the table of cancellation in docs/semantics.md; each row needs a test. */
const rows = 17

/** Returns the numbers of the guarantees in the order of docs/semantics.md, where each guarantee begins a line. */
export const guarantees = (text: string): ReadonlyArray<number> =>
  Array.from(text.matchAll(/^- \*\*G(\d+)\*\* /gm), ([, number]) => Number(number))

const head = (title: string): string => title.includes(":") ? title.slice(0, title.indexOf(":")) : ""

/** Returns the guarantees that a test's title names. */
const named = (title: string): ReadonlyArray<number> =>
  Array.from(head(title).matchAll(/\bG(\d+)\b/g), ([, number]) => Number(number))

/**
 * Returns the rows of the table of cancellation in docs/semantics.md that a test's title names, as in "26.1 rows 16 and
 * 17".
 */
const rowsOf = (title: string): ReadonlyArray<number> => {
  const [, list] = /\b26\.1 rows? ([\d, and]+)/.exec(head(title)) ?? []
  return list === undefined ? [] : Array.from(list.matchAll(/\d+/g), ([row]) => Number(row))
}

const range = (to: number): ReadonlyArray<number> => Array.from({ length: to }, (_, i) => i + 1)

/** Returns all problems of docs/semantics.md, one line each. */
export const problems = (text: string, tests: ReadonlyArray<TestFile>): ReadonlyArray<string> => {
  const known = guarantees(text)
  const titles = tests.flatMap(({ file, titles }) => titles.map((title) => ({ file, title })))
  const shown = new Set(titles.flatMap(({ title }) => named(title)))
  const shownRows = new Set(titles.flatMap(({ title }) => rowsOf(title)))
  return [
    ...known.filter((number, i) => number !== i + 1).map((number) =>
      `${document}: G${number} is not in order: guarantees count up from 1`
    ),
    ...known.filter((number) => !shown.has(number)).map((number) => `${document}: no test's title names G${number}`),
    ...titles.flatMap(({ file, title }) =>
      named(title).filter((number) => !known.includes(number)).map((number) =>
        `${file}: "${title}" names G${number}, which ${document} does not have`
      )
    ),
    ...range(rows).filter((row) => !shownRows.has(row)).map((row) => `no test's title says "26.1 row ${row}"`),
    ...range(rows).filter((row) => !new RegExp(`^\\| ${row} \\|`, "m").test(text)).map((row) =>
      `${document}: row ${row} of the table is missing`
    )
  ]
}

if (import.meta.main) {
  const root = Path.resolve(import.meta.dirname, "..")
  const text = Fs.readFileSync(Path.join(root, document), "utf8")
  const found = problems(text, read(root))
  for (const problem of found) console.error(problem)
  console.log(`semantics: ${guarantees(text).length} guarantees, ${found.length} problems`)
  process.exitCode = found.length === 0 ? 0 : 1
}
