/**
 * The language of comments, pages, test titles and error texts, checked: CONTRIBUTING.md says why.
 *
 *     node scripts/language.ts               fails where a file has more faults than scripts/language.json allows it
 *     node scripts/language.ts --list TEXT   every fault of the files whose path holds the text
 *     node scripts/language.ts --lower       takes back what files no longer need; without a budget, begins one
 *
 * The budget is a ratchet: nothing here raises it, and a file that it does not name may have no fault.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Sentence } from "./lib/prose.ts"
import * as Prose from "./lib/prose.ts"

export const kinds = ["headless", "riddle"] as const
export type Kind = (typeof kinds)[number]

export interface Fault extends Sentence {
  readonly file: string
  readonly kind: Kind
}

/** Faults of each kind that a file may have. */
export type Counts = Readonly<Record<Kind, number>>
export type Budget = Readonly<Record<string, Counts>>

/** A clause or a pronoun in the place of a noun. */
const openers =
  /^\W*(?:who|whoever|whom|whose|what|whatever|where|wherever|whether|nobody|somebody|anybody|those who|one that|so (?:many|much|long|far) (?!as\b)\w+)\b/i

/** Words behind which a noun of the glossary hides. */
const riddles = /\b(?:somebody|anybody|nobody|whoever|who is|what is|that one|so many)\b/i

const isQuestion = (text: string) => /\?\)?$/.test(text)

/** A comment may go on in lower case after a colon or a picture; titles and texts begin so. */
const isHeadless = ({ place, text }: Sentence) =>
  openers.test(text) && (place === "title" || place === "text" || /^\W*[A-Z]/.test(text))

/** The faults of one file, given by its path below the root. */
export const faultsOf = (file: string, text: string): ReadonlyArray<Fault> => {
  const sentences = file.endsWith(".md")
    ? Prose.ofPage(text)
    : Prose.ofSource(file, text, { titles: file.endsWith(".test.ts") })
  return sentences.filter(({ text }) => !isQuestion(text)).flatMap((sentence) => [
    ...(isHeadless(sentence) ? [{ ...sentence, file, kind: "headless" as const }] : []),
    ...(riddles.test(sentence.text) ? [{ ...sentence, file, kind: "riddle" as const }] : [])
  ]).toSorted((a, b) => a.line - b.line)
}

const patterns = [
  "*.md",
  "docs/**/*.md",
  ".github/**/*.md",
  "packages/*/README.md",
  "packages/*/src/**/*.ts",
  "packages/*/test/**/*.test.ts",
  "scripts/*.ts",
  "scripts/{lib,test}/*.ts",
  "scripts/mutants/README.md"
]

/** A page that a script writes from comments, which are checked where they stand. */
const isWritten = (file: string): boolean => file.startsWith("docs/api/")

export const faults = (root: string): ReadonlyArray<Fault> =>
  Fs.globSync(patterns, { cwd: root }).map((file) => file.split(Path.sep).join("/")).filter((file) => !isWritten(file))
    .sort()
    .flatMap((file) => faultsOf(file, Fs.readFileSync(Path.join(root, file), "utf8")))

const none: Counts = { headless: 0, riddle: 0 }

export const count = (found: ReadonlyArray<Fault>): Budget => {
  const counts: Record<string, Record<Kind, number>> = {}
  for (const { file, kind } of found) (counts[file] ??= { ...none })[kind] += 1
  return counts
}

const show = ({ file, kind, line, text }: Fault) => `${file}:${line} ${kind}: ${text}`

/** One line for each file and kind above its budget, followed by the faults it may mean. */
export const problems = (found: ReadonlyArray<Fault>, budget: Budget): ReadonlyArray<string> =>
  Object.entries(count(found)).flatMap(([file, counts]) =>
    kinds.filter((kind) => counts[kind] > (budget[file] ?? none)[kind]).flatMap((kind) => [
      `${file}: ${counts[kind]} ${kind} sentences, allowed are ${(budget[file] ?? none)[kind]}`,
      ...found.filter((fault) => fault.file === file && fault.kind === kind).map((fault) => `  ${show(fault)}`)
    ])
  )

/** The budget without what files no longer need; never more than it was. */
export const lower = (found: ReadonlyArray<Fault>, budget: Budget | undefined): Budget => {
  const counts = count(found)
  if (budget === undefined) return counts
  const least = (file: string, kind: Kind) => Math.min(budget[file]![kind], (counts[file] ?? none)[kind])
  return Object.fromEntries(
    Object.keys(budget).map((file): [string, Counts] => [
      file,
      { headless: least(file, "headless"), riddle: least(file, "riddle") }
    ]).filter(([, { headless, riddle }]) => headless + riddle > 0)
  )
}

const total = (budget: Budget, kind: Kind) => Object.values(budget).reduce((sum, counts) => sum + counts[kind], 0)

/** One line a file, so that two branches that lower different files do not meet. */
const format = (budget: Budget) => {
  const rows = Object.entries(budget).sort(([a], [b]) => a < b ? -1 : 1).map(([file, { headless, riddle }]) =>
    `  ${JSON.stringify(file)}: { "headless": ${headless}, "riddle": ${riddle} }`
  )
  return `{\n${rows.join(",\n")}\n}\n`
}

if (import.meta.main) {
  const root = Path.resolve(import.meta.dirname, "..")
  const file = Path.join(import.meta.dirname, "language.json")
  const [option, only = ""] = process.argv.slice(2)
  const found = faults(root)
  const budget = Fs.existsSync(file) ? JSON.parse(Fs.readFileSync(file, "utf8")) as Budget : undefined
  if (option === "--list") {
    for (const fault of found.filter(({ file }) => file.includes(only))) console.log(show(fault))
  } else if (option === "--lower") {
    Fs.writeFileSync(file, format(lower(found, budget)))
  } else {
    const wrong = problems(found, budget ?? {})
    for (const problem of wrong) console.error(problem)
    const counts = count(found)
    const sums = kinds.map((kind) => `${kind} ${total(counts, kind)} of ${total(budget ?? {}, kind)}`)
    console.log(
      `language: ${sums.join(", ")}${wrong.length === 0 ? "" : "; CONTRIBUTING.md says how to write instead"}`
    )
    process.exitCode = wrong.length === 0 ? 0 : 1
  }
}
