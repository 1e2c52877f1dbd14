/** The stacks that `furrow stack` and `furrow fibers` show: of compiled code, of a root, and beside a statement `debugger`. */
import { assert, describe } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Esbuild from "esbuild"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { answers, furrow, lineIn, listening, pathOf, patient, pidOf, test, tree } from "./command.ts"

const compiled = pathOf("./fixtures/compiled.ts")

/** Compiles the actors into a folder in which their packages are found. */
const compile = (sourcemap: "inline" | "linked") =>
  Effect.gen(function*() {
    const folder = yield* Folder.make()
    Fs.symlinkSync(pathOf("../../../node_modules"), Path.join(folder, "node_modules"))
    const outfile = Path.join(folder, "actors.mjs")
    yield* Effect.promise(() =>
      Esbuild.build({ entryPoints: [compiled], outfile, format: "esm", sourcemap, sourcesContent: false })
    )
    return outfile
  })

describe("The verbs `stack` and `fibers` of `furrow` show where an actor stands", () => {
  for (const sourcemap of ["linked", "inline"] as const) {
    test(
      `G296: \`furrow stack\` and \`furrow fibers\` name the source lines of code that was compiled with a linked or inline source map (here ${sourcemap})`,
      Effect.gen(function*() {
        const outfile = yield* compile(sourcemap)
        assert.notInclude(Fs.readFileSync(outfile, "utf8"), "interface Turns")
        const { pid } = yield* tree(outfile, {}, pathOf("./fixtures/compiledMain.ts"))
        const [busy, idle] = [yield* pidOf(pid, "busy"), yield* pidOf(pid, "idle")]
        yield* answers(["stack", busy], ({ text }) => {
          assert.include(text, `fixtures/compiled.ts:${lineIn(compiled, "while (performance.now() < turns.until)")}:`)
        })
        yield* answers(["fibers", idle], ({ text }) => {
          assert.include(text, `fixtures/compiled.ts:${lineIn(compiled, "Effect.sleep(")}:`)
        })
      })
    )
  }

  test(
    "G297: `furrow stack` of a root that computes names the option --open, with which it shows the line and then closes the root's inspector",
    Effect.gen(function*() {
      const { pid } = yield* tree("busyRoot")
      yield* answers(["stack", String(pid)], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.include(text, "its inspector would be open to every user of this machine")
        assert.include(text, `furrow stack ${pid} --open`)
        assert.deepStrictEqual(listening(pid), [])
      })
      yield* answers(["stack", String(pid), "--open"], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, new RegExp(`fixtures/main\\.ts:${lineIn(pathOf("./fixtures/main.ts"), "while (perf")}:`))
      })
      yield* Eventually.succeeds(Effect.sync(() => assert.deepStrictEqual(listening(pid), [])), patient)
    })
  )

  test(
    "G297: `furrow stack` sends no signal to a root whose Node does not listen for the signal",
    Effect.gen(function*() {
      const { pid } = yield* tree("busyRoot", {}, pathOf("./fixtures/main.ts"), ["--disable-sigusr1"])
      const { text } = yield* furrow("stack", String(pid), "--open")
      assert.include(text, "--disable-sigusr1")
      assert.deepStrictEqual(listening(pid), [])
    })
  )

  test(
    "G299: a statement `debugger` in a loop does not stop an actor whose stack `furrow stack` reads",
    Effect.gen(function*() {
      const program = yield* tree("debugger")
      const busy = yield* pidOf(program.pid, "a")
      const line = lineIn(pathOf("./fixtures/actors.ts"), "< end) debugger")
      yield* answers(["stack", busy], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, new RegExp(`fixtures/actors\\.ts:${line}:`))
      })
      yield* program.says(/^it went on$/m, patient)
    })
  )
})
