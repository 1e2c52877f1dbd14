import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Language from "../language.ts"
import * as Prose from "../lib/prose.ts"

const root = Path.resolve(import.meta.dirname, "../..")
const budget = JSON.parse(Fs.readFileSync(Path.join(root, "scripts/language.json"), "utf8")) as Language.Budget

/** Returns the faults of one file as `line kind`. */
const faults = (file: string, text: string) => Language.faultsOf(file, text).map(({ kind, line }) => `${line} ${kind}`)

describe("The language check", () => {
  it("the language check reports a comment that begins with a clause in the place of a noun, and names the line", () => {
    const text = `const a = 1
/**
 * The reader is slow. What it does not read
 * stays here.
 *
 * Where nothing is said it is 5.
 */
const b = 2
// Sends the word.
// Nobody waits for it.
const c = 3 // Whether it was sent.
`
    assert.deepStrictEqual(faults("a.ts", text), [
      "3 headless",
      "6 headless",
      "10 headless",
      "10 riddle",
      "11 headless"
    ])
  })

  it("the language check ignores pictures, tables, code, tags and questions in comments", () => {
    const text = `/**
 * A machine of two states.
 *
 *   Who comes --Hello--> Whoever is there now
 *
 * | What | Nobody knows what is here |
 *
 * \`\`\`ts
 * // What is here is a program of somebody.
 * \`\`\`
 *
 * Who is there now?
 *
 * @example
 * Whoever reads this is told what is done.
 */
const a = 1
`
    assert.deepStrictEqual(faults("a.ts", text), [])
  })

  it("the language check finds faults in texts that a source writes, and ignores short texts", () => {
    const text = `throw new Error(\`what is asked of \${actor} is no call\`)
const tag = "whoever comes"
fail({ reason: "The actor has ended. Whoever asks again is refused." })
`
    assert.deepStrictEqual(faults("a.ts", text), ["1 headless", "1 riddle", "3 headless", "3 riddle"])
  })

  it("the language check reads only the titles of test files, in every form in which a test is declared", () => {
    const text = `// Whoever reads this is fine.
describe("whoever is late", () => {
  it.live("who asks is told so", () => {})
  it.effect.each([1])("what comes in is kept", () => {})
  it.skipIf(true)(\`the actor of somebody ends\`, () => {})
  it("an actor ends", () => fail("whoever is late is not read as a title"))
})
`
    assert.deepStrictEqual(faults("a.test.ts", text), [
      "2 headless",
      "2 riddle",
      "3 headless",
      "4 headless",
      "5 riddle"
    ])
  })

  it("the language check reads paragraphs and list items of pages, but no headings, tables, code or parts that a script writes", () => {
    const text = `# What is a page

The page begins. **Nobody** reads it here.

- Whether it is read is open.
- The reader sees it.

| what is this | a table of nobody |

\`\`\`ts
// Whoever reads this is a program.
\`\`\`

<!-- layers: drawn by a script -->
Whatever is drawn comes from the sources.
<!-- end of layers -->
`
    assert.deepStrictEqual(faults("a.md", text), ["3 headless", "3 riddle", "5 headless"])
  })

  it("the language check accepts a comparison with `so far as`, and a word that only begins like a pronoun", () => {
    assert.deepStrictEqual(
      faults("a.md", "So far as it goes, the actor runs.\n\nWholesale changes of it are fine.\n"),
      []
    )
    assert.deepStrictEqual(faults("a.md", "So many bytes leave at once.\n"), ["1 headless", "1 riddle"])
  })

  const two = Language.faultsOf("a.md", "What it is stays open.\n\nWhere it is stays open.\n")

  it("a file may have as many language faults as its budget; one further fault makes the check show all faults of this kind", () => {
    assert.deepStrictEqual(Language.problems(two, { "a.md": { headless: 2, riddle: 0 } }), [])
    assert.deepStrictEqual(Language.problems(two, { "a.md": { headless: 1, riddle: 9 } }), [
      "a.md: 2 headless sentences, allowed are 1",
      "  a.md:1 headless: What it is stays open.",
      "  a.md:3 headless: Where it is stays open."
    ])
  })

  it("the language check fails at each language fault in a file that has no row in scripts/language.json", () => {
    assert.strictEqual(Language.problems(two, { "b.md": { headless: 2, riddle: 0 } }).length, 3)
  })

  it("a budget of language faults only falls, and a file without faults loses its budget", () => {
    assert.deepStrictEqual(Language.lower(two, undefined), { "a.md": { headless: 2, riddle: 0 } })
    assert.deepStrictEqual(
      Language.lower(two, { "a.md": { headless: 3, riddle: 1 }, "b.md": { headless: 1, riddle: 0 } }),
      {
        "a.md": { headless: 2, riddle: 0 }
      }
    )
    assert.deepStrictEqual(Language.lower(two, { "a.md": { headless: 1, riddle: 0 } }), {
      "a.md": { headless: 1, riddle: 0 }
    })
  })

  it("the repository keeps its budget of language faults, and every file of the budget exists", () => {
    assert.deepStrictEqual(Language.problems(Language.faults(root), budget), [])
    assert.deepStrictEqual(Object.keys(budget).filter((file) => !Fs.existsSync(Path.join(root, file))), [])
  })

  it("the language check ignores words in a span of code", () => {
    assert.deepStrictEqual(
      faults("a.md", "The rule forbids `nobody` and `who is`.\n\n`What` is a noun of this page.\n"),
      []
    )
  })

  it("the language check knows the line of each sentence of a page", () => {
    assert.deepStrictEqual(Prose.ofPage("# A\n\nOne two three.\nFour five six.\n").map(({ line }) => line), [3, 4])
  })

  it("a seed decides which sentences are drawn, and a sentence that is removed from the files does not change the draw of the others", () => {
    const sentence = (n: number, written = `Sentence ${n} has five words.`): Language.Drawn => ({
      file: "a.md",
      line: n,
      place: "page",
      text: written,
      written
    })
    const all = Array.from({ length: 50 }, (_, n) => sentence(n))
    const drawn = Language.draw(all, "seed", 10)
    const without = (n: number) => drawn.filter(({ line }) => line !== n)
    assert.lengthOf(drawn, 10)
    assert.deepStrictEqual(Language.draw(all, "seed", 10), drawn)
    assert.notDeepEqual(Language.draw(all, "another", 10), drawn)
    const [first] = drawn as [Language.Drawn]
    const others = Language.draw(all.filter((s) => s !== first), "seed", 9)
    assert.deepStrictEqual(others, without(first.line))
    const short = { ...sentence(60, "A pool of actors"), place: "title" as const }
    assert.deepStrictEqual(Language.draw([short, { ...sentence(61), place: "text" }], "seed", 10), [])
  })

  it("the language check shows a drawn sentence to a reader with its code spans, which it otherwise replaces by an ellipsis", () => {
    const [sentence] = Prose.ofPage("Calls of `Actor.start` need\na nursery.\n")
    assert.deepInclude(sentence, {
      text: "Calls of `…` need a nursery.",
      written: "Calls of `Actor.start` need a nursery."
    })
    const before = Prose.ofPage("An actor runs.\nIt ends in time.\n\nAnother paragraph begins.\n")
    assert.deepStrictEqual(before.map(({ before }) => before), [undefined, "An actor runs.", undefined])
  })
})
