/**
 * Runs tests in a copy of the checkout, in one Vitest process that stays alive between the tests. A copy of the
 * checkout with its Vitest process is called a *lane* in the code.
 *
 * If a test hangs, the Vitest process and all its child processes are killed, and a new Vitest process starts in the
 * same copy.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Order, Result, Told } from "./lane.ts"
import * as Mutants from "./mutants.ts"
import type { Named } from "./tests.ts"

/**
 * The longest time in milliseconds for which a test may run with a mutant, including the test's start. A mutant whose
 * test takes longer than `testLimitMillis` counts as found.
 */
const testLimitMillis = 120_000

/**
 * Milliseconds for which Vitest may still run after a test has failed. Vitest and its child processes are killed after
 * `graceMillis`, because the result of the failed test is already known.
 */
const graceMillis = 1_000

/** The outcome of one test that Vitest has run in a copy of the checkout. */
export type Shown = "passed" | "failed" | "hung" | "not run" | "broken"

/**
 * Copies the checkout to a temporary folder, and returns the folder's path. In `node_modules` of the copy, links to
 * packages of this repository lead into the copy, and all other links lead to the original packages.
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

/** The report about one run of Vitest: the results of the tests, and how the run ended. */
interface Report {
  readonly results: ReadonlyArray<Result>
  readonly end: "end" | "hung" | "broken"
}

/**
 * Returns the result of one test from the report about a run of Vitest; the test is given by all names that it may
 * have. A test file that cannot be loaded gives no results of tests.
 */
const shownBy = ({ end, results }: Report, { file, fragment }: Named): Shown => {
  const pattern = new RegExp(Mutants.namePattern(fragment))
  const found = results.filter((result) =>
    result.file.split(Path.sep).join("/").endsWith(`/${file}`) && pattern.test(result.name)
  )
  if (found.some(({ state }) => state === "failed")) return "failed"
  if (end !== "end") return end
  return found.length > 0 ? "passed" : "not run"
}

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => Array.from(new Set(texts))

export interface Lane {
  /** The path of the copy of the checkout in which the tests run. */
  readonly at: string
  /** Runs one test in the copy of the checkout, and returns the test's outcome. */
  readonly runOne: (test: Named) => Promise<Shown>
  /** Tells the running Vitest process which files have changed, by their paths below the copy of the checkout. */
  readonly forget: (files: ReadonlyArray<string>) => void
  /**
   * Runs several tests of one file together in the copy of the checkout. A test that fails together with other tests is
   * run again alone, because it may only have been too slow.
   */
  readonly runSound: (tests: ReadonlyArray<Named>) => Promise<ReadonlyArray<Shown>>
  /** Kills the Vitest process, and removes its copy of the checkout. */
  readonly close: () => void
}

/** Makes a new copy of the checkout in which tests can run. */
export const open = (root: string, limitMillis = testLimitMillis): Lane => {
  const at = copy(root)
  let child: ChildProcess.ChildProcess | undefined
  const changed = new Set<string>()

  const kill = () => {
    const pid = child?.pid
    child = undefined
    if (pid === undefined) return
    try {
      process.kill(-pid, "SIGKILL")
    } catch {
      // The Vitest process has already ended.
    }
  }

  /**
   * Waits at most `millis` milliseconds for a message of the Vitest process for which the function `decide` returns a
   * value, and returns this value.
   */
  const wait = <A>(from: ChildProcess.ChildProcess, millis: number, decide: (told: Told) => A | undefined) =>
    new Promise<A | "hung" | "broken">((resolve) => {
      const settle = (value: A | "hung" | "broken") => {
        clearTimeout(timer)
        from.off("message", listen).off("exit", exit)
        resolve(value)
      }
      const timer = setTimeout(() => settle("hung"), millis)
      const exit = () => settle("broken")
      const listen = (told: Told) => {
        const value = decide(told)
        if (value !== undefined) settle(value)
      }
      from.on("message", listen).on("exit", exit)
    })

  const start = async (): Promise<ChildProcess.ChildProcess | "hung" | "broken"> => {
    if (child !== undefined) return child
    const started = ChildProcess.fork(Path.join(import.meta.dirname, "lane.ts"), [], {
      cwd: at,
      // The Vitest process leads a process group of its own, so that a single signal ends Vitest and its workers.
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "ipc"]
    })
    child = started
    const ready = await wait(started, testLimitMillis, (told) => told === "ready" ? told : undefined)
    if (ready === "ready") return started
    kill()
    return ready
  }

  const run = async (tests: ReadonlyArray<Named>, once: boolean): Promise<Report> => {
    const results: Array<Result> = []
    const to = await start()
    if (typeof to === "string") return { results, end: to }
    const order: Order = {
      files: unique(tests.map(({ file }) => Path.join(at, file))),
      pattern: unique(tests.map(({ fragment }) => Mutants.namePattern(fragment))).join("|"),
      changed: Array.from(changed)
    }
    changed.clear()
    to.send(order)
    let end = await wait(to, limitMillis, (told) => {
      if (typeof told === "string") return told === "end" ? told : undefined
      results.push(told)
      return once && told.state === "failed" ? "failed" : undefined
    })
    if (end === "failed") end = await wait(to, graceMillis, (told) => told === "end" ? told : undefined)
    if (end !== "end") kill()
    return { results, end: end === "end" || end === "hung" ? end : "broken" }
  }

  const runOne: Lane["runOne"] = async (test) => shownBy(await run([test], true), test)

  return {
    at,
    runOne,
    forget: (files) => {
      for (const file of files) changed.add(Path.join(at, file))
    },
    runSound: async (tests) => {
      const report = await run(tests, false)
      const shown: Array<Shown> = []
      for (const test of tests) {
        const together = shownBy(report, test)
        shown.push(together === "passed" ? together : await runOne(test))
      }
      return shown
    },
    close: () => {
      kill()
      Fs.rmSync(at, { recursive: true, force: true, maxRetries: 10 })
    }
  }
}

/** Calls the function `todo` once for each piece of work, with the next copy of the checkout that runs no tests. */
export const share = async <A>(
  lanes: ReadonlyArray<Lane>,
  work: ReadonlyArray<A>,
  todo: (lane: Lane, piece: A, index: number) => Promise<void>
): Promise<void> => {
  const queue = work.entries()
  await Promise.all(lanes.map(async (lane) => {
    for (const [index, piece] of queue) await todo(lane, piece, index)
  }))
}
