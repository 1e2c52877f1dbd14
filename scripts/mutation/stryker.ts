/**
 * Stryker as it is used here: its instrumenter finds the changes, its runner for Vitest tries those of a sample.
 *
 * It is installed by `npm run mutate` alone, so the part of its types that is used stands here.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Mutation from "../lib/mutation.ts"

/**
 * Milliseconds that tests may take longer with a change than without. An endless loop is found by its count; this is only
 * for what waits, and so long that a busy machine is not taken for it.
 */
const timeLimitMillis = 30_000

/** Minutes for all tests without a change, which is no time of interest. */
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

/** Makes a class of an installed package. */
const instance = async <A>(name: string, of: string, argument: object): Promise<A> => {
  const module = await import(name) as Readonly<Record<string, new(argument: object) => A>>
  return new module[of]!(argument)
}

/** A logger that says nothing: its methods ask whether a level is on, or take a line. */
const silent = new Proxy({}, { get: () => () => false })

/** All changes that Stryker can make in these files. */
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

/** Stryker's word on one change: whether a test has noticed it, and which. */
export interface Tried {
  readonly noticed: boolean
  /** False where no test runs the code. */
  readonly covered: boolean
  readonly late: boolean
  readonly by: string
}

/** Tries the chosen changes, by `Mutation.keyOf`. `at` is a copy of the checkout: files in it are changed. */
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

/** Stryker's results count lines and columns from one. */
const fromOne = <A extends Pick<Mutation.Change, "location">>(result: A): A => {
  const { end, start } = result.location
  const less = ({ column, line }: Mutation.Position) => ({ line: line - 1, column: column - 1 })
  return { ...result, location: { start: less(start), end: less(end) } }
}
