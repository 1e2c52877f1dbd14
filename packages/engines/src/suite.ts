/**
 * Declares the tests of an engine of leases. Without an installed engine the tests of the engine are skipped with a
 * message, or fail if the engine is required.
 */
import { describe, it } from "@effect/vitest"
import * as Assert from "node:assert/strict"

/** The script `.ci/run` sets FURROW_ENGINES to require every engine, so that a missing engine fails the tests. */
const isNeeded = process.env["FURROW_ENGINES"] === "needed"

export const suite = (title: string, program: string, isInstalled: boolean, tests: () => void): void => {
  if (isInstalled) return void describe(title, tests)
  if (isNeeded) return void it(`${title}: ${program} is installed`, () => Assert.fail(`there is no ${program}`))
  console.warn(`${title}: skipped, because there is no ${program} here`)
  it.skip(`${title}: skipped, because there is no ${program} here`, () => {})
}
