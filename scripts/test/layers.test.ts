import { afterEach, assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { problems } from "../layers.ts"

const made: Array<string> = []
afterEach(() => {
  for (const root of made.splice(0)) Fs.rmSync(root, { recursive: true })
})

/** Returns the problems that the check finds in a repository of these files, given below packages/. */
const check = (files: Readonly<Record<string, string>>) => {
  const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-layers-"))
  made.push(root)
  // The exports close internal folders as in the repository, unless a test is about that.
  const closed = { "actor/package.json": JSON.stringify({ exports: { "./internal/*": null } }) }
  for (const [name, text] of Object.entries({ ...closed, ...files })) {
    const file = Path.join(root, "packages", name)
    Fs.mkdirSync(Path.dirname(file), { recursive: true })
    Fs.writeFileSync(file, text)
  }
  return problems(root)
}

const lines = (count: number) => Array.from({ length: count }, (_, i) => `  f(${i})`).join("\n")

describe("The layers check", () => {
  it("the layers check accepts an import of a lower layer of the runtime, for values and for types", () => {
    assert.deepStrictEqual(
      check({
        "actor/src/index.ts": `export * as Portal from "./internal/portal/Portal.ts"`,
        "actor/src/internal/portal/Portal.ts":
          `import * as Dialog from "../dialog/Dialog.ts"\nexport const a = Dialog.b`,
        "actor/src/internal/dialog/Dialog.ts": `import type { E } from "../errors/E.ts"\nexport const b: E = 1`,
        "actor/src/internal/errors/E.ts": `export type E = number`
      }),
      []
    )
  })

  it("the layers check fails for an import of a higher layer of the runtime, even for an import of a type", () => {
    assert.deepStrictEqual(
      check({
        "actor/src/internal/portal/Portal.ts": `export type P = 1`,
        "actor/src/internal/channel/A.ts": `import type { P } from "../portal/Portal.ts"\nexport const a: P = 1`,
        "actor/src/internal/channel/B.ts": `export const b: import("../portal/Portal.ts").P = 1`,
        "actor/src/internal/channel/C.ts": `export const c = () => import("../portal/Portal.ts")`,
        "actor/src/index.ts": `export const face = 1`,
        "actor/src/internal/errors/E.ts": `import { face } from "../../index.ts"\nexport const e = face`
      }),
      [
        "packages/actor/src/internal/channel/A.ts:1 channel must not import portal",
        "packages/actor/src/internal/channel/B.ts:1 channel must not import portal",
        "packages/actor/src/internal/channel/C.ts:1 channel must not import portal",
        "packages/actor/src/internal/errors/E.ts:1 errors must not import the public face"
      ]
    )
  })

  it("the layers check fails for a folder of the runtime that the picture of the layers does not contain", () => {
    assert.lengthOf(
      check({ "actor/src/internal/utils/a.ts": `import * as Effect from "effect/Effect"\nexport default Effect` }),
      1
    )
  })

  it("the layers check fails for a package that imports a package which it may not import", () => {
    assert.deepStrictEqual(
      check({
        "protocol/src/A.ts": `import { Effect } from "effect"\nimport * as Fs from "node:fs"\nexport { Effect, Fs }`,
        "actor/src/internal/errors/A.ts": `import * as Fs from "node:fs"\nimport "@furrow/protocol/A"\nexport { Fs }`,
        "node/src/A.ts": `import "node:fs"\nimport "@furrow/actor"\nimport "../../protocol/src/A.ts"`,
        "census/src/main.ts": `import "effect"\nimport "@furrow/testing/A"\nimport "@furrow/testing/Certificates"`,
        "attack/src/main.ts": `import "@furrow/testing/A"\nimport "@furrow/testing/Certificates"`
      }),
      [
        "packages/actor/src/internal/errors/A.ts:1 actor must not import node:fs",
        "packages/attack/src/main.ts:1 only tests may import @furrow/testing",
        "packages/census/src/main.ts:2 only tests may import @furrow/testing",
        "packages/census/src/main.ts:3 only tests may import @furrow/testing",
        "packages/node/src/A.ts:3 ../../protocol/src/A.ts leaves the package: import it by its name",
        "packages/protocol/src/A.ts:1 import the submodule (effect/Effect): the barrel loads all of Effect in every actor",
        "packages/protocol/src/A.ts:2 protocol must not import node:fs"
      ]
    )
  })

  it("the layers check fails for a cycle of value imports, and not for a cycle through a type", () => {
    assert.deepStrictEqual(
      check({
        "node/src/A.ts": `import { b } from "./B.ts"\nexport const a = b`,
        "node/src/B.ts": `export * from "./C.ts"`,
        "node/src/C.ts": `import "./A.ts"\nexport const b = 1`,
        "node/src/D.ts": `import type { E } from "./E.ts"\nexport const d: E = 1`,
        "node/src/E.ts": `export { d } from "./D.ts"\nexport type E = 1`
      }),
      ["import cycle: packages/node/src/A.ts -> packages/node/src/B.ts -> packages/node/src/C.ts -> packages/node/src/A.ts"]
    )
  })

  it("the layers check does not count comments and blank lines as code, and fails for a file over its budget of lines", () => {
    assert.deepStrictEqual(
      check({
        "node/src/A.ts": `export const full = () => {\n  // free\n\n${lines(80)}\n}`,
        "node/src/B.ts": `export const gen = fn(function*() {\n${lines(81)}\n})`,
        "node/src/C.ts": `/**\n * free\n */\n${lines(400)}`,
        "node/src/D.ts": lines(401)
      }),
      [
        "packages/node/src/B.ts:1 gen: 81 code lines, the budget is 80",
        "packages/node/src/D.ts: 401 code lines, the budget is 400"
      ]
    )
  })

  it("the layers check fails for a package.json that exports the folder `internal` under another condition than `furrow-source`", () => {
    const withExport = (target: unknown) =>
      check({
        "actor/package.json": JSON.stringify({ exports: { "./*": "./dist/*.js", "./internal/*": target } }),
        "actor/src/internal/portal/a.ts": "export default 1"
      })
    const open =
      `packages/actor/package.json: exports must close "./internal/*": null, or the condition furrow-source alone`
    assert.deepStrictEqual(withExport(null), [])
    assert.deepStrictEqual(withExport({ "furrow-source": "./src/internal/*.ts" }), [])
    assert.deepStrictEqual(withExport({ "furrow-source": "./src/internal/*.ts", "default": "./dist/internal/*.js" }), [
      open
    ])
    assert.deepStrictEqual(withExport(undefined), [open])
  })

  it("the layers check fails for a published package that imports another package's internal module, and accepts this import in a private package", () => {
    const files = (name: string) => ({ [`${name}/src/A.ts`]: `import "@furrow/actor/internal/portal/Portal"` })
    assert.deepStrictEqual(check(files("attack")), [])
    assert.deepStrictEqual(check(files("node")), [
      "packages/node/src/A.ts:1 @furrow/actor/internal/portal/Portal is closed where the package is installed: " +
      "use its public modules"
    ])
  })

  it("the layers check fails for a call of the runtime that bypasses its context, and the problem names the call to make instead", () => {
    const calls = `import * as Effect from "effect/Effect"
export const a = () => Promise.resolve().then(() => 1)
export const b = () => { queueMicrotask(a); globalThis.setImmediate(a); setTimeout(a, 0) }
export const c = () => Effect.runFork(Effect.promise(a))
export const d = () => [Math.random(), globalThis.crypto.randomUUID(), Date.now(), performance.now(), new Date()]
export const fine = () => [Promise.resolve(1), new Date(0), "Math.random()"] // Date.now()
`
    const turn = "take a turn of the process: Turn.later or Turn.rest"
    const clock = "take the Clock of the context: monotonicMillis, or Clock.currentTimeMillis"
    const random = "take Effect's Random, or Turn.uuid"
    assert.deepStrictEqual(check({ "actor/src/internal/errors/A.ts": calls, "node/src/A.ts": calls }), [
      `packages/actor/src/internal/errors/A.ts:2 calls Promise.resolve: ${turn}`,
      `packages/actor/src/internal/errors/A.ts:3 calls queueMicrotask: ${turn}`,
      `packages/actor/src/internal/errors/A.ts:3 calls globalThis.setImmediate: ${turn}`,
      `packages/actor/src/internal/errors/A.ts:3 calls setTimeout: ${turn}`,
      "packages/actor/src/internal/errors/A.ts:4 calls Effect.runFork: run it with a context: Effect.runForkWith",
      "packages/actor/src/internal/errors/A.ts:4 calls Effect.promise: wait for it by `outside` of settings/Turn",
      `packages/actor/src/internal/errors/A.ts:5 calls Math.random: ${random}`,
      `packages/actor/src/internal/errors/A.ts:5 calls globalThis.crypto.randomUUID: ${random}`,
      `packages/actor/src/internal/errors/A.ts:5 calls Date.now: ${clock}`,
      `packages/actor/src/internal/errors/A.ts:5 calls performance.now: ${clock}`,
      `packages/actor/src/internal/errors/A.ts:5 calls new Date: ${clock}`
    ])
  })
})
