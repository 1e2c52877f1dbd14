import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Pages from "../lib/pages.ts"

const root = Path.resolve(import.meta.dirname, "../..")
const pages = Pages.read(root)

const pagesOf = (files: Readonly<Record<string, string>>) => new Map(Object.entries(files))

/** Returns the dead links of a repository that contains only these pages. */
const dead = (files: Readonly<Record<string, string>>) => {
  const all = pagesOf(files)
  return Pages.dead(all, (path) => all.has(path))
}

describe("The links of this repository's pages are checked", () => {
  it("every link of this repository's pages leads to a file and a heading", () => {
    assert.isAbove(pages.size, 40)
    assert.deepStrictEqual(Pages.dead(pages, (path) => Fs.existsSync(Path.join(root, path))), [])
  })

  it("the check of links reports a link to a missing file or a missing heading", () => {
    assert.deepStrictEqual(
      dead({
        "docs/a.md": "# A\n\n[b](b.md) [gone](gone.md)\n[up](../README.md#the-end)\n[here](#a) [nowhere](#b)\n",
        "docs/b.md": "[gone](../docs/a.md#two)",
        "README.md": "# The: `end`!\n"
      }),
      ["docs/a.md:3 docs/gone.md", "docs/a.md:5 docs/a.md#b", "docs/b.md:1 docs/a.md#two"]
    )
  })

  it("the check of links reads absolute links into this repository, and skips links to other sites and links in code", () => {
    assert.deepStrictEqual(
      dead({
        "packages/a/README.md": `[a](https://github.com/furrow-effect/furrow/blob/main/docs/a.md)
[b](https://github.com/furrow-effect/furrow/blob/main/docs/b.md#c) [x](https://effect.website) \`[y](z.md)\`
\`\`\`ts
// [y](z.md)
\`\`\`
`,
        "docs/b.md": "# B\n"
      }),
      ["packages/a/README.md:1 docs/a.md", "packages/a/README.md:2 docs/b.md#c"]
    )
  })

  it("headings with equal text get numbered anchors, as on GitHub", () => {
    assert.deepStrictEqual([...Pages.anchors("# A b\n## A b\n### [A](x.md) _b_-c 1.2\n")], [
      "a-b",
      "a-b-1",
      "a-_b_-c-12"
    ])
  })
})

describe("Commands in this repository's pages exist", () => {
  const { scripts } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const named = (text: string) => Array.from(text.matchAll(/npm run ([a-z][\w:-]*)/g), ([, name]) => name!)

  it("every npm script that a page names exists", () => {
    const missing = [...pages].flatMap(([page, text]) =>
      named(text).filter((name) => scripts[name] === undefined).map((name) => `${page} ${name}`)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("CONTRIBUTING.md explains every script", () => {
    const explained = new Set([...named(pages.get("CONTRIBUTING.md")!), "pretest", "test", "start"])
    assert.deepStrictEqual(Object.keys(scripts).filter((name) => !explained.has(name)), [])
  })
})

describe("The page docs/README.md", () => {
  const unlisted = (index: string, ...others: ReadonlyArray<string>) =>
    Pages.unlisted(pagesOf({ "docs/README.md": index, ...Object.fromEntries(others.map((name) => [name, ""])) }))

  it("docs/README.md lists every page in one group, with one sentence", () => {
    assert.deepStrictEqual(Pages.unlisted(pages), [])
  })

  it("the check of docs/README.md reports a page in no group, and a page in two groups", () => {
    const index =
      "# All\n\n## Tutorials\n\n- [A](a.md): first.\n\n## Reference\n\n- [A](a.md): again.\n- [C](c): all of c.\n"
    assert.deepStrictEqual(unlisted(index, "docs/a.md", "docs/b.md", "docs/c/d.md"), [
      "docs/a.md is listed 2 times",
      "docs/b.md is listed 0 times"
    ])
  })

  it("the check of docs/README.md refuses a list item that is not a link with one sentence, and a heading that names no group of pages", () => {
    assert.deepStrictEqual(
      unlisted("## Tutorials\n\n- [A](a.md)\n\n## Others\n\n- [B](b.md): b.\n", "docs/a.md", "docs/b.md"),
      [
        "Others is no group",
        "- [A](a.md) is not a link and one sentence"
      ]
    )
  })
})
