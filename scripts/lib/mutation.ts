/**
 * Describes the small changes of code that Stryker makes: the files to change, the changes to try, their text for a
 * report, and changes without effect.
 */
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { machines } from "../architecture.ts"

/** Pure files of the runtime: machines, and code that only computes a result from its arguments. */
const pure = [
  "packages/actor/src/internal/pool/Line.ts",
  "packages/actor/src/internal/pool/Waiting.ts",
  "packages/actor/src/internal/stream/Weight.ts",
  "packages/actor/src/internal/supervision/SupervisorBehind.ts",
  "packages/actor/src/internal/supervision/SupervisorPolicy.ts",
  "packages/actor/src/internal/supervision/SupervisorState.ts"
]

/** Returns the files that Stryker changes, which are the protocol and the pure machines of the runtime. */
export const changedFiles = (root: string): ReadonlyArray<string> =>
  Array.from(
    new Set([
      ...Fs.globSync("packages/protocol/src/**/*.ts", { cwd: root }).map((file) => file.split(Path.sep).join("/")),
      ...machines(root).filter((file) => file.startsWith("packages/actor/")),
      ...pure
    ])
  ).sort()

/**
 * The tests that cover the files that Stryker changes, by package. All tests of files that Stryker changes run in one
 * process, and without the runtime of an actor around the tested machine.
 */
export const seeingTests: Readonly<Record<"protocol" | "actor", ReadonlyArray<string>>> = {
  protocol: ["packages/protocol/test/**/*.test.ts"],
  actor: [
    "discovery/Registrar",
    "fan-out",
    "ladder",
    "life",
    "nursery-machine",
    "owned-actor",
    "pool/pool-line",
    "pool/pool-table",
    "refusal",
    "rpc-request",
    "supervisor-machine",
    "supervisor-rolls",
    "weight"
  ].map((name) => `packages/actor/test/${name}.test.ts`)
}

/** Returns the tests that cover some of the files that Stryker changes. */
export const testsOf = (files: ReadonlyArray<string>): ReadonlyArray<string> =>
  Object.entries(seeingTests).flatMap(([name, tests]) =>
    files.some((file) => file.startsWith(`packages/${name}/`)) ? tests : []
  )

/** The file below a copy of the checkout that tells Stryker's processes which changes of code are in the sample. */
export const sampleFile = "sample.json"

export interface Sample {
  readonly keys: ReadonlyArray<string>
  readonly tests: ReadonlyArray<string>
}

/** Reads the file sample.json, which lists the mutations and tests of a mutation run, from the working directory. */
export const readSample = (): Sample => JSON.parse(Fs.readFileSync(sampleFile, "utf8")) as Sample

/** A place in a file as Stryker's plugins count it: lines and columns begin at zero. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** A change in one file that Stryker has made. */
export interface Change {
  /** The path of the changed file below the root, with slashes. */
  readonly file: string
  readonly location: { readonly start: Position; readonly end: Position }
  readonly mutatorName: string
  readonly replacement: string
}

/** Returns the identity of a change of code by Stryker, which is the same in all processes. */
export const keyOf = ({ file, location: { end, start }, mutatorName, replacement }: Change): string =>
  [file, start.line, start.column, end.line, end.column, mutatorName, replacement].join("\0")

const rankOf = (seed: number, change: Change): string =>
  Crypto.createHash("sha256").update(`${seed}\0${keyOf(change)}`).digest("hex")

/**
 * Returns the changes of code that a seed chooses. One seed chooses the same changes of code each time, and after an
 * edit of one file still the same changes in all other files.
 */
export const sample = <C extends Change>(changes: ReadonlyArray<C>, seed: number, count: number): ReadonlyArray<C> =>
  changes
    .map((change) => ({ change, rank: rankOf(seed, change) }))
    .sort((a, b) => a.rank < b.rank ? -1 : 1)
    .slice(0, count)
    .map(({ change }) => change)

const offsetOf = (text: string, { column, line }: Position): number =>
  text.split("\n").slice(0, line).reduce((sum, { length }) => sum + length + 1, 0) + column

/** Returns the text of a file with Stryker's change applied. */
export const made = (text: string, { location: { end, start }, replacement }: Change): string =>
  text.slice(0, offsetOf(text, start)) + replacement + text.slice(offsetOf(text, end))

const flat = (text: string): string => text.replace(/\s+/g, " ").trim()

/** The number of characters of the old text and of the new text that a report shows of a change of code. */
const maxShown = 160

const shortened = (text: string): string =>
  text.length > maxShown ? `${text.slice(0, maxShown / 2)} … ${text.slice(-maxShown / 2 + 3)}` : text

/** Formats a change of code with the lines around it as `before → after`. */
export const shown = (text: string, change: Change): string => {
  const { end, start } = change.location
  const lines = text.split("\n")
  const head = lines[start.line]!.slice(0, start.column)
  const tail = lines[end.line]!.slice(end.column)
  const original = text.slice(offsetOf(text, start), offsetOf(text, end))
  return [original, change.replacement].map((part) => shortened(flat(head + part + tail))).join(" → ")
}

/** A change of code that no test can notice, and the reason why no test can. */
export interface Equivalent {
  readonly file: string
  readonly shown: string
  readonly why: string
}

/**
 * Reads the table of changes without effect in docs/mutation.md, whose rows are `| file | change | reason |` with the
 * change as code.
 */
export const equivalents = (document: string): ReadonlyArray<Equivalent> =>
  Array.from(
    document.matchAll(/^\| `(packages\/[^`]+)` \| (`+) ?(.*?) ?\2 \| (.+?) \|$/gm),
    ([, file, , change, why]) => ({
      file: file!,
      shown: change!.replaceAll("\\|", "|"),
      why: why!
    })
  )

/** Returns the row for docs/mutation.md that describes one change without effect. */
export const row = ({ file, shown, why }: Equivalent): string => {
  const fence = shown.includes("`") ? "``" : "`"
  const pad = fence.length > 1 ? " " : ""
  return `| \`${file}\` | ${fence}${pad}${shown.replaceAll("|", "\\|")}${pad}${fence} | ${why} |`
}
