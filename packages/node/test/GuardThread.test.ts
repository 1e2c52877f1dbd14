/**
 * Tests the thread by which an actor notices the death of its parent, started in the same way as under the guard
 * `thread`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import { source } from "../src/internal/guardThread.ts"
import "./support.ts"

/** A small program in the place of an actor: it has one process group below it, prints that, and computes. */
const actor = `
const { Worker } = require("node:worker_threads")
const thread = new Worker(process.argv[1], { eval: true, execArgv: [] })
thread.once("message", (word) => {
  const { spawn } = require("node:child_process")
  const [ended, below] = [1, 2].map(() => spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" }).pid)
  for (const group of [ended, below]) thread.postMessage({ group, began: true })
  thread.postMessage({ group: ended, began: false })
  process.stdout.write(JSON.stringify({ word, ended, below, own: spawn("/bin/sleep", ["1000"], { stdio: "ignore" }).pid }))
  setTimeout(() => { for (;;) {} }, 100)
})`

interface Said {
  readonly word: string
  readonly ended: number
  readonly below: number
  readonly own: number
}

describe("The guard thread of an actor ends the actor when the parent dies", () => {
  it.live(
    "the guard thread kills the actors below its actor and its own process group when the parent dies, but no group of an ended actor",
    () =>
      Leaks.withoutLeaks(Effect.scoped(Effect.gen(function*() {
        const child = ChildProcess.spawn(process.execPath, ["-e", actor, source], {
          stdio: ["ignore", "pipe", "inherit", "ignore", "pipe"],
          detached: true
        })
        let text = ""
        child.stdout!.setEncoding("utf8").on("data", (more: string) => (text += more))
        const said = yield* Eventually.holds(
          "it watches",
          () => text.endsWith("}") ? JSON.parse(text) as Said : undefined,
          { within: "20 seconds" }
        )
        assert.strictEqual(said.word, "watching")
        assert.isTrue([said.ended, said.below, said.own].every(Processes.isAlive))
        ;(child.stdio[4] as Net.Socket).destroy()
        yield* Processes.gone([child.pid!, said.below, said.own])
        // The number of the ended group belongs to another process by now.
        assert.isTrue(Processes.isAlive(said.ended))
        process.kill(said.ended, "SIGKILL")
        yield* Processes.gone([said.ended])
      })))
  )

  it("the guard thread runs from a source text that refers only to its own parameters", () => {
    assert.notMatch(source, /\bimport\b|__vite|__name/)
    assert.doesNotThrow(() => new Function("require", source))
  })
})
