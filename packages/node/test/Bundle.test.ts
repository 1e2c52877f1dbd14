import { assert, describe, it } from "@effect/vitest"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { type OutputOptions, rolldown } from "rolldown"

/** The whole program and everything it needs, effect included, in one file somewhere else. */
const bundled = (output: OutputOptions) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow bundle "))
      const build = await rolldown({
        input: fileURLToPath(new URL("./fixtures/bundle.ts", import.meta.url)),
        platform: "node",
        resolve: { conditionNames: ["furrow-source", "import", "node"] },
        external: [/^node:/, "msgpackr-extract"],
        logLevel: "silent"
      })
      const file = Path.join(folder, "program.mjs")
      await build.write({ file, format: "esm", codeSplitting: false, ...output })
      await build.close()
      return file
    }),
    (file) => Effect.sync(() => Fs.rmSync(Path.dirname(file), { recursive: true, force: true }))
  )

const plain = { minify: false } as const
/** Bundlers keep the names of functions by a call of a helper inside of them. */
const minified = { minify: true, keepNames: true } as const

const runs = [
  { what: "", output: plain, guard: "warden" },
  { what: ", under threads", output: plain, guard: "thread" },
  { what: ", minified with its names kept and under threads", output: minified, guard: "thread" }
] as const

describe("A program bundled into one file", () => {
  for (const { guard, output, what } of runs) {
    it.live(
      `starts its actors from the bundle with its own arguments, and they start theirs${what}`,
      () =>
        Effect.scoped(Effect.gen(function*() {
          const program = yield* Program.start(yield* bundled(output), {
            args: ["--loud", "file"],
            env: { GUARD: guard }
          })
          assert.deepStrictEqual(yield* program.ended(), { code: 0, signal: null }, program.stderr())
          assert.deepStrictEqual(JSON.parse(program.stdout()), {
            args: ["--loud", "file"],
            value: 42,
            elsewhere: true,
            sum: 42
          })
          assert.deepStrictEqual(program.left().filter(({ state }) => state !== "Z"), [])
        })),
      60_000
    )
  }
})
