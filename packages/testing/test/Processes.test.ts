import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"

/** A shell with a sleeper below it, gone when the Scope is closed. */
const family = Effect.acquireRelease(
  Effect.sync(() =>
    ChildProcess.spawn("/bin/sh", ["-c", "sleep 987 & wait"], {
      stdio: "ignore",
      detached: true,
      env: { ...process.env, FURROW_TEST_FAMILY: "f1" }
    })
  ),
  ({ pid }) =>
    Effect.suspend(() => {
      try {
        process.kill(-pid!, "SIGKILL")
      } catch {
        // The test ended it.
      }
      return Effect.orDie(Eventually.holds("the family is gone", () => members().length === 0))
    })
)

const members = () => Processes.withVariable("FURROW_TEST_FAMILY", "f1")

const sleeper = Eventually.holds(
  "the sleeper is there",
  () => Processes.titled("sleep 987").find(({ command }) => command === "sleep 987")
)

describe("The module Processes", () => {
  it.live("Processes lists descendants at any depth, with their parents and command lines", () =>
    Effect.gen(function*() {
      const { pid } = yield* family
      const found = yield* sleeper
      assert.strictEqual(found.parent, pid)
      assert.include(Processes.descendants().map(({ pid }) => pid), pid)
      assert.match(
        Processes.describe(found),
        new RegExp(`^process ${found.pid} \\(child of ${pid}, state .\\): sleep 987$`)
      )
    }).pipe(Effect.scoped))

  it.live("Processes finds a process by an environment variable, even after its parent died", () =>
    Effect.gen(function*() {
      const { pid } = yield* family
      const found = yield* sleeper
      process.kill(pid!, "SIGKILL")
      yield* Processes.gone([pid!])
      assert.deepStrictEqual(members().map(({ pid }) => pid), [found.pid])
    }).pipe(Effect.scoped))

  it.live("Processes names, in the error of a wait for the end of processes, the processes that are still alive", () =>
    Effect.gen(function*() {
      const { pid } = yield* family
      const found = yield* sleeper
      const error = yield* Effect.flip(Processes.gone([found.pid, pid!], { within: 50 }))
      assert.include(error.message, `process ${found.pid}`)
      assert.include(error.message, "sleep 987")
      process.kill(-pid!, "SIGKILL")
      yield* Processes.gone([found.pid, pid!])
      assert.isFalse(Processes.isAlive(found.pid))
    }).pipe(Effect.scoped))

  it.live("Processes reads the same processes from ps as from /proc", () =>
    Effect.gen(function*() {
      yield* family
      const { command, parent, pid } = yield* sleeper
      const found = Processes.allFromPs().find((other) => other.pid === pid)
      assert.deepStrictEqual([found?.command, found?.parent], [command, parent])
    }).pipe(Effect.scoped))
})
