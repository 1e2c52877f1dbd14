import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { setTimeout } from "node:timers/promises"
import { copy } from "../lib/lanes.ts"
import * as Mutants from "../lib/mutants.ts"
import { read, type TestFile } from "../lib/tests.ts"
import { hunt, judge, partOf, prepare, readAll } from "../mutants.ts"

const root = Path.resolve(import.meta.dirname, "..", "..")

const sources: Mutants.Files = new Map([
  ["packages/a/src/one.ts", "export const one = (a: number) => {\n  return sum(\n    a,\n    1\n  )\n}\n"],
  ["packages/a/src/deep/two.ts", "const counter = 1\nconst count = 2\n"],
  ["packages/b/src/one.ts", "const count = 2\n"]
])
const tests: ReadonlyArray<TestFile> = [
  { file: "packages/a/test/one.test.ts", titles: ["G7: one is one more", "row 12 of something else"] }
]
const parity = "| ACT-1 | kept | Starts. | one: one is one more |\n"

const mutant = { title: "Adds nothing.", violates: "G7", test: "one: one is one more" }
const edit = { in: "packages/a/src", find: "return sum(a, 1)", replace: "return sum(a, 0)" }

const prepared = (given: object) => prepare(new Map([["m", JSON.stringify(given)]]), sources, tests, parity)

describe("A mutant is applied to the code", () => {
  it("a mutant finds the text that it replaces in the files of a folder, even if the text is wrapped or spaced differently there", () => {
    const { problems, ready } = prepared({ ...mutant, edits: [edit] })
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(Array.from(ready[0]!.changed), [
      ["packages/a/src/one.ts", "export const one = (a: number) => {\n  return sum(a, 0)\n}\n"]
    ])
  })

  it("a mutant can change several places of the code, and inserts its replacement unchanged", () => {
    const second = { in: "packages/a/src/deep/two.ts", find: "const count = 2", replace: "const count = '$&'" }
    const { ready } = prepared({ ...mutant, edits: [edit, second] })
    assert.deepStrictEqual(
      ready[0]!.changed.get("packages/a/src/deep/two.ts"),
      "const counter = 1\nconst count = '$&'\n"
    )
    assert.strictEqual(ready[0]!.changed.size, 2)
  })

  it("a mutant is stale if the text that it replaces is missing or occurs twice, and the problem names the places", () => {
    const gone = { ...edit, find: "return product(a, 1)" }
    assert.deepStrictEqual(prepared({ ...mutant, edits: [gone] }).problems, [
      `m: stale: "return product(a, 1)" is 0 times in packages/a/src`
    ])
    const twice = { in: "packages", find: "const count = 2", replace: "" }
    assert.deepStrictEqual(prepared({ ...mutant, edits: [twice] }).problems, [
      `m: stale: "const count = 2" is 2 times in packages: packages/a/src/deep/two.ts:2, packages/b/src/one.ts:1`
    ])
  })

  it("the text that a mutant replaces is found only where it begins and ends at the border of a word", () => {
    const words = { in: "packages/a/src", find: "const count = 2", replace: "" }
    assert.deepStrictEqual(prepared({ ...mutant, edits: [words] }).problems, [])
    assert.isFalse(Mutants.pattern("onst count").test("const count"))
    assert.isFalse(Mutants.pattern("const count").test("const counter"))
  })

  it("a mutant names an existing test that is about the promise which the mutant breaks", () => {
    const broken = (change: object) => prepared({ ...mutant, edits: [edit], ...change }).problems
    assert.deepStrictEqual(broken({ test: "one: two is one more" }), [
      `m: packages/a/test/one.test.ts has no test "two is one more"`
    ])
    assert.deepStrictEqual(broken({ test: "two: one is one more" }), [`m: "two" names 0 test files: `])
    assert.deepStrictEqual(broken({ violates: "G8" }), ["m: no title of its test says G8"])
    assert.deepStrictEqual(broken({ violates: "ACT-1" }), [])
    assert.deepStrictEqual(broken({ violates: "ACT-2" }), ["m: ACT-2 is no row of docs/parity.md"])
    assert.deepStrictEqual(broken({ violates: "ACT-1", test: "one: row 12 of something" }), [
      `m: docs/parity.md does not name "one: row 12 of something" for ACT-1`
    ])
    assert.match(broken({ violates: "everything" })[0]!, /is no row of docs\/parity.md, no guarantee/)
  })

  it("a mutant must have every field of mutants and no other field, and must change something", () => {
    assert.deepStrictEqual(prepare(new Map([["m", "{"]]), sources, tests, parity).problems.length, 1)
    assert.deepStrictEqual(prepared({ ...mutant }).problems, ["m: needs edits, a list of { in, find, replace }"])
    assert.deepStrictEqual(prepared({ ...mutant, edits: [edit], file: "x" }).problems, ["m: has unknown fields: file"])
    assert.deepStrictEqual(prepared({ edits: [edit] }).problems, ["m: needs the texts title, violates and test"])
    const same = { ...edit, find: "const counter = 1", replace: "const counter = 1" }
    assert.deepStrictEqual(prepared({ ...mutant, edits: [same] }).problems, ["m: changes nothing"])
  })

  it("a mutant counts as killed only by a test that passes without the mutant", () => {
    assert.strictEqual(judge("passed", "failed"), "killed")
    assert.strictEqual(judge("passed", "hung"), "killed")
    assert.strictEqual(judge("passed", "passed"), "SURVIVED")
    for (const shown of ["failed", "hung", "not run", "broken"] as const) {
      assert.strictEqual(judge(shown, "failed"), "BROKEN")
    }
    assert.strictEqual(judge("passed", "not run"), "BROKEN")
  })
})

describe("Each mutant of this repository can be applied", () => {
  it("each mutant applies exactly once, and names a test that exists and is about its fault", () => {
    const { problems, ready } = readAll(root)
    assert.deepStrictEqual(problems, [])
    assert.isAbove(ready.length, 0)
  })
})

/** Makes a checkout of one package with one test. */
const checkout = (): string => {
  const at = Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-mutants-test-")))
  const write = (file: string, text: string) => {
    Fs.mkdirSync(Path.dirname(Path.join(at, file)), { recursive: true })
    Fs.writeFileSync(Path.join(at, file), text)
  }
  write("package.json", JSON.stringify({ type: "module", private: true }))
  write("vitest.workspace.ts", `export default { test: { include: ["packages/*/test/**/*.test.ts"] } }\n`)
  write("packages/a/package.json", JSON.stringify({ name: "a", type: "module", exports: { "./*": "./src/*.ts" } }))
  write(
    "packages/a/src/more.ts",
    "export const more = (a: number): number => a + 1\nexport const less = (a: number) => a - 1\n"
  )
  write(
    "packages/a/test/more.test.ts",
    `import { expect, test } from "vitest"
import { more } from "a/more"
test("G1: more is one more", () => expect(more(1)).toBe(2))
test("something else fails all the time", () => expect(more(1)).toBe(5))
`
  )
  Fs.mkdirSync(Path.join(at, "node_modules"))
  for (const name of Fs.readdirSync(Path.join(root, "node_modules"))) {
    Fs.symlinkSync(Path.join(root, "node_modules", name), Path.join(at, "node_modules", name))
  }
  Fs.symlinkSync("../packages/a", Path.join(at, "node_modules", "a"))
  return at
}

/** A killed process has ended when its parent has reaped it, so the check is repeated for ten seconds. */
const isGone = async (pid: number): Promise<boolean> => {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
    await setTimeout(20)
  }
  return false
}

describe("The option --part of npm run mutants selects a part of the mutants, and all parts together have each mutant once", () => {
  it("the parts into which the mutants are divided contain each mutant once, and an impossible part is refused", () => {
    const places = Array.from({ length: 10 }, (_, place) => place)
    const parts = [1, 2, 3].map((part) => places.filter(partOf(`${part}/3`)))
    assert.deepStrictEqual(parts, [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]])
    for (const wrong of ["", "0/2", "3/2", "1", "a/b"]) assert.throws(() => partOf(wrong), /--part wants a part/)
  })
})

describe("The run of all mutants applies each mutant in a copy of the repository", () => {
  it(
    "the run of all mutants applies each mutant in a copy, where packages import each other's copies, and leaves no files",
    {
      timeout: 120_000
    },
    async () => {
      const at = checkout()
      const temporary = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-mutants-test-"))
      const { TMPDIR } = process.env
      process.env.TMPDIR = temporary
      try {
        const given = (find: string, replace: string, fragment = "G1: more is one more") =>
          JSON.stringify({
            title: "t",
            violates: "G1",
            edits: [{ in: "packages/a/src", find, replace }],
            test: `more: ${fragment}`
          })
        const texts = new Map([
          ["killed", given("number => a + 1", "number => a + 2")],
          ["survives", given("=> a - 1", "=> a - 2")],
          ["no-code", given("=> a - 1", "=> a -")]
        ])
        const sources = Mutants.sources(at)
        const { problems, ready } = prepare(texts, sources, read(at), "")
        assert.deepStrictEqual(problems, [])
        const told: Array<string> = []
        const verdicts = await hunt(at, ready, ({ name }, verdict, why) => void told.push(`${name} ${verdict}: ${why}`))
        assert.deepStrictEqual(verdicts, ["killed", "SURVIVED", "BROKEN"])
        assert.deepStrictEqual(told.sort(), [
          "killed killed: passed without it, failed with it",
          "no-code BROKEN: passed without it, not run with it",
          "survives SURVIVED: passed without it, passed with it"
        ])
        assert.deepStrictEqual(Mutants.sources(at), sources)
        assert.deepStrictEqual(Fs.readdirSync(temporary), [])
      } finally {
        if (TMPDIR === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = TMPDIR
        Fs.rmSync(temporary, { recursive: true })
        Fs.rmSync(at, { recursive: true })
      }
    }
  )

  it("the run of all mutants counts a mutant as killed if its test never ends, ends the test's worker, and goes on", {
    timeout: 120_000
  }, async () => {
    const at = checkout()
    try {
      const pid = Path.join(at, "pid")
      const endless = `number => { writeFileSync(${JSON.stringify(pid)}, String(process.pid)); while (true); }`
      const given = (edits: ReadonlyArray<Mutants.Edit>) =>
        JSON.stringify({ title: "t", violates: "G1", edits, test: "more: G1: more is one more" })
      const source = { in: "packages/a/src", find: "export const more = (a: number): number => a + 1" }
      const texts = new Map([
        [
          "endless",
          given([{
            ...source,
            replace: `import { writeFileSync } from "node:fs"\nexport const more = (a: number): ${endless}`
          }])
        ],
        ["killed", given([{ ...source, replace: "export const more = (a: number): number => a + 2" }])]
      ])
      const { problems, ready } = prepare(texts, Mutants.sources(at), read(at), "")
      assert.deepStrictEqual(problems, [])
      const told: Array<string> = []
      const tell = ({ name }: Mutants.Mutant, verdict: string, why: string) =>
        void told.push(`${name} ${verdict}: ${why}`)
      await hunt(at, ready, tell, { lanes: 1, limitMillis: 10_000 })
      assert.deepStrictEqual(told, [
        "endless killed: passed without it, hung with it",
        "killed killed: passed without it, failed with it"
      ])
      assert.isTrue(await isGone(Number(Fs.readFileSync(pid, "utf8"))))
    } finally {
      Fs.rmSync(at, { recursive: true })
    }
  })

  it("the run of all mutants copies links between workspaces as links into the copy", () => {
    const at = checkout()
    const made = copy(at)
    try {
      assert.strictEqual(Fs.realpathSync(Path.join(made, "node_modules/a")), Path.join(made, "packages/a"))
      assert.strictEqual(
        Fs.realpathSync(Path.join(made, "node_modules/vitest")),
        Fs.realpathSync(Path.join(root, "node_modules/vitest"))
      )
    } finally {
      Fs.rmSync(at, { recursive: true })
      Fs.rmSync(made, { recursive: true })
    }
  })
})
