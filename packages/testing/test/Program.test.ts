import { assert, describe, it } from "@effect/vitest"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"

const file = fileURLToPath(new URL("./fixtures/program.ts", import.meta.url))

describe("The module Program", () => {
  it.live("Program runs a file with this process's Node flags, and shows the file's output, exit code and remaining processes", () =>
    Effect.gen(function*() {
      const left = yield* Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(file, { args: ["to go"] })
        const [said] = yield* program.says(/^ready .*$/m)
        assert.strictEqual(said, `ready to go ${process.execArgv.join(" ")}`)
        yield* program.signal("SIGTERM")
        assert.deepStrictEqual(yield* program.ended(), { code: 7, signal: null })
        assert.strictEqual(program.stderr(), "told to end\n")
        const [sleeper, ...others] = program.left()
        assert.deepStrictEqual([sleeper?.command, others.length], ["sleep 543", 0])
        return sleeper!.pid
      }))
      // The Scope killed it.
      yield* Processes.gone([left])
    }))

  it.live("Program sends no signal to the pid of a program that has ended", () =>
    Effect.gen(function*() {
      const signalled: Array<number> = []
      const spy = vi.spyOn(process, "kill").mockImplementation((pid) => {
        signalled.push(pid)
        return true
      })
      const sleeper = yield* Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(file)
        yield* program.says(/^ready/m)
        yield* program.signal("SIGTERM")
        yield* program.ended()
        return program.left()[0]!.pid
      })).pipe(Effect.ensuring(Effect.sync(() => spy.mockRestore())))
      assert.deepStrictEqual(signalled, [sleeper])
      process.kill(sleeper, "SIGKILL")
    }))

  it.live("Program shows the output of a program in its error when the output does not match the expected pattern", () =>
    Effect.gen(function*() {
      const program = yield* Program.start(file, { args: ["here"] })
      yield* program.says(/ready/)
      const error = yield* Effect.flip(program.says(/never/, { within: 50 }))
      assert.include(error.message, "stdout matches /never/")
      assert.include(error.message, "ready here")
    }).pipe(Effect.scoped))
})
