import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { page, parse } from "../docs.ts"

describe("A page of the reference is written from doc comments", () => {
  it("a doc comment is split into text, examples, category and version", () => {
    assert.deepStrictEqual(
      parse("Adds two.\n\nMore of it.\n\n@example\n```ts\nadd(1, 2) // 3\n```\n@category math\n@since 0.1.0"),
      {
        text: "Adds two.\n\nMore of it.",
        examples: ["```ts\nadd(1, 2) // 3\n```"],
        category: "math",
        since: "0.1.0"
      }
    )
  })

  it("a page of the reference shows a name from another file with the name's comment, its example, and the comments of its fields", () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-docs-"))
    try {
      Fs.writeFileSync(
        Path.join(folder, "index.d.ts"),
        `export { a as b } from "./a.js";\nexport { C } from "./a.js";\n`
      )
      Fs.writeFileSync(
        Path.join(folder, "a.d.ts"),
        "/**\n * The first.\n *\n * @example\n * ```ts\n * b // 1\n * ```\n * @category values\n * @since 0.2.0\n */\n" +
          "export declare const a: 1;\n/** A shape. */\nexport interface C {\n    /** Its size in bytes. */\n    readonly size: number;\n}\n"
      )
      assert.strictEqual(
        page("the module", "What it does.", Path.join(folder, "index.d.ts")),
        "# the module\n\nWhat it does.\n\n- other: [C](#c)\n- values: [b](#b)\n\n" +
          "## other\n\n### C\n\nA shape.\n\n```ts\ninterface C {\n    /** Its size in bytes. */\n    readonly size: number;\n}\n```\n\n" +
          "## values\n\n### b\n\nThe first.\n\n```ts\ndeclare const a: 1;\n```\n\nExample:\n\n```ts\nb // 1\n```\n\nSince 0.2.0.\n"
      )
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })
})
