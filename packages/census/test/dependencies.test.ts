import { assert, describe, it } from "@effect/vitest"
import { dependencies, packageOf, resolve } from "../src/dependencies.ts"
import { CannotParse } from "../src/row.ts"
import { imports, row, rowsOf } from "./support.ts"

describe("A relative import leads to a source file", () => {
  const known = new Set(["a.ts", "b.tsx", "lib/index.ts", "lib/c.mts", "d.js"])

  it("a relative import resolves to a file by its name, its compiled name, its name without extension, or its folder", () => {
    assert.strictEqual(resolve("x.ts", "./a.ts", known), "a.ts")
    assert.strictEqual(resolve("x.ts", "./a.js", known), "a.ts")
    assert.strictEqual(resolve("x.ts", "./a", known), "a.ts")
    assert.strictEqual(resolve("x.ts", "./b.js", known), "b.tsx")
    assert.strictEqual(resolve("x.ts", "./lib", known), "lib/index.ts")
    assert.strictEqual(resolve("lib/c.mts", "..//d", known), "d.js")
    assert.strictEqual(resolve("lib/index.ts", "./c.mjs", known), "lib/c.mts")
    assert.strictEqual(resolve("x.ts", "./e.js", known), undefined)
    assert.strictEqual(resolve("x.d.ts", "./y.js", new Set(["y.d.ts"])), "y.d.ts")
  })
})

describe("The census reads the name of a package from the specifier of an import", () => {
  it("the package of an import is the part of the specifier that names an installed package", () => {
    assert.strictEqual(packageOf("effect/Effect"), "effect")
    assert.strictEqual(packageOf("@scope/name/deep"), "@scope/name")
    assert.strictEqual(packageOf("node:fs/promises"), "node:fs")
  })
})

describe("A census sums up the dependencies between files", () => {
  it("the summary of a census's dependencies counts each pair once: imported files, packages, and imports that lead to no file", () => {
    const found = dependencies(rowsOf([
      row("a.ts", { imports: imports(["./b.ts", "./b.js", "./b", "effect/Effect", "effect/Stream", "./gone.ts"]) }),
      row("b.ts", { imports: imports(["effect/Effect"]) }),
      row("c.ts", { imports: imports(["./b.ts", "./a.ts"], "type") })
    ]))
    assert.deepInclude(found, { inside: 3, outside: 2, nowhere: 1 })
    assert.deepStrictEqual(found.imported, [{ name: "b.ts", files: 2 }, { name: "a.ts", files: 1 }])
    assert.deepStrictEqual(found.importing, [{ name: "c.ts", files: 2 }, { name: "a.ts", files: 1 }])
    assert.deepStrictEqual(found.packages, [{ name: "effect", files: 2 }])
  })

  it("the summary of a census's dependencies finds cycles of imports at load time, but not of type imports or import()", () => {
    const circle = (kind: "static" | "type" | "dynamic") =>
      dependencies(rowsOf([
        row("a.ts", { imports: imports(["./b.ts"]) }),
        row("b.ts", { imports: imports(["./c.ts"]) }),
        row("c.ts", { imports: imports(["./a.ts"], kind) }),
        row("self.ts", { imports: imports(["./self.ts"]) })
      ])).cycles
    assert.deepStrictEqual(circle("static"), [["a.ts", "b.ts", "c.ts"], ["self.ts"]])
    assert.deepStrictEqual(circle("type"), [["self.ts"]])
    assert.deepStrictEqual(circle("dynamic"), [["self.ts"]])
  })

  it("the summary of a census's dependencies counts imports of a file that could not be parsed", () => {
    const found = dependencies(rowsOf([
      row("a.ts", { imports: imports(["./broken.ts"]) }),
      new CannotParse({ file: "broken.ts", line: 1, reason: "no" })
    ]))
    assert.deepInclude(found, { inside: 1, nowhere: 0 })
  })
})
