import { assert, describe, it } from "@effect/vitest"
import * as Options from "../src/options.ts"

const problemOf = (...args: ReadonlyArray<string>): string => {
  const parsed = Options.parse(args)
  assert(typeof parsed === "object" && "problem" in parsed, JSON.stringify(parsed))
  return parsed.problem
}

describe("The command npm run simulate takes its options from the command line, and refuses a wrong option", () => {
  it("the command line of npm run simulate has defaults, and takes every option that its usage names", () => {
    const plain = Options.parse([])
    assert.deepInclude(plain as Options.Options, { from: 1, twice: false, isKeptGoing: false, shrinks: true })
    const full = Options.parse([
      "--seeds",
      "5",
      "--minutes",
      "0.5",
      "--from",
      "now",
      "--kinds",
      "run,kill",
      "--no-shrink"
    ])
    assert.deepInclude(full as Options.Options, {
      seeds: 5,
      minutes: 0.5,
      from: "now",
      kinds: ["run", "kill"],
      shrinks: false
    })
    assert.strictEqual(Options.parse(["--help"]), "help")
    for (const [, flag] of Options.usage.matchAll(/^ {2}--([a-z-]+)/gm)) assert.notMatch(problemOf(`--${flag}x`), /^$/)
  })

  it("a wrong option of npm run simulate is refused, and the message names the option and a remedy", () => {
    assert.match(problemOf("--seeds", "many"), /^--seeds wants a whole number from 1 on, not "many"$/)
    assert.match(problemOf("--seed", "-1"), /--seed/)
    assert.match(problemOf("--minutes", "0"), /^--minutes wants a number above 0/)
    assert.match(problemOf("--kinds", "run,fly"), /^--kinds: no kind "fly"; there are run, /)
    assert.match(problemOf("--program", "{"), /^--program wants the JSON that a report shows/)
    assert.match(problemOf("--fast"), /Unknown option '--fast'/)
  })
})
