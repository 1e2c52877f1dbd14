/** The command `furrow` on trees that run: what it prints, and its exit code. */
import { assert, describe } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { answers, furrow, lineIn, listening, pathOf, patient, pidOf, test, tree } from "./command.ts"

const lineOf = (text: string): number => lineIn(pathOf("./fixtures/actors.ts"), text)

describe("The command furrow", () => {
  test(
    "G250: `furrow why` finds nothing stuck in two actors that sleep in calls to each other, and `furrow tree` shows both actors and the root",
    Effect.gen(function*() {
      const { pid } = yield* tree("sleepers")
      yield* answers(["tree", String(pid)], ({ code, text }) => {
        assert.strictEqual(code, 0)
        for (const part of ["root", "  a ", "  b ", "serves root: sleepIn"]) assert.include(text, part)
      })
      yield* answers(["why", String(pid), "--than", "1 millis"], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.include(text, "Nothing is stuck in 3 actors")
      })
    })
  )

  test(
    "G251: `furrow why` notes an actor that computes, with its waiting callers, and reports a stopped actor as stuck",
    Effect.gen(function*() {
      const program = yield* tree("busy")
      const pid = String(program.pid)
      yield* answers(["why", pid], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, /BUSY a \(\d+\): it computes/)
        assert.include(text, "waits for its answer to spin")
      })
      const [, busy] = /BUSY a \((\d+)\)/.exec((yield* furrow("why", pid)).text)!
      process.kill(Number(busy), "SIGSTOP")
      yield* answers(["why", pid], ({ code, text }) => {
        assert.strictEqual(code, 3)
        assert.match(text, /STOPPED \(certain\) a/)
      })
    })
  )

  test(
    "G252: `furrow why` reports an actor that waits for a name that no actor has, and --json prints the finding as data",
    Effect.gen(function*() {
      const pid = String((yield* tree("name")).pid)
      yield* answers(["why", pid], ({ code, text }) => {
        assert.strictEqual(code, 3)
        assert.include(text, "NO SUCH NAME (likely) a")
      })
      const [found] = JSON.parse((yield* furrow("why", pid, "--json")).text) as ReadonlyArray<{ readonly kind: string }>
      assert.strictEqual(found?.kind, "NO SUCH NAME")
    })
  )

  test(
    "G253: `furrow why` reports a deadlock over two processes and two locks, with the lines where the callers stand",
    Effect.gen(function*() {
      const pid = String((yield* tree("deadlock")).pid)
      yield* answers(["why", pid], ({ code, text }) => {
        assert.strictEqual(code, 3)
        assert.match(text, /DEADLOCK \(likely\) 4 wait for each other in a circle/)
        for (const name of ["a", "b"]) {
          assert.match(text, new RegExp(`${name} \\(\\d+\\) in transfer waits for the answer of count`))
          assert.match(text, new RegExp(`${name} \\(\\d+\\) in count waits for a semaphore`))
        }
        assert.lengthOf(text.match(new RegExp(`fixtures/actors\\.ts:${lineOf("other.run(count())")}\\b`, "g")) ?? [], 2)
      })
    })
  )

  test(
    "G253: `furrow why` reports a dialog whose two ends both read as a certain deadlock",
    Effect.gen(function*() {
      const pid = String((yield* tree("readers")).pid)
      yield* answers(["why", pid], ({ code, text }) => {
        assert.strictEqual(code, 3)
        assert.match(text, /DEADLOCK \(certain\) 2 wait for each other in a circle/)
        assert.include(text, `fixtures/actors.ts:${lineOf("stream.send(yield*")}`)
        assert.include(text, `fixtures/actors.ts:${lineOf("other.open(echo()")}`)
      })
      const [, b] = /b \((\d+)\) in echo/.exec((yield* furrow("why", pid)).text)!
      const { text } = yield* furrow("fibers", b!)
      assert.match(text, /#\d+ in echo: reads from echo/)
      assert.include(text, `fixtures/actors.ts:${lineOf("stream.send(yield*")}:`)
      assert.notInclude(text, "in talk")
    })
  )

  test(
    "G259: `furrow graves` lists an actor that ended its own process, prints its post-mortem, and removes the post-mortem with --clear",
    Effect.gen(function*() {
      const folder = Path.join(yield* Folder.make(), "graves")
      const program = yield* tree("exits", { FURROW_GRAVES: folder })
      yield* program.says(/^lost$/m, patient)
      yield* answers(["graves", "--folder", folder], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, /^id +died +actor +pid +death +served$/m)
        assert.match(text, / a +\d+ +exit +leave for root@\d+, \d+ m?s/)
      })
      const { text } = yield* furrow("graves", "a", "--folder", folder)
      assert.match(text, /^a \(\d+\) died .* ago: its process exited with code 3$/m)
      assert.include(text, `process.exit(3) at ${pathOf("./fixtures/actors.ts")}:${lineOf("process.exit(code)")}`)
      assert.match(text, /^ {2}served leave by root@\d+/m)
      assert.match(text, /: begun leave$/m)
      const [grave] = JSON.parse((yield* furrow("graves", "--json", "--folder", folder)).text) as ReadonlyArray<
        { readonly death: string }
      >
      assert.strictEqual(grave?.death, "exit")
      assert.strictEqual((yield* furrow("graves", "nobody", "--folder", folder)).code, 4)
      yield* furrow("graves", "--clear", "--folder", folder)
      assert.deepStrictEqual(
        Fs.existsSync(folder) ? Fs.readdirSync(folder).filter((name) => name.endsWith(".json")) : [],
        []
      )
    })
  )

  for (const signal of ["SIGUSR2", "SIGQUIT"] as const) {
    test(
      `G260: a root that gets SIGUSR2 or SIGQUIT prints its tree and the waits of its fibers, and goes on (here ${signal})`,
      Effect.gen(function*() {
        const program = yield* tree("name")
        yield* Eventually.succeeds(
          Effect.suspend(() => {
            process.kill(program.pid, signal)
            return Effect.flatMap(
              Effect.sleep("3 seconds"),
              () =>
                Effect.sync(() => {
                  assert.match(program.stderr(), /^furrow: the tree of process \d+\nactor +pid/m)
                  assert.match(program.stderr(), /^NO SUCH NAME \(likely\) a /m)
                })
            )
          }),
          { within: "90 seconds" }
        )
        assert.isTrue(Processes.isAlive(program.pid))
        yield* program.signal("SIGTERM")
        assert.strictEqual((yield* program.ended(patient)).code, 143)
      })
    )
  }

  test(
    "G260: a listener of the program for SIGUSR2 replaces the root's own listener",
    Effect.gen(function*() {
      const program = yield* tree("own")
      yield* program.says(/^listens$/m, patient)
      process.kill(program.pid, "SIGUSR2")
      yield* program.says(/the program's own/, patient)
      yield* answers(["tree", String(program.pid)], ({ text }) => assert.include(text, "serves root: doze"))
      assert.notInclude(program.stderr(), "furrow: the tree")
    })
  )

  test(
    "G260: a root with the option observe \"off\" is ended by SIGQUIT, like a program without Furrow",
    Effect.gen(function*() {
      const program = yield* tree("sleepers", { FURROW_OBSERVE: "off" })
      process.kill(program.pid, "SIGQUIT")
      assert.strictEqual((yield* program.ended(patient)).signal, "SIGQUIT")
    })
  )

  test(
    "G287: `furrow stack` prints the function and line of an actor in a loop, then closes the inspector, and the actor's output is unchanged",
    Effect.gen(function*() {
      const program = yield* tree("busy")
      const [busy, idle] = [yield* pidOf(program.pid, "a"), yield* pidOf(program.pid, "b")]
      yield* answers(["stack", busy], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, /^a \(\d+\): it computes/)
        assert.include(text, `fixtures/actors.ts:${lineOf("while (performance.now() < end)")}:`)
      })
      yield* Eventually.succeeds(Effect.sync(() => assert.deepStrictEqual(listening(Number(busy)), [])), patient)
      assert.notInclude(program.stderr(), "Debugger")
      yield* answers(["stack", idle], ({ text }) => assert.include(text, "Its event loop is free"))
    })
  )

  test(
    "G287: `furrow stack` of an actor in a system call prints the child process that the actor waits for, and opens no inspector",
    Effect.gen(function*() {
      const blocked = yield* pidOf((yield* tree("child")).pid, "a")
      yield* answers(["stack", blocked], ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, /stands in a call of the kernel.*sleep 600/)
      })
    })
  )

  test(
    "G288, G289: `furrow events` and `furrow metrics` show the calls of a tree, while `profile` and `heap` need the option observe \"debug\"",
    Effect.gen(function*() {
      const pid = String((yield* tree("debug")).pid)
      const b = yield* pidOf(Number(pid), "b")
      const events = yield* Program.start(pathOf("../src/cli/main.ts"), { args: ["events", pid] })
      yield* events.says(/DialogEnded endpoint=count side=callee end=ok/, patient)
      yield* answers(
        ["metrics", pid],
        ({ text }) => assert.match(text, /^furrow_calls\{actor="root",endpoint="count",outcome="ok".*\} [1-9]/m)
      )
      const folder = yield* Folder.make()
      const file = `${folder}/profile.json`
      const made = yield* furrow("profile", b, pid, "--during", "300 millis", "--out", file)
      assert.strictEqual(made.code, 0, made.errors)
      assert.lengthOf(JSON.parse(Fs.readFileSync(file, "utf8")).profiles, 2)
      const heap = yield* furrow("heap", b, "--out", `${folder}/b.heapsnapshot`)
      assert.strictEqual(heap.code, 0, heap.errors)
      assert.isDefined(JSON.parse(Fs.readFileSync(`${folder}/b.heapsnapshot`, "utf8")).snapshot)
    })
  )

  test(
    "G289: `furrow profile` and `furrow heap` are refused for a tree that may only be observed",
    Effect.gen(function*() {
      const b = yield* pidOf((yield* tree("sleepers")).pid, "b")
      const folder = yield* Folder.make()
      for (const args of [["profile", b, "--during", "1 millis"], ["heap", b]]) {
        const { code, errors } = yield* furrow(...args, "--out", `${folder}/${args[0]}`)
        assert.strictEqual(code, 1)
        assert.include(errors, "observe \"debug\"")
      }
    })
  )

  test(
    "the command `furrow` fails with a message where no tree has the given name",
    Effect.gen(function*() {
      const { code, errors } = yield* furrow("why", "999999999")
      assert.strictEqual(code, 4)
      assert.include(errors, "no actor is 999999999")
    })
  )
})
