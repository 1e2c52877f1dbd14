import { assert, describe, it } from "@effect/vitest"
import * as Examples from "./api-examples.ts"
import * as Surface from "./api-surface.ts"

describe("the rules of examples", () => {
  const text = (...lines: ReadonlyArray<string>) => lines.join("\n") + "\n"
  const program = (...lines: ReadonlyArray<string>) => Examples.program({ text: text(...lines) }).split("\n")

  it("an example begins with the imports and the fixtures that it names", () => {
    const lines = program("yield* frank.run(isPrime({ n: Duration.toMillis(7) }))")
    assert.include(lines, `import * as Duration from "effect/Duration"`)
    assert.include(lines, `import { type Program, running, runs, shows, isPrime } from "../test/api-prelude.ts"`)
    assert.include(lines, "const frank = yield* running.frank")
  })

  it("an example keeps a name that it defines itself", () => {
    const lines = program("const isPrime = 7", "const { frank } = others", "const [counter, todos] = more")
    assert.include(lines, `import { type Program, running, runs, shows } from "../test/api-prelude.ts"`)
    assert.notInclude(lines.join(), "running.")
  })

  it("an exported statement stands above the generator", () => {
    const lines = program("export const a = fn({", "  b", "})", "a()")
    const generator = lines.findIndex((line) => line.includes("Effect.gen("))
    assert.isBelow(lines.indexOf("})"), generator)
    assert.isAbove(lines.indexOf("runs(a())"), generator)
  })

  it("a comment behind an expression is checked as its value", () => {
    const lines = program("const a = 1 // one", "a // 1", "f(", "  a", ") // [2]", "// alone", "g()")
    assert.include(
      lines.join("\n"),
      text("const a = 1 // one", "shows(a, 1)", "shows(f(", "  a", "), [2])", "// alone")
    )
    assert.include(lines, "runs(g())")
  })

  it("a block of a language without a rule is refused", () => {
    assert.throws(() => Examples.blocks("```js\n1\n```"), /no rule for a block of `js`/)
    assert.deepStrictEqual(Examples.blocks("```ts check\n1\n```"), [{ text: "1\n", run: false }])
  })
})

describe("the rules of comments", () => {
  const complete = "Adds.\n\n@example\n```ts\n1 // 1\n```\n@category math\n@since 0.1.0"

  it("a value lacks what its comment does not have", () => {
    const lacks = (comment: string, kind: "value" | "type" = "value") => Surface.lacks({ comment, kind })
    assert.deepStrictEqual(lacks(complete), [])
    assert.deepStrictEqual(lacks(""), ["a meaning", "@category", "@since", "@example"])
    assert.deepStrictEqual(lacks(complete.replace("Adds.", "")), ["a meaning"])
    assert.deepStrictEqual(lacks("A sum.\n@category math\n@since 0.1.0", "type"), [])
  })

  it("a declaration has the comment right above it", () => {
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
