/**
 * What the tests of this repository are called: every text in a test file that can be a title.
 *
 * Titles stand in calls of `it`, in tables and in helpers; so every string literal of a test file counts.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

export interface TestFile {
  /** Below the root, with slashes. */
  readonly file: string
  readonly titles: ReadonlyArray<string>
}

const literal = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g

const titlesOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(literal), ([quoted]) => quoted.slice(1, -1).replace(/\\(.)/g, "$1"))

/** Every test file of the packages; the scripts test themselves with titles that are none. */
export const read = (root: string): ReadonlyArray<TestFile> =>
  Fs.globSync("packages/*/test/**/*.test.ts", { cwd: root })
    .map((file) => file.split(Path.sep).join("/"))
    .sort()
    .map((file) => ({ file, titles: titlesOf(Fs.readFileSync(Path.join(root, file), "utf8")) }))
