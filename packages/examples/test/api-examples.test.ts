import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterAll } from "vitest"
import * as Examples from "./api-examples.ts"
import * as Surface from "./api-surface.ts"
import { runNode } from "./program.ts"

const published = ["actor", "node", "testing", "sql", "nats"]
const surface = published.flatMap(Surface.namesIn)
const examples = [...published, "protocol"].flatMap(Examples.all)
const run = examples.filter(({ run }) => run)

/** The number of examples that are not run, because they need processes, a test runner or an engine, or never end. */
const onlyChecked = 15

/** The folder is inside this package, so that the examples find the packages they import. */
const folder = Path.resolve(import.meta.dirname, "..", `.api-${process.pid}`)
const report = Path.join(folder, "report.json")

const tsconfig = {
  extends: "../../../tsconfig.base.json",
  compilerOptions: {
    composite: false,
    incremental: false,
    noEmit: true,
    noUnusedLocals: false,
    customConditions: ["furrow-source"],
    types: ["node"]
  },
  include: ["*.ts"]
}

describe("the doc comments of the API explain every public name", () => {
  it("the list of public names of the published packages contains well-known names, such as `Actor.start` and `NodeActor.runMain`", () => {
    for (
      const name of [
        "Actor.start",
        "ActorError.ActorLost",
        "NodeActor.runMain",
        "SocketConnection.make",
        "Eventually.holds",
        "SqlDiscovery.layer",
        "NatsDiscovery.layer"
      ]
    ) {
      assert.include(
        surface.filter(({ kind }) => kind === "value").map(({ module, name }) => `${module}.${name}`),
        name
      )
    }
  })

  it("every public name of the API is explained, and every value has an example", () => {
    const incomplete = surface.map((name) => ({ ...name, lacks: Surface.lacks(name) }))
      .filter(({ lacks }) => lacks.length > 0)
      .map(({ lacks, module, name }) => `${module}.${name} lacks ${lacks.join(", ")}`)
    assert.deepStrictEqual(incomplete, [])
  })
})

describe("the examples in the doc comments of the API work", () => {
  beforeAll(() => {
    Fs.mkdirSync(folder)
    for (const example of examples) Fs.writeFileSync(Path.join(folder, example.file), Examples.program(example))
    Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
  })

  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

  it("all examples in the doc comments of the API are run, except at most 15 examples that are only type-checked", () => {
    assert.isAtMost(examples.length - run.length, onlyChecked)
  })

  it("all examples in the doc comments of the API are free of type errors", { timeout: 120_000 }, () => {
    const tsc = Path.join(Surface.packages, "..", "node_modules", ".bin", "tsc")
    const { status, stdout } = ChildProcess.spawnSync(tsc, ["-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8"
    })
    assert.strictEqual(stdout, "")
    assert.strictEqual(status, 0)
  })

  it(
    "every example of the API that is run ends with the values that its comments state",
    { timeout: 120_000 },
    async () => {
      const runner = Path.join(import.meta.dirname, "api-runner.ts")
      const { code, left, stderr } = await runNode([runner, folder, report, ...run.map(({ file }) => file)])
      const failures = JSON.parse(Fs.readFileSync(report, "utf8")) as Readonly<Record<string, string>>
      assert.deepStrictEqual(failures, {}, stderr)
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(left, [])
    }
  )
})

describe("An example in a doc comment is turned into a program with imports and assertions", () => {
  const text = (...lines: ReadonlyArray<string>) => lines.join("\n") + "\n"
  const program = (...lines: ReadonlyArray<string>) => Examples.program({ text: text(...lines) }).split("\n")

  it("an example in a doc comment begins with the imports and the fixtures that it names", () => {
    const lines = program("yield* frank.run(isPrime({ n: Duration.toMillis(7) }))")
    assert.include(lines, `import * as Duration from "effect/Duration"`)
    assert.include(lines, `import { type Example, running, runs, shows, isPrime } from "../test/api-prelude.ts"`)
    assert.include(lines, "const frank = yield* running.frank")
  })

  it("the program that is made from an example in a doc comment imports no fixture whose name the example itself defines", () => {
    const lines = program("const isPrime = 7", "const { frank } = others", "const [counter, todos] = more")
    assert.include(lines, `import { type Example, running, runs, shows } from "../test/api-prelude.ts"`)
    assert.notInclude(lines.join(), "running.")
  })

  it("an exported statement of an example in a doc comment is placed above the generator function that runs the other statements", () => {
    const lines = program("export const a = fn({", "  b", "})", "a()")
    const generator = lines.findIndex((line) => line.includes("Effect.gen("))
    assert.isBelow(lines.indexOf("})"), generator)
    assert.isAbove(lines.indexOf("runs(a())"), generator)
  })

  it("a comment behind an expression of an example in a doc comment is checked as the expression's value", () => {
    const lines = program("const a = 1 // one", "a // 1", "f(", "  a", ") // [2]", "// alone", "g()")
    assert.include(
      lines.join("\n"),
      text("const a = 1 // one", "shows(a, 1)", "shows(f(", "  a", "), [2])", "// alone")
    )
    assert.include(lines, "runs(g())")
  })

  it("a code block of a doc comment in a language without a rule is refused", () => {
    assert.throws(() => Examples.blocks("```js\n1\n```"), /no rule for a block of `js`/)
    assert.deepStrictEqual(Examples.blocks("```ts check\n1\n```"), [{ text: "1\n", run: false }])
  })
})

describe("A doc comment of the API that lacks a required part is reported", () => {
  const complete = "Adds.\n\n@example\n```ts\n1 // 1\n```\n@category math\n@since 0.1.0"

  it("a doc comment of the API that lacks its meaning, an example, a category or a version is reported", () => {
    const lacks = (comment: string, kind: "value" | "type" = "value") => Surface.lacks({ comment, kind })
    assert.deepStrictEqual(lacks(complete), [])
    assert.deepStrictEqual(lacks(""), ["a meaning", "@category", "@since", "@example"])
    assert.deepStrictEqual(lacks(complete.replace("Adds.", "")), ["a meaning"])
    assert.deepStrictEqual(lacks("A sum.\n@category math\n@since 0.1.0", "type"), [])
  })

  it("the doc comment of a declaration is the comment directly above the declaration", () => {
    const source =
      "/** One. */\nexport const a = 1\n/** Lost. */\nconst b = 2\nexport const c = 3\nexport { type D as E }\n"
    const { declared, exports } = Surface.read("a.ts", `${source}/** Type. */\ntype D = 1\n`)
    assert.deepStrictEqual([...declared].map(([name, { comment, kind }]) => [name, kind, comment]), [
      ["a", "value", "One."],
      ["b", "value", "Lost."],
      ["c", "value", ""],
      ["D", "type", "Type."]
    ])
    assert.deepStrictEqual(exports.get("E"), { from: undefined, name: "D", isType: true })
  })
})
