/**
 * Plugins for Stryker: a checker that accepts only changes of the sample, and a reporter that shows the progress.
 */
import * as Path from "node:path"
import { keyOf, readSample } from "../lib/mutation.ts"
import type { Mutant, MutantResult } from "./stryker.ts"

type CheckResult = { readonly status: "passed" } | { readonly status: "compileError"; readonly reason: string }

/** The methods of Stryker's interface for checkers that this plugin implements. */
interface Checker {
  readonly init: () => Promise<void>
  readonly group: (mutants: ReadonlyArray<Mutant>) => Promise<ReadonlyArray<ReadonlyArray<string>>>
  readonly check: (mutants: ReadonlyArray<Mutant>) => Promise<Readonly<Record<string, CheckResult>>>
}

const nameOf = ({ fileName }: Mutant): string => Path.relative(process.cwd(), fileName).split(Path.sep).join("/")

const checker = (): Checker => {
  let chosen: ReadonlySet<string> = new Set()
  const check = (mutant: Mutant): CheckResult =>
    chosen.has(keyOf({ ...mutant, file: nameOf(mutant) }))
      ? { status: "passed" }
      : { status: "compileError", reason: "not in the sample" }
  return {
    init: async () => {
      chosen = new Set(readSample().keys)
    },
    // All changes of code are checked at once, because Stryker would ask a checker without groups for each change
    // separately.
    group: async (mutants) => [mutants.map(({ id }) => id)],
    check: async (mutants) => Object.fromEntries(mutants.map((mutant) => [mutant.id, check(mutant)]))
  }
}

/**
 * Prints a dot for each change of code that a test has noticed, and the place of each change that no test has noticed.
 */
const reporter = {
  onMutantTested: (result: MutantResult): void => {
    const { location: { start }, replacement, status } = result
    if (status === "CompileError" || status === "Ignored") return
    const survived = status === "Survived" || status === "NoCoverage"
    const at = `${nameOf(result)}:${start.line}:${start.column}`
    process.stderr.write(survived ? `\n${status} ${at} ${replacement.slice(0, 80)}\n` : ".")
  },
  onMutationTestReportReady: (): void => void process.stderr.write("\n")
}

export const strykerPlugins = [
  { kind: "Checker", name: "sample", value: checker() },
  { kind: "Reporter", name: "dots-of-sample", value: reporter }
]
