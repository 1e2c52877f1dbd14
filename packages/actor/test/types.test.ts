/**
 * A rejection that is refused for another reason proves nothing: the type tests are compiled once more without their
 * directives, and every line must be refused with the code its directive names. A directive that ends with
 * `; says "..."` is about the message, too.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
/** A folder whose name begins with a dot is not part of any project. */
const folder = join(here, "..", ".types")
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc")

/** Sources are compiled as they are: nothing has to be built before. */
const config = {
  extends: "../tsconfig.test.json",
  compilerOptions: { customConditions: ["furrow-source"], incremental: false, noUnusedLocals: false },
  include: ["types.ts"],
  references: []
}

const compile = () =>
  new Promise<string>((resolve) => {
    execFile(process.execPath, [tsc, "-p", folder, "--pretty", "false"], (_, stdout) => resolve(stdout))
  })

const directive = /^\s*\/\/ @ts-expect-error (\w+) (.*)$/

interface Refused {
  readonly line: number
  readonly code: string
  readonly message: string
}

/** Every refusal, with the lines of its message that are indented below it. */
const refusals = (output: string): ReadonlyArray<Refused> =>
  Array.from(
    output.matchAll(/^.*types\.ts\((\d+),\d+\): error (\w+): (.*(?:\n .*)*)/gm),
    ([, line, code, message]) => ({ line: Number(line), code: code!, message: message! })
  )

const said = (why: string): string | undefined => /; says "(.*)"$/.exec(why)?.[1]

describe("The TypeScript compiler refuses each wrong use of Furrow's types that the test file lists", () => {
  it(
    "the compiler refuses every line that must not compile, for the reason in the comment beside the line",
    async () => {
      const source = await readFile(join(here, "types.test-d.ts"), "utf8")
      const lines = source.replaceAll(`"./fixtures/`, `"../test/fixtures/`).split("\n")
      const expected: Array<string> = []
      const stripped = lines.map((line, at) => {
        const [, code, why] = directive.exec(line) ?? []
        if (code === undefined) return line
        // The line below it, counted from 1.
        expected.push(`${at + 2} ${code} ${why}`)
        return "//"
      })
      assert.isAbove(expected.length, 50)
      assert.isAbove(expected.filter((entry) => said(entry) !== undefined).length, 2)
      assert.strictEqual(source.split("@ts-expect-error").length - 1, expected.length)
      await mkdir(folder, { recursive: true })
      try {
        await writeFile(join(folder, "types.ts"), stripped.join("\n"))
        await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config))
        const found = new Map(refusals(await compile()).map((refused) => [refused.line, refused]))
        const actual = expected.map((entry) => {
          const [line, , ...rest] = entry.split(" ")
          const why = rest.join(" ")
          const refused = found.get(Number(line))
          const says = said(why)
          if (refused !== undefined && says !== undefined) assert.include(refused.message, says, entry)
          return `${line} ${refused?.code ?? "compiles"} ${why}`
        })
        assert.deepStrictEqual(actual, expected)
        assert.deepStrictEqual(
          Array.from(found.keys()).filter((line) => !expected.some((e) => e.startsWith(`${line} `))),
          []
        )
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
    120_000
  )
})
