import { project } from "../../vitest.shared.ts"
import { readSample } from "../lib/mutation.ts"

/**
 * Milliseconds for one test, so many that a slow test on a busy host does not count as a test that noticed a change.
 */
const testTimeoutMillis = 300_000

/**
 * The tests that cover the changed files, as one project of Vitest: for each change, Stryker runs some of these tests.
 */
export default project("mutation", readSample().tests, testTimeoutMillis)
