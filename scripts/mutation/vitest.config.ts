import { project } from "../../vitest.shared.ts"
import { readSample } from "../lib/mutation.ts"

/** Milliseconds for one test, so many that a slow test on a busy host does not count as a noticed change. */
const testTimeoutMillis = 300_000

/** The tests that cover the changed files, as one project: for each change, Stryker runs some of them. */
export default project("mutation", readSample().tests, testTimeoutMillis)
