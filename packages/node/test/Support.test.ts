import { assert, describe, it } from "@effect/vitest"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { unsupported } from "../src/internal/support.ts"
import { fixture } from "./support.ts"

describe("An unsupported JavaScript runtime", () => {
  it("an unsupported runtime of JavaScript, which is too old or not Node, gets one sentence of refusal, and a supported one gets none", () => {
    for (const node of ["22.19.0", "22.20.1", "24.0.0", "100.1.0"]) assert.isUndefined(unsupported({ node }), node)
    for (const node of ["20.20.2", "22.18.9", "18.0.0"]) {
      const text = `Furrow needs Node 22.19 or newer, and this is Node ${node}: install a newer one`
      assert.strictEqual(unsupported({ node }), text)
    }
    assert.match(unsupported({ node: "24.0.0", bun: "1.3.0" })!, /and this is Bun 1\.3\.0: run it with Node$/)
    assert.match(unsupported({ node: "24.0.0", deno: "2.6.0" })!, /and this is Deno 2\.6\.0: run it with Node$/)
  })

  it.live("an unsupported runtime of JavaScript ends a main program with one sentence, and starts no process", () =>
    Effect.scoped(Effect.gen(function*() {
      const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })"
      const program = yield* Program.start(fixture("mains/arguments.ts"), {
        execArgv: ["--import", `data:text/javascript,${encodeURIComponent(old)}`]
      })
      assert.deepStrictEqual(yield* program.ended({ within: "20 seconds" }), { code: 1, signal: null })
      const shown = program.stdout() + program.stderr()
      assert.strictEqual(shown.split("Furrow needs Node 22.19 or newer, and this is Node 20.1.0").length, 2, shown)
    })))
})
