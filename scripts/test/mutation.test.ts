import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Mutation from "../lib/mutation.ts"
import { document, type Judged, scoreOf } from "../mutate.ts"

const root = Path.resolve(import.meta.dirname, "..", "..")

const text = "const a = 1\nconst isBoth = (\n  a: number,\n  b: number\n) => a > 0 || b > 0\n"

/** Returns the change of a text that occurs once in `text`. */
const change = (find: string, replacement: string, file = "packages/a/src/a.ts"): Mutation.Change => {
  const place = (offset: number): Mutation.Position => {
    const lines = text.slice(0, offset).split("\n")
    return { line: lines.length - 1, column: lines.at(-1)!.length }
  }
  const start = text.indexOf(find)
  return {
    file,
    location: { start: place(start), end: place(start + find.length) },
    mutatorName: "Some",
    replacement
  }
}

const many = (file: string): ReadonlyArray<Mutation.Change> =>
  Array.from({ length: 100 }, (_, i) => change("a > 0", `a > ${i}`, file))

describe("A seed chooses the code changes of the mutation test", () => {
  const all = [...many("packages/a/src/a.ts"), ...many("packages/a/src/b.ts")]

  it("a sample of code changes is the same for one seed, in any order of the changes, and differs for another seed", () => {
    const first = Mutation.sample(all, 1, 50)
    assert.strictEqual(new Set(first.map(Mutation.keyOf)).size, 50)
    assert.deepStrictEqual(Mutation.sample(all.toReversed(), 1, 50), first)
    assert.notDeepEqual(Mutation.sample(all, 2, 50), first)
  })

  it("a sample of code changes in one file stays the same when another file changes", () => {
    const of = (changes: ReadonlyArray<Mutation.Change>) =>
      Mutation.sample(changes, 1, 200).filter(({ file }) => file.endsWith("a.ts"))
    assert.deepStrictEqual(of(all), of(many("packages/a/src/a.ts")))
  })
})

describe("The mutation test applies a code change and reports it", () => {
  it("a change by the mutation test is applied to the text of its file, also over several lines", () => {
    assert.strictEqual(Mutation.made(text, change("a > 0", "true")), text.replace("a > 0", "true"))
    const block = change("(\n  a: number,\n  b: number\n) => a > 0 || b > 0", "() => undefined")
    assert.strictEqual(Mutation.made(text, block), "const a = 1\nconst isBoth = () => undefined\n")
  })

  it("a change by the mutation test is shown with the lines of code around it", () => {
    assert.strictEqual(Mutation.shown(text, change("a > 0", "true")), ") => a > 0 || b > 0 → ) => true || b > 0")
    const block = change("(\n  a: number,\n  b: number\n) => a > 0 || b > 0", "() => undefined")
    assert.strictEqual(
      Mutation.shown(text, block),
      "const isBoth = ( a: number, b: number ) => a > 0 || b > 0 → const isBoth = () => undefined"
    )
  })

  it("a change of code that no test can notice is a row of docs/mutation.md, with escaped bars and backquotes", () => {
    for (const shown of ["a || b → a && b", "`${a}` → ``", "a"]) {
      const equivalent = { file: "packages/a/src/a.ts", shown, why: "Both are the same." }
      assert.deepStrictEqual(Mutation.equivalents(`text\n${Mutation.row(equivalent)}\n\nmore\n`), [equivalent])
    }
  })

  it("a change by the mutation test counts as killed or survived, unless it does not compile or no test can notice it", () => {
    const judged = (...fates: ReadonlyArray<Judged["fate"]>): ReadonlyArray<Judged> =>
      fates.map((fate) => ({ change: change("a > 0", "true"), fate, shown: "", why: "" }))
    assert.strictEqual(scoreOf(judged("killed", "killed", "killed", "SURVIVED", "compiler", "equivalent")), 75)
    assert.strictEqual(scoreOf(judged("compiler")), 100)
  })
})

describe("The page docs/mutation.md", () => {
  it("the page docs/mutation.md gives reasons only for changes that are possible in the present code", () => {
    const rows = Mutation.equivalents(Fs.readFileSync(Path.join(root, document), "utf8"))
    assert.isAbove(rows.length, 0)
    for (const { file, shown } of rows) {
      const code = Fs.readFileSync(Path.join(root, file), "utf8").replace(/\s+/g, " ")
      // A long text is shown by its beginning and its end.
      for (const part of shown.slice(0, shown.lastIndexOf(" → ")).split(" … ")) {
        assert.isTrue(code.includes(part.trim()), `${file}: ${part}`)
      }
    }
  })

  it("the mutation test changes the files of the protocol and of the machines of the runtime", () => {
    const files = Mutation.changedFiles(root)
    for (const name of ["protocol/src/Frame", "protocol/src/internal/hot", "actor/src/internal/pool/Table"]) {
      assert.include(files, `packages/${name}.ts`)
    }
  })

  it("each run of the mutation test names test files that exist", () => {
    for (const glob of Mutation.testsOf(Mutation.changedFiles(root))) {
      assert.isAbove(Fs.globSync(glob, { cwd: root }).length, 0, glob)
    }
  })
})
