/**
 * Checks the language of comments, pages, test titles and error texts. The page CONTRIBUTING.md says why the language
 * of this repository is checked.
 *
 *     node scripts/language.ts               fails where a file has more faults than scripts/language.json allows it
 *     node scripts/language.ts --list TEXT   every fault of the files whose path holds the text
 *     node scripts/language.ts --lower       takes back what files no longer need; without a budget, begins one
 *     node scripts/language.ts --sample SEED draws sixty sentences for a reader, who says of each whether it can be understood alone
 *
 * The budget of language faults only falls: no option raises it, and only files in scripts/language.json may have
 * faults.
 */
import * as Crypto from "node:crypto"
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

/** The number of language faults of each kind that a file may have. */
export type Counts = Readonly<Record<Kind, number>>
export type Budget = Readonly<Record<string, Counts>>

/** Matches a clause or a pronoun where a sentence should begin with a noun. */
const openers =
  /^\W*(?:who|whoever|whom|whose|what|whatever|where|wherever|whether|nobody|somebody|anybody|those who|one that|so (?:many|much|long|far) (?!as\b)\w+)\b/i

/** Matches words that often stand in the place of a noun of docs/glossary.md. */
const riddles = /\b(?:somebody|anybody|nobody|whoever|who is|what is|that one|so many)\b/i

const isQuestion = (text: string) => /\?\)?$/.test(text)

/**
 * A sentence of a comment may begin with a small letter after a colon or a picture, and titles and texts may always
 * begin so.
 */
const isHeadless = ({ place, text }: Sentence) =>
  openers.test(text) && (place === "title" || place === "text" || /^\W*[A-Z]/.test(text))

const sentencesOf = (file: string, text: string): ReadonlyArray<Sentence> =>
  file.endsWith(".md") ? Prose.ofPage(text) : Prose.ofSource(file, text, { titles: file.endsWith(".test.ts") })

/** Returns the language faults of one file, which is given by its path below the root of the repository. */
export const faultsOf = (file: string, text: string): ReadonlyArray<Fault> =>
  sentencesOf(file, text).filter(({ text }) => !isQuestion(text)).flatMap((sentence) => [
    ...(isHeadless(sentence) ? [{ ...sentence, file, kind: "headless" as const }] : []),
    ...(riddles.test(sentence.text) ? [{ ...sentence, file, kind: "riddle" as const }] : [])
  ]).toSorted((a, b) => a.line - b.line)

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

/**
 * True for a page that a script writes from comments, because the language check already reads these comments in the
 * sources.
 */
const isWritten = (file: string): boolean => file.startsWith("docs/api/")

/** Returns every file that the language check reads, with its text. */
const files = (root: string): ReadonlyArray<readonly [file: string, text: string]> =>
  Fs.globSync(patterns, { cwd: root }).map((file) => file.split(Path.sep).join("/")).filter((file) => !isWritten(file))
    .sort()
    .map((file) => [file, Fs.readFileSync(Path.join(root, file), "utf8")])

export const faults = (root: string): ReadonlyArray<Fault> =>
  files(root).flatMap(([file, text]) => faultsOf(file, text))

/** A sentence that was drawn at random for a reader, with the file of the sentence. */
export interface Drawn extends Sentence {
  readonly file: string
}

/** True for a sentence that `--sample` may print: a sentence of five words or more that is not a text in the code. */
const isDrawable = ({ place, text }: Sentence) => place !== "text" && text.split(" ").length > 4

/**
 * Draws sentences at random for a reader; a seed decides which sentences are drawn. When one sentence is rewritten,
 * the same seed draws all other sentences again, in the same order.
 */
export const draw = (all: ReadonlyArray<Drawn>, seed: string, size: number): ReadonlyArray<Drawn> => {
  const rank = ({ file, written }: Drawn) =>
    Crypto.createHash("sha256").update(`${seed} ${file} ${written}`).digest("hex")
  return all.filter(isDrawable).map((sentence) => ({ sentence, rank: rank(sentence) }))
    .toSorted((a, b) => a.rank < b.rank ? -1 : 1)
    .slice(0, size)
    .map(({ sentence }) => sentence)
}

const sampleSize = 60

const none: Counts = { headless: 0, riddle: 0 }

export const count = (found: ReadonlyArray<Fault>): Budget => {
  const counts: Record<string, Record<Kind, number>> = {}
  for (const { file, kind } of found) (counts[file] ??= { ...none })[kind] += 1
  return counts
}

const show = ({ file, kind, line, text }: Fault) => `${file}:${line} ${kind}: ${text}`

/**
 * Returns one line for each file that exceeds its budget of a kind of language fault, followed by the faults of this
 * file.
 */
export const problems = (found: ReadonlyArray<Fault>, budget: Budget): ReadonlyArray<string> =>
  Object.entries(count(found)).flatMap(([file, counts]) =>
    kinds.filter((kind) => counts[kind] > (budget[file] ?? none)[kind]).flatMap((kind) => [
      `${file}: ${counts[kind]} ${kind} sentences, allowed are ${(budget[file] ?? none)[kind]}`,
      ...found.filter((fault) => fault.file === file && fault.kind === kind).map((fault) => `  ${show(fault)}`)
    ])
  )

/** Lowers each budget of language faults to the present number of these faults, and raises no budget. */
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

/**
 * Each file has its own line in scripts/language.json, so that two branches that change the budgets of different
 * files do not conflict.
 */
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
  } else if (option === "--sample") {
    const all = files(root).flatMap(([file, text]) =>
      sentencesOf(file, text).map((sentence) => ({ ...sentence, file }))
    )
    for (const [i, { before, file, line, place, written }] of draw(all, only, sampleSize).entries()) {
      console.log(`${i + 1}. ${place}, ${file}:${line}: ${before === undefined ? "" : `[${before}] `}${written}`)
    }
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
