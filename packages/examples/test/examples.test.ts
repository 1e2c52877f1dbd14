import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterEach, vi } from "vitest"
import { catalog, names } from "../src/catalog.ts"
import { all } from "../src/run.ts"
import { promised, runNode } from "./program.ts"

afterEach(() => void vi.restoreAllMocks())

const src = Path.resolve(import.meta.dirname, "../src")

/** Returns the output that the head comment of an example promises. */
const promiseOf = (name: string): ReadonlyArray<string> => {
  const head = Fs.readFileSync(Path.join(src, `${name}.ts`), "utf8").split("*/", 1)[0]!
  const lines = head.slice(head.indexOf(" * Prints:\n")).split("\n").filter((line) => line.startsWith(" *     "))
  return lines.map((line) => line.slice(" *     ".length))
}

describe("Each example prints the output that the first comment in its file shows", () => {
  it.each(names)(
    "the example %s prints the output in its head comment, and leaves no process",
    { timeout: 120_000 },
    async (name) => {
      const promise = promiseOf(name)
      assert.isAbove(promise.length, 2)
      const { code, left, stderr, stdout } = await runNode([Path.join(src, `${name}.ts`)])
      assert.strictEqual(stderr, "")
      assert.match(stdout, promised(promise), stdout)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(left, [])
    }
  )

  it("docs/second-machine.md shows the output of the example for two hosts", () => {
    const page = Fs.readFileSync(Path.resolve(src, "../../../docs/second-machine.md"), "utf8")
    assert.include(page, `\n${promiseOf("two-hosts").join("\n")}\n`)
  })

  it("every example file with a main program is in the catalog of examples", () => {
    const programs = Fs.readdirSync(src).filter((file) =>
      Fs.readFileSync(Path.join(src, file), "utf8").includes("NodeActor.runMain(")
    )
    assert.sameMembers(programs, names.map((name) => `${name}.ts`))
  })

  it("the runner of the examples lists each example with what it shows", { timeout: 60_000 }, async () => {
    const { code, stderr, stdout } = await runNode([Path.join(src, "run.ts")])
    for (const name of names) assert.match(stdout, promised(["<...>", `${name}<spaces>${catalog[name]}`, "<...>"]))
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
  })

  it("the runner of the examples runs a single example by its name", { timeout: 120_000 }, async () => {
    const { code, stdout } = await runNode([Path.join(src, "run.ts"), "daemon"])
    assert.match(stdout, promised(promiseOf("daemon")))
    assert.strictEqual(code, 0)
  })

  it(
    "the runner of the examples fails for the name of an unknown example, and lists the known examples",
    { timeout: 60_000 },
    async () => {
      const { code, stderr } = await runNode([Path.join(src, "run.ts"), "prime"])
      assert.include(stderr, "there is no example \"prime\"; there are: causality, daemon")
      assert.strictEqual(code, 1)
    }
  )

  it("the runner of the examples runs each example with --all, and fails if an example failed", () => {
    vi.spyOn(console, "log").mockImplementation(() => {})
    vi.spyOn(console, "error").mockImplementation(() => {})
    const ran: Array<string> = []
    const runner = (failing?: string) => (name: string) => {
      ran.push(name)
      return name === failing ? 70 : 0
    }
    assert.strictEqual(all(runner()), 0)
    assert.strictEqual(all(runner("daemon")), 1)
    assert.deepStrictEqual(ran, [...names, ...names])
  })
})

describe("The test helper runNode", () => {
  it.runIf(process.platform === "linux")(
    "the test helper runNode reports a process that a program has left behind",
    { timeout: 60_000 },
    async () => {
      const leaves = `
      const { spawn } = require("node:child_process")
      spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { detached: true, stdio: "ignore" }).unref()`
      const { code, left } = await runNode(["-e", leaves], { grace: 100 })
      for (const { pid } of left) process.kill(pid, "SIGKILL")
      assert.strictEqual(code, 0)
      assert.strictEqual(left.length, 1)
    }
  )
})

describe("The test helper `promised` compares output with expected lines that have placeholders", () => {
  it("the test helper `promised` accepts output that equals the expected lines, where <n> stands for a number and <...> for any lines", () => {
    const promise = promised(["a: <n> ms", "<...>", "end."])
    assert.match("a: 12 ms\nend.\n", promise)
    assert.match("a: 1.5 ms\nx\ny\nend.\n", promise)
    assert.notMatch("a:  ms\nend\n", promise)
    assert.notMatch("a: 1 ms\nx\n", promise)
    assert.notMatch("a: 1 ms\nend.\nmore\n", promise)
  })
})
