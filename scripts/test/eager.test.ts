/**
 * Functions that are marked to be compiled with their file keep their meaning, their names and their lines.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Vm from "node:vm"
import { called, eager, type Range } from "../lib/eager.ts"

const all = (code: string, ...functions: ReadonlyArray<string>): ReadonlyArray<Range> =>
  functions.map((text) => {
    const start = code.indexOf(text)
    if (start < 0) throw new Error(`no ${text}`)
    return { start, end: start + text.length }
  })

/** Bytes of V8's code cache for a file that has only been compiled. */
const compiled = (code: string): number => new Vm.Script(code).createCachedData().length

describe("Functions that are marked for early compilation are in the code cache of their bundle", () => {
  it("a function that is marked for early compilation is in the code cache of a file whose functions have never run", () => {
    const body = "{ let sum = a; for (let i = 0; i < b; i++) sum += i * a - b; return [sum, a, b].join() }"
    const arrow = `(a, b) => ${body}`
    const declared = `function declared(a, b) ${body}`
    const code = `const arrow = ${arrow};\n${declared}\nconst cold = (a, b) => ${body.replace("i * a", "i + a")};`
    const one = compiled(eager(code, all(code, arrow)))
    const both = compiled(eager(code, all(code, arrow, declared)))
    assert.isAbove(one, compiled(code) + 300)
    assert.isAbove(both, one + 300)
  })

  it("functions that are marked for early compilation keep their results and names, even if they are called above their declaration", () => {
    const inner = "(x) => x + 1"
    const outer = `function outer(xs) {\nreturn xs.map(${inner}) }`
    const named = "function (x) { return x * 2 }"
    const code = `const early = outer([1]);\n${outer}\nconst double = ${named};\n` +
      `const curried = (a) => (b) => a + b;\nconst later = async (x) => x;\n` +
      `[early, outer.name, double(4), double.name, curried(1)(2), later.name].join()`
    const marked = eager(code, all(code, inner, outer, named, "(a) => (b) => a + b", "(b) => a + b", "async (x) => x"))
    assert.notStrictEqual(marked, code)
    assert.strictEqual(Vm.runInNewContext(marked), Vm.runInNewContext(code))
    assert.strictEqual(Vm.runInNewContext(code), "2,outer,8,double,3,later")
  })

  it("the marking of functions for early compilation leaves methods, accessors and generators unchanged", () => {
    const method = "twice(x) { return 2 * x }"
    const getter = "get one() { return 1 }"
    const code = `class A { ${method} }\nconst o = { ${getter}, f: function* () { yield 3 } };\n` +
      "[new A().twice(2), o.one, [...o.f()][0]].join()"
    const marked = eager(code, [
      ...all(code, method, getter, "function* () { yield 3 }"),
      ...all(code, "(x) { return 2 * x }", "() { return 1 }")
    ])
    assert.strictEqual(Vm.runInNewContext(marked), "4,1,3")
    assert.include(marked, "f: (function* () { yield 3 })")
  })

  it("a coverage report of V8 tells which functions of a file have run", () => {
    const ran = (startOffset: number, count: number) => ({
      ranges: [{ startOffset, endOffset: startOffset + 10, count }]
    })
    const report = {
      result: [{ url: "file:///a.js", functions: [ran(0, 1), ran(20, 0), ran(40, 3)] }, {
        url: "file:///b.js",
        functions: [ran(7, 1)]
      }]
    }
    assert.deepStrictEqual(called(report, "file:///a.js"), [{ start: 0, end: 10 }, { start: 40, end: 50 }])
  })
})
