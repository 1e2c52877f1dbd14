import { assert, describe, it } from "@effect/vitest"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { programs } from "../src/case.ts"
import { cases } from "../src/cases/all.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const read = (path: string) => Fs.readFileSync(new URL(path, import.meta.url), "utf8")

const ended = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const program = yield* Program.start(main, { args })
    const { code } = yield* program.ended({ within: "100 seconds" })
    return { code, stdout: program.stdout(), stderr: program.stderr() }
  })

describe("The command npm run faults runs programs and compares their output with the expected output", () => {
  it.live(
    "npm run faults runs a case, shows the case's expected and actual output, and says that both are equal",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { code, stdout } = yield* ended("--only", "keeps the exit code")
        assert.match(stdout, /^ok {5}G64: .*\n {7}wanted \| exit code 5\n {7}seen {3}\| exit code 5\n/, stdout)
        assert.match(stdout, /\n1 cases: all as wanted \(\d+\.\d s\)\n$/)
        assert.strictEqual(code, 0)
      })),
    120_000
  )

  it.live("npm run faults names its cases with --list, and runs no case", () =>
    Effect.scoped(Effect.gen(function*() {
      const { code, stdout } = yield* ended("--list")
      assert.strictEqual(stdout.trimEnd().split("\n").length, cases.length)
      assert.include(stdout, "G64: a program that succeeds keeps the exit code it has set (sets-exit-code.ts)\n")
      assert.notInclude(stdout, "wanted")
      assert.strictEqual(code, 0)
    })), 120_000)

  it.live(
    "npm run faults fails when it runs no case, and refuses an unknown option",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const none = yield* ended("--only", "no case is called so")
        assert.include(none.stdout, "0 cases")
        assert.strictEqual(none.code, 1)
        const unknown = yield* ended("--fast")
        assert.include(unknown.stderr, "Unrecognized flag: --fast")
        assert.strictEqual(unknown.code, 2)
      })),
    120_000
  )
})

describe("The cases of npm run faults name existing guarantees and use every program in the folder of programs", () => {
  it("the cases of npm run faults name only guarantees that exist, and no two cases have equal titles", () => {
    const semantics = read("../../../docs/semantics.md")
    for (const name of cases.flatMap(({ guarantees }) => guarantees)) assert.include(semantics, `- **${name}** `)
    assert.strictEqual(new Set(cases.map(({ title }) => title)).size, cases.length)
  })

  it("each case of npm run faults expects an exit code or a signal, and no program in the folder of programs is unused", () => {
    for (const { title, wanted } of cases) assert.match(wanted.at(-1)!, /^(exit code \d+|killed by SIG\w+)$/, title)
    const used = new Set(cases.map(({ program }) => program))
    const imported = ["alive.ts", "bundled", "flaky.ts", "mistaken"]
    assert.deepStrictEqual(Fs.readdirSync(programs).filter((name) => !used.has(name)).sort(), imported)
  })
})
