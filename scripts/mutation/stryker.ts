/**
 * Describes the use of Stryker: its instrumenter finds the changes of code, and its runner for Vitest tries the changes
 * of a sample.
 *
 * Only `npm run mutate` installs Stryker, so the types of its interface are declared in this file.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Mutation from "../lib/mutation.ts"

/**
 * Milliseconds by which the tests may take longer with a change of code than without a change. Stryker finds an endless
 * loop by the number of its rounds, so that the time limit is only for code that waits. The time limit of a test for
 * changed code is long, so that a busy host does not look like a fault.
 */
const timeLimitMillis = 30_000

/** Minutes that all tests without a change of code may take, which is more than the tests ever need. */
const soundLimitMinutes = 30

export interface Mutant extends Pick<Mutation.Change, "location" | "mutatorName" | "replacement"> {
  readonly id: string
  readonly fileName: string
}

export interface MutantResult extends Mutant {
  readonly status: "Killed" | "Survived" | "NoCoverage" | "Timeout" | "RuntimeError" | "CompileError" | "Ignored"
  readonly statusReason?: string
  readonly killedBy?: ReadonlyArray<string>
}

interface Instrumenter {
  readonly instrument: (
    files: ReadonlyArray<{ readonly name: string; readonly mutate: boolean; readonly content: string }>,
    options: Readonly<Record<string, unknown>>
  ) => Promise<{ readonly mutants: ReadonlyArray<Mutant> }>
}

interface Stryker {
  readonly runMutationTest: () => Promise<ReadonlyArray<MutantResult>>
}

/** Loads a class from an installed package, and makes an instance of it. */
const instance = async <A>(name: string, of: string, argument: object): Promise<A> => {
  const module = await import(name) as Readonly<Record<string, new(argument: object) => A>>
  return new module[of]!(argument)
}

/** A logger that prints nothing: its methods say whether a level is on, or accept a line. */
const silent = new Proxy({}, { get: () => () => false })

/** Returns all changes that Stryker can make in the given files. */
export const changesOf = async (
  root: string,
  files: ReadonlyArray<string>
): Promise<ReadonlyArray<Mutation.Change>> => {
  const instrumenter = await instance<Instrumenter>("@stryker-mutator/instrumenter", "Instrumenter", silent)
  const { mutants } = await instrumenter.instrument(
    files.map((name) => ({ name, mutate: true, content: Fs.readFileSync(Path.join(root, name), "utf8") })),
    { ignorers: [], plugins: null, excludedMutations: [] }
  )
  return mutants.map(({ fileName, location, mutatorName, replacement }) => ({
    file: fileName,
    location,
    mutatorName,
    replacement
  }))
}

/** Stryker's result for one change of code: whether a test has noticed the change, and which test has noticed it. */
export interface Tried {
  readonly noticed: boolean
  /** False if no test runs the code that Stryker has changed. */
  readonly covered: boolean
  readonly late: boolean
  readonly by: string
}

/**
 * Tries the chosen changes of code, which are named by `Mutation.keyOf`. The parameter `at` is the path of a copy of
 * the checkout, whose files are changed.
 */
export const tryAll = async (
  at: string,
  files: ReadonlyArray<string>,
  chosen: ReadonlyArray<Mutation.Change>,
  { skipStatic, workers }: { readonly workers: number; readonly skipStatic: boolean }
): Promise<ReadonlyMap<string, Tried>> => {
  const sample: Mutation.Sample = { keys: chosen.map(Mutation.keyOf), tests: Mutation.testsOf(files) }
  Fs.writeFileSync(Path.join(at, Mutation.sampleFile), JSON.stringify(sample))
  const home = process.cwd()
  process.chdir(at)
  try {
    const results = await (await instance<Stryker>("@stryker-mutator/core", "Stryker", {
      plugins: [
        fileURLToPath(import.meta.resolve("@stryker-mutator/vitest-runner")),
        Path.join(at, "scripts/mutation/sample.ts")
      ],
      mutate: files,
      checkers: ["sample"],
      testRunner: "vitest",
      vitest: { configFile: "scripts/mutation/vitest.config.ts", related: false, pool: "threads" },
      coverageAnalysis: "perTest",
      inPlace: true,
      concurrency: workers,
      ignoreStatic: skipStatic,
      timeoutMS: timeLimitMillis,
      dryRunTimeoutMinutes: soundLimitMinutes,
      reporters: ["dots-of-sample"],
      allowConsoleColors: false,
      logLevel: "error",
      tempDirName: Path.join(at, ".stryker")
    })).runMutationTest()
    return new Map(
      results.filter(({ status }) => status !== "Ignored").map((result) => {
        const { fileName, killedBy = [], status, statusReason = "" } = result
        const key = Mutation.keyOf({ ...fromOne(result), file: Path.relative(at, fileName).split(Path.sep).join("/") })
        const covered = status !== "NoCoverage"
        return [key, {
          noticed: covered && status !== "Survived",
          covered,
          late: status === "Timeout",
          by: killedBy[0] ?? `${status} ${statusReason}`
        }]
      })
    )
  } finally {
    process.chdir(home)
  }
}

/** Converts a place from Stryker's results, which count lines and columns from one. */
const fromOne = <A extends Pick<Mutation.Change, "location">>(result: A): A => {
  const { end, start } = result.location
  const less = ({ column, line }: Mutation.Position) => ({ line: line - 1, column: column - 1 })
  return { ...result, location: { start: less(start), end: less(end) } }
}
