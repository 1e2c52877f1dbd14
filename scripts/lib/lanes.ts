/**
 * A lane of tests is a copy of the checkout with a Vitest that stays alive, so that a test costs only its own time.
 *
 * Two lanes of tests share only those files of the checkout that never change. If a test hangs in a lane of tests,
 * the lane is killed with every process of its group, and starts again.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Order, Result, Told } from "./lane.ts"
import * as Mutants from "./mutants.ts"
import type { Named } from "./tests.ts"

/**
 * The longest time in milliseconds of one test in a lane of tests, including the test's start. A test that hangs in a
 * lane of tests counts as having noticed the fault of the mutant.
 */
const testLimitMillis = 120_000

/**
 * Milliseconds that the worker process of a failed test has to end. The result of a failed test is known, so the
 * processes that the worker of this test leaves are killed.
 */
const graceMillis = 1_000

/** The outcome of one test that a lane of tests has run. */
export type Shown = "passed" | "failed" | "hung" | "not run" | "broken"

/**
 * Makes a copy of the checkout with packages of its own: workspace links lead into the copy, and all other packages
 * are shared.
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

/** The report of a lane of tests about one run: the results of the tests, and how the run ended. */
interface Report {
  readonly results: ReadonlyArray<Result>
  readonly end: "end" | "hung" | "broken"
}

/**
 * Returns the result of one test from a run of a lane of tests; the test is given by all names that it may have. A
 * test file that cannot be loaded gives no results of tests.
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
  /** The path of the copy of the checkout in which a lane of tests runs. */
  readonly at: string
  /** Runs one test in a lane of tests, and returns the test's outcome. */
  readonly runOne: (test: Named) => Promise<Shown>
  /** Tells the Vitest of a lane of tests which files have changed, by their paths below the copy of the checkout. */
  readonly forget: (files: ReadonlyArray<string>) => void
  /**
   * Runs several tests of one file together in a lane of tests. A test that fails together with other tests is run
   * again alone, because it may only have been too slow.
   */
  readonly runSound: (tests: ReadonlyArray<Named>) => Promise<ReadonlyArray<Shown>>
  /** Kills the Vitest of a lane of tests, and removes the lane's copy of the checkout. */
  readonly close: () => void
}

/** Opens a lane of tests in a new copy of the checkout. */
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
      // The process of the lane of tests has already ended.
    }
  }

  /**
   * Waits until the process of a lane of tests sends a message for which `decide` returns a value, or until the given
   * milliseconds have passed.
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
      // The process of a lane of tests leads its own process group, which includes the workers of Vitest.
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

/** Gives each piece of work to the next free lane of tests. */
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
