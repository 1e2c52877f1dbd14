import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Crypto from "node:crypto"
import { measure } from "../src/measure.ts"
import { Parser } from "../src/Parser.ts"
import { CannotParse } from "../src/row.ts"
import { measured } from "./support.ts"

describe("The census counts each line of a source file as code, comment or blank", () => {
  const lines = (text: string, file?: string) => Effect.map(measured(text, file), (row) => row.lines)

  it.effect("each line of a file counts as either code, comment or blank", () =>
    Effect.gen(function*() {
      const text = [
        "// a comment",
        "const a = 1 // code with a comment",
        "",
        "/* one",
        "",
        "   two */",
        "/* before */ const b = 2",
        "/* a */ /* b */",
        "  ",
        "const c = `// not a comment",
        "",
        "`"
      ].join("\n")
      assert.deepStrictEqual(yield* lines(text), { code: 4, comment: 4, blank: 4 })
    }))

  it.effect("the last line of a counted file counts once, with or without a line break at its end", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* lines(""), { code: 0, comment: 0, blank: 0 })
      assert.deepStrictEqual(yield* lines("\n"), { code: 0, comment: 0, blank: 1 })
      assert.deepStrictEqual(yield* lines("a\nb"), { code: 2, comment: 0, blank: 0 })
      assert.deepStrictEqual(yield* lines("a\r\n\r\nb\r\n"), { code: 2, comment: 0, blank: 1 })
    }))

  it.effect("the census counts comments with characters outside of ASCII by characters, not by bytes", () =>
    Effect.gen(function*() {
      const text = "const a = \"žluťoučký 🐎\" // 🐎\n// 🐎🐎🐎\nconst b = 1\n"
      assert.deepStrictEqual(yield* lines(text), { code: 2, comment: 1, blank: 0 })
    }))
})

describe("A census records the size and the hash of a source file", () => {
  it.effect("the row of a file has the size of the file and the hash of its bytes", () =>
    Effect.gen(function*() {
      const text = "const a = \"🐎\"\n"
      const row = yield* measured(text)
      assert.strictEqual(row.bytes, 17)
      assert.strictEqual(row.sha256, Crypto.createHash("sha256").update(text).digest("hex"))
    }))
})

describe("A census finds the imports of a source file", () => {
  it.effect("the imports of a file are each `import`, each `export from`, and each `import()` of a literal, with their kinds", () =>
    Effect.gen(function*() {
      const row = yield* measured(
        [
          "import a, { type T } from \"a\"",
          "import type { U } from \"u\"",
          "import { type V } from \"v\"",
          "import \"effects\"",
          "export { b } from \"./b.js\"",
          "export type { W } from \"w\"",
          "export * from '@scope/all'",
          "const c = await import(`./c.ts`)",
          "const d = await import(a)",
          "const e = await import(`./${c}.ts`)",
          "export const f = 1"
        ].join("\n")
      )
      assert.deepStrictEqual(row.imports, [
        { specifier: "a", kind: "static" },
        { specifier: "u", kind: "type" },
        { specifier: "v", kind: "type" },
        { specifier: "effects", kind: "static" },
        { specifier: "./b.js", kind: "static" },
        { specifier: "w", kind: "type" },
        { specifier: "@scope/all", kind: "static" },
        { specifier: "./c.ts", kind: "dynamic" }
      ])
    }))
})

describe("A census finds the longest function of a source file", () => {
  const longest = (text: string, file?: string) => Effect.map(measured(text, file), (row) => row.longest)

  it.effect("the longest function is absent in the row of a file without functions", () =>
    Effect.gen(function*() {
      const row = yield* measured("declare function f(): void\nexport type F = () => void\n")
      assert.deepStrictEqual([row.functions, row.longest], [0, null])
    }))

  it.effect("the longest function of a file has its own name, the name that it was assigned to, or the names of its class and method", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* longest("\nfunction f() {\n}"), { name: "f", line: 2, lines: 2 })
      assert.deepStrictEqual(yield* longest("const g = () =>\n  1"), { name: "g", line: 1, lines: 2 })
      assert.deepStrictEqual(yield* longest("const h = wrap(function*() {\n})"), { name: "h", line: 1, lines: 2 })
      assert.strictEqual((yield* longest("class C { run() {} }"))?.name, "C.run")
      assert.strictEqual((yield* longest("class C { #run = () => {} }"))?.name, "C.#run")
      assert.strictEqual((yield* longest("const o = { run() {} }"))?.name, "run")
      assert.strictEqual((yield* longest("export default () => {}"))?.name, "(anonymous)")
    }))

  it.effect("the longest function of a file is the first of several with equal length, and all functions are counted", () =>
    Effect.gen(function*() {
      const row = yield* measured("const a = () => {\n  const inner = () => 1\n}\nconst b = () => {\n\n}\n")
      assert.deepStrictEqual([row.functions, row.longest], [3, { name: "a", line: 1, lines: 3 }])
    }))
})

describe("A census reads source files with a syntax error or a special extension", () => {
  it.effect("the row of a file with a syntax error has the line of the error", () =>
    Effect.gen(function*() {
      const parser = yield* Parser
      const row = measure(parser, "a.ts", new TextEncoder().encode("const a = 1\nconst = 2\n"))
      assert.instanceOf(row, CannotParse)
      assert.deepInclude(row, { file: "a.ts", line: 2 })
    }).pipe(Effect.provide(Parser.layer)))

  it.effect("the census parses a file according to the file's extension: JSX, scripts, CommonJS", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* measured("const A = () => <p>{/* no */}</p>", "a.tsx")).functions, 1)
      assert.strictEqual((yield* measured("with (a) { b() }", "a.js")).lines.code, 1)
      assert.strictEqual((yield* measured("return 1", "a.cjs")).lines.code, 1)
      assert.strictEqual((yield* measured("#!/usr/bin/env node\nawait 1", "a.mjs")).lines.comment, 1)
    }))
})
