/**
 * Finds the titles of the tests of this repository: every string in a test file that may be a title.
 *
 * Titles of tests occur in calls of `it`, in tables and in helpers, so every string literal of a test file counts.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

export interface TestFile {
  /** The path of a test file below the root, with slashes. */
  readonly file: string
  readonly titles: ReadonlyArray<string>
}

const literal = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g

const titlesOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(literal), ([quoted]) => quoted.slice(1, -1).replace(/\\(.)/g, "$1"))

/**
 * Finds every test file of the packages. The tests of the scripts themselves are left out of the search, because they
 * contain titles as examples.
 */
export const read = (root: string): ReadonlyArray<TestFile> =>
  Fs.globSync("packages/*/test/**/*.test.ts", { cwd: root })
    .map((file) => file.split(Path.sep).join("/"))
    .sort()
    .map((file) => ({ file, titles: titlesOf(Fs.readFileSync(Path.join(root, file), "utf8")) }))

/** A test of the repository that a text of the form `file: fragment of a title` names. */
export interface Named {
  readonly file: string
  readonly fragment: string
  /** The titles in the test file that contain the given fragment of a title. */
  readonly titles: ReadonlyArray<string>
}

/** Finds the test that a text of the form `file: fragment` names, or returns the reason why there is no such test. */
export const named = (test: string, files: ReadonlyArray<TestFile>): Named | string => {
  const colon = test.indexOf(": ")
  if (colon < 0) return `"${test}" is not "file: fragment of a title"`
  const name = test.slice(0, colon)
  const fragment = test.slice(colon + 2)
  const candidates = files.filter(({ file }) => file.endsWith(`/${name}.test.ts`))
  if (candidates.length !== 1) {
    return `"${name}" names ${candidates.length} test files: ${candidates.map(({ file }) => file).join(", ")}`
  }
  const [{ file, titles }] = candidates as [TestFile]
  if (fragment.length < 10) return `"${fragment}" is too short to name a test`
  const holding = titles.filter((title) => title.includes(fragment))
  return holding.length === 0 ? `${file} has no test "${fragment}"` : { file, fragment, titles: holding }
}
