/** Tests of an engine: skipped where it is not installed, which is said, and failed there where it is needed. */
import { describe, it } from "@effect/vitest"
import * as Assert from "node:assert/strict"

/** `.ci/run` says that every engine is needed: one that is missing fails the tests then. */
const isNeeded = process.env["FURROW_ENGINES"] === "needed"

export const suite = (title: string, program: string, isInstalled: boolean, tests: () => void): void => {
  if (isInstalled) return void describe(title, tests)
  if (isNeeded) return void it(`${title}: ${program} is installed`, () => Assert.fail(`there is no ${program}`))
  console.warn(`${title}: skipped, because there is no ${program} here`)
  it.skip(`${title}: skipped, because there is no ${program} here`, () => {})
}
