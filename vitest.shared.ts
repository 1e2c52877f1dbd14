import * as Os from "node:os"
import * as Path from "node:path"
import { defineProject } from "vitest/config"

const condition = "furrow-source"

/**
 * One package's tests, run from source without a build: Vite resolves workspace imports by the `furrow-source`
 * condition, and so does Node in every process a test starts, because it inherits the worker's `execArgv`.
 */
export const project = (
  name: string,
  include: ReadonlyArray<string> = ["test/**/*.test.ts"],
  testTimeoutMillis = 30_000
) =>
  defineProject({
    resolve: { conditions: [condition, "module", "node"] },
    ssr: { resolve: { conditions: [condition, "module", "node"], externalConditions: [condition, "node"] } },
    test: {
      name,
      include: Array.from(include),
      pool: "forks",
      // Of each project, one more than the cores that this is meant for: many tests wait for a bound to pass.
      maxWorkers: 3,
      execArgv: [`--conditions=${condition}`],
      // Programs that tests start compile what they load once, and not once each: a third of a second of most of them.
      env: { NODE_COMPILE_CACHE: Path.join(Os.tmpdir(), "node-compile-cache") },
      testTimeout: testTimeoutMillis,
      hookTimeout: 30_000
    }
  })
