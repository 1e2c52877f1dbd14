/**
 * Edits a section of a document that a script writes, between a comment at its beginning and a comment at its end.
 */
import * as Fs from "node:fs"

export interface Section {
  readonly begin: string
  readonly end: string
  readonly text: string
}

/** Returns the document with the given text in its section; throws if the document has no section of this name. */
export const fill = (document: string, { begin, end, text }: Section): string => {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document must hold "${begin}" and "${end}"`)
  return `${document.slice(0, from + begin.length)}${text}${document.slice(to)}`
}

/**
 * Writes a document with the sections that the code describes. With the option `--check` the script only compares the
 * document, and fails with the given problem if the document differs.
 */
export const writeOrCheck = (file: string, complete: (document: string) => string, problem: string): boolean => {
  const document = Fs.readFileSync(file, "utf8")
  const next = complete(document)
  const holds = next === document
  if (!process.argv.includes("--check")) Fs.writeFileSync(file, next)
  else if (!holds) {
    console.error(problem)
    process.exitCode = 1
  }
  return holds
}
