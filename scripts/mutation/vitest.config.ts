import { project } from "../../vitest.shared.ts"
import { readSample } from "../lib/mutation.ts"

/** Milliseconds of one test: so many that a busy machine is not taken for a change that was noticed. */
const testTimeoutMillis = 300_000

/** The tests that see the changed files, as one project: Stryker runs some of them with each change. */
export default project("mutation", readSample().tests, testTimeoutMillis)
