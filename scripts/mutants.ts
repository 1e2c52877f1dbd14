/**
 * Breaks the code on purpose, one fault at a time, and checks that the named test notices.
 *
 *     npm run mutants                      every mutant: about two seconds each
 *     npm run mutants -- --only act-11     those whose name holds a text; may be given several times
 *     npm run mutants -- --check           applies none: each is found exactly once, and its test exists
 *
 * A mutant is a file of scripts/mutants (scripts/lib/mutants.ts says what it holds). It is applied in a copy of the
 * repository, never here. The test must pass without it and fail with it; anything else makes the exit code 1.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import * as Mutants from "./lib/mutants.ts"
import { type Named, named, read, type TestFile } from "./lib/tests.ts"
import { document, rows } from "./parity.ts"

export const folder = "scripts/mutants"

/** Milliseconds for one test with its start: a test that hangs has noticed too. */
const testLimitMillis = 120_000

/** A mutant with everything that was found for it. */
export interface Ready {
  readonly mutant: Mutants.Mutant
  readonly changed: Mutants.Files
  readonly named: Named
}

/** Reads the mutants of the folder, and the problems of those that cannot be used. */
export const prepare = (
  texts: ReadonlyMap<string, string>,
  sources: Mutants.Files,
  tests: ReadonlyArray<TestFile>,
  parity: string
): { readonly ready: ReadonlyArray<Ready>; readonly problems: ReadonlyArray<string> } => {
  const ready: Array<Ready> = []
  const problems: Array<string> = []
  for (const [name, text] of texts) {
    const mutant = Mutants.parse(name, text)
    if (typeof mutant === "string") {
      problems.push(mutant)
      continue
    }
    const changed = Mutants.apply(mutant, sources)
    const test = named(mutant.test, tests)
    const claims = typeof test === "string" ? [`${name}: ${test}`] : Mutants.claim(mutant, test, rows(parity))
    problems.push(...typeof changed === "string" ? [changed] : [], ...claims)
    if (typeof changed !== "string" && typeof test !== "string" && claims.length === 0) {
      ready.push({ mutant, changed, named: test })
    }
  }
  return { ready, problems }
}

/** The mutants of a checkout. */
export const readAll = (root: string) => {
  const files = Fs.globSync(`${folder}/*.json`, { cwd: root }).sort()
  return prepare(
    new Map(files.map((file) => [Path.basename(file, ".json"), Fs.readFileSync(Path.join(root, file), "utf8")])),
    Mutants.sources(root),
    read(root),
    Fs.readFileSync(Path.join(root, document), "utf8")
  )
}

/**
 * A copy of the checkout with packages of its own: links of the workspace lead into the copy, other packages are shared.
 */
export const copy = (root: string): string => {
  const to = Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-mutants-")))
  const skipped = new Set([".git", "node_modules", "dist", ".tsbuildinfo"])
  Fs.cpSync(root, to, { recursive: true, filter: (from) => !skipped.has(Path.basename(from)) })
  const link = (path: string) => {
    const from = Path.join(root, path)
    const real = Fs.realpathSync(from)
    const own = Path.relative(Path.join(root, "packages"), real)
    const target = own.startsWith("..") ? real : Path.join(to, "packages", own)
    Fs.symlinkSync(target, Path.join(to, path), "dir")
  }
  const modules = "node_modules"
  Fs.mkdirSync(Path.join(to, modules))
  for (const name of Fs.readdirSync(Path.join(root, modules))) {
    const scoped = Path.join(modules, name)
    if (!name.startsWith("@")) {
      link(scoped)
      continue
    }
    Fs.mkdirSync(Path.join(to, scoped))
    for (const inner of Fs.readdirSync(Path.join(root, scoped))) link(Path.join(scoped, inner))
  }
  return to
}

/** Outcome of a run of one test. */
type Shown = "passed" | "failed" | "hung" | "not run" | "broken"

/** The report of Vitest about each file. */
interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

/** Runs the tests of these files whose names match one of the fragments. */
const run = (root: string, tests: ReadonlyArray<Named>, limit: number): Report | "hung" | "broken" => {
  const output = Path.join(root, "mutants-report.json")
  Fs.rmSync(output, { force: true })
  const { error } = ChildProcess.spawnSync(
    process.execPath,
    [
      Path.join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--config=vitest.workspace.ts",
      "--reporter=json",
      `--outputFile.json=${output}`,
      `--testNamePattern=${unique(tests.map(({ fragment }) => Mutants.namePattern(fragment))).join("|")}`,
      ...unique(tests.map(({ file }) => file))
    ],
    { cwd: root, stdio: "ignore", timeout: limit, killSignal: "SIGKILL" }
  )
  if (error !== undefined) return (error as NodeJS.ErrnoException).code === "ETIMEDOUT" ? "hung" : "broken"
  return Fs.existsSync(output) ? JSON.parse(Fs.readFileSync(output, "utf8")) as Report : "broken"
}

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => Array.from(new Set(texts))

/** The result of a run for one test, which may have several names. A file that does not load has none at all. */
const shownBy = (report: Report | "hung" | "broken", { file, fragment }: Named): Shown => {
  if (typeof report === "string") return report
  const pattern = new RegExp(Mutants.namePattern(fragment))
  const found = report.testResults
    .filter(({ name }) => name.split(Path.sep).join("/").endsWith(`/${file}`))
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ fullName }) => pattern.test(fullName))
  if (found.some(({ status }) => status === "failed")) return "failed"
  return found.some(({ status }) => status === "passed") ? "passed" : "not run"
}

const runTest = (root: string, test: Named): Shown => shownBy(run(root, [test], testLimitMillis), test)

/** The tests without a fault, all in one run. A test that does not pass there runs again alone: it may only have been late. */
const runSound = (root: string, ready: ReadonlyArray<Ready>): ReadonlyMap<string, Shown> => {
  const tests = new Map(ready.map(({ mutant, named }) => [mutant.test, named]))
  const report = run(root, Array.from(tests.values()), 3 * testLimitMillis)
  return new Map(Array.from(tests, ([name, test]) => {
    const shown = shownBy(report, test)
    return [name, shown === "passed" ? shown : runTest(root, test)]
  }))
}

export type Verdict = "killed" | "SURVIVED" | "BROKEN"

/** The verdict on a mutant, by its test without it and with it. */
export const judge = (without: Shown, withIt: Shown): Verdict =>
  without === "passed" && (withIt === "failed" || withIt === "hung")
    ? "killed"
    : without === "passed" && withIt === "passed"
    ? "SURVIVED"
    : "BROKEN"

/** Tries every mutant in a copy of the checkout; `tell` hears each as it is done. */
export const hunt = (
  root: string,
  ready: ReadonlyArray<Ready>,
  tell: (mutant: Mutants.Mutant, verdict: Verdict, why: string, millis: number) => void
): ReadonlyArray<Verdict> => {
  const at = copy(root)
  try {
    const sound = runSound(at, ready)
    return ready.map(({ changed, mutant, named }) => {
      const begin = performance.now()
      const without = sound.get(mutant.test)!
      const originals = Array.from(
        changed.keys(),
        (file) => [file, Fs.readFileSync(Path.join(at, file), "utf8")] as const
      )
      let withIt: Shown
      try {
        for (const [file, text] of changed) Fs.writeFileSync(Path.join(at, file), text)
        withIt = runTest(at, named)
      } finally {
        for (const [file, text] of originals) Fs.writeFileSync(Path.join(at, file), text)
      }
      const verdict = judge(without, withIt)
      tell(mutant, verdict, `${without} without it, ${withIt} with it`, performance.now() - begin)
      return verdict
    })
  } finally {
    Fs.rmSync(at, { recursive: true, force: true })
  }
}

const main = (): void => {
  const { values } = parseArgs({
    options: { check: { type: "boolean" }, only: { type: "string", multiple: true, default: [""] } }
  })
  const root = Path.resolve(import.meta.dirname, "..")
  const { problems, ready } = readAll(root)
  for (const problem of problems) console.error(problem)
  const wanted = ready.filter(({ mutant }) => values.only.some((text) => mutant.name.includes(text)))
  if (values.check === true) {
    console.log(`mutants: ${ready.length} apply, ${problems.length} problems`)
    process.exitCode = problems.length === 0 ? 0 : 1
    return
  }
  const width = Math.max(0, ...wanted.map(({ mutant }) => mutant.name.length))
  const verdicts = hunt(root, wanted, ({ name, test, title, violates }, verdict, why, millis) => {
    console.log(`${verdict.padEnd(8)}  ${name.padEnd(width)}  ${(millis / 1_000).toFixed(1).padStart(5)} s  ${title}`)
    if (verdict !== "killed") console.log(`          ${violates}, ${test}: ${why}`)
  })
  const bad = verdicts.filter((verdict) => verdict !== "killed").length
  console.log(`mutants: ${verdicts.length - bad} killed, ${bad} not, ${problems.length} problems`)
  process.exitCode = bad + problems.length === 0 && verdicts.length > 0 ? 0 : 1
}

if (import.meta.main) main()
