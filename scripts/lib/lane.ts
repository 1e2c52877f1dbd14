/**
 * Keeps one Vitest running in a process: it starts once, and then runs one test after another while files change in
 * between.
 *
 * The script scripts/lib/lanes.ts starts the script lane.ts in a copy of the checkout, and talks to it over IPC. The
 * script lane.ts ends when its parent process is gone.
 */
import { createVitest, type TestCase, type TestSpecification } from "vitest/node"

/**
 * An order to run tests: the test files, a pattern of test names, and the files that were edited before (`changed`).
 * All paths in an order to run tests are absolute.
 */
export interface Order {
  readonly files: ReadonlyArray<string>
  readonly pattern: string
  readonly changed: ReadonlyArray<string>
}

/** The result of one test that Vitest has run in a copy of the checkout. */
export interface Result {
  /** The absolute path of the file that contains the test. */
  readonly file: string
  readonly name: string
  readonly state: "passed" | "failed"
}

/**
 * A message of this process to its parent: a `Result` when a test has ended, and `end` when the worker process has
 * ended.
 */
export type Told = "ready" | "end" | Result

const tell = (told: Told) => void process.send!(told)

/** The titles of the groups and of the test, joined as Vitest's pattern of test names expects them. */
const fullName = (test: TestCase): string => {
  const names = [test.name]
  for (let at = test.parent; at.type === "suite"; at = at.parent) names.unshift(at.name)
  return names.join(" ")
}

const main = async (): Promise<void> => {
  process.on("disconnect", () => process.exit())
  const vitest = await createVitest("test", {
    config: "vitest.workspace.ts",
    watch: false,
    cache: false,
    reporters: [{
      onTestCaseResult: (test) => {
        const { state } = test.result()
        if (state === "passed" || state === "failed") tell({ file: test.module.moduleId, name: fullName(test), state })
      }
    }]
  })
  const specifications = new Map<string, TestSpecification>()
  for (const found of await vitest.globTestSpecifications()) specifications.set(found.moduleId, found)
  process.on("message", ({ changed, files, pattern }: Order) => {
    for (const file of changed) vitest.invalidateFile(file)
    vitest.setGlobalTestNamePattern(pattern)
    const wanted = files.flatMap((file) => specifications.get(file) ?? [])
    // A failed run of Vitest sends no results, and the parent notices that no results have come.
    vitest.runTestSpecifications(wanted).catch(() => undefined).finally(() => tell("end"))
  })
  tell("ready")
}

if (import.meta.main) await main()
