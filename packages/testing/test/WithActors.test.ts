import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Program from "@furrow/testing/Program"
import * as WithActors from "@furrow/testing/WithActors"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import { double, wait, waitBelow } from "./fixtures/actors.ts"

/** What is printed as an error meanwhile, and not shown. */
const printed = <A, E, R>(effect: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const { stderr } = process
    const { write } = stderr
    stderr.write = ((chunk: string) => {
      lines.push(chunk.trimEnd())
      return true
    }) as typeof stderr.write
    return Effect.ensuring(effect(lines), Effect.sync(() => void (stderr.write = write)))
  })

/** Other test files have temporary files meanwhile. */
const leaks = { temporary: { prefix: "furrow-with-actors-test" } }

const roots: Array<string> = []

WithActors.layer(MemoryActor.layer({ name: "shared" }), { leaks })("A group of tests in memory", (it) => {
  for (const n of [1, 2]) {
    it.effect(`all tests of one group of WithActors.layer share one root (test ${n} of 2)`, () =>
      Effect.gen(function*() {
        const { id } = yield* Actor.current
        roots.push(id.uuid)
        assert.deepStrictEqual([id.name, new Set(roots).size, roots.length], ["shared", 1, n])
        assert.strictEqual(yield* Actor.runInActor(double({ n })), 2 * n)
      }))
  }

  it.effect("withActors gives the TestClock to its tests and to their actors", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.forkChild(Effect.timeoutOption(Actor.runInActor(wait()), "1 hour"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "None")
    }))

  it.effect.each([[1, 2], [2, 4]])(
    "a test of WithActors.layer with `it.effect.each` runs once for each case (the case: %s)",
    ([n, doubled]) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Actor.runInActor(double({ n: n! })), doubled)
      })
  )

  it.effect.skip("withActors and skipped tests", () => Effect.die("it ran"))
  it.effect.skipIf(true)("withActors skips a test that is marked with skip", () => Effect.die("it ran"))
  it.effect.fails("withActors expects a failure", () => Effect.fail("as expected"))
})

WithActors.layer(NodeActor.layer, { clock: "live", leaks })("A group of tests with processes", (it) => {
  it.effect("withActors.live runs its test in real time, and leaves no actor and no resource", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Actor.runInActor(double({ n: 2 })), 4)
    }))
})

describe("WithActors shows the tree of actors at the deadline of a test", () => {
  const inMemory = Effect.provide(MemoryActor.layer)

  it.live("a deadline of WithActors fails a test with a picture of its tree: children, their states and dialogs, and the actors below them", () =>
    printed((lines) =>
      Effect.gen(function*() {
        const program = Actor.nursery(Effect.gen(function*() {
          const frank = yield* Actor.start("frank", { expose: [waitBelow] })
          yield* Actor.start("idle", { expose: [wait] })
          yield* frank.run(waitBelow())
        }))
        const error = yield* Effect.flip(program.pipe(WithActors.withDeadline("400 millis"), inMemory))
        assert.instanceOf(error, WithActors.Overdue)
        assert.match(
          error.message,
          new RegExp([
            "^the test is not done after 400 ms\\. Its actors then:",
            "root@\\d+",
            "  frank@\\d+ Running, 1 open dialog",
            "    gretchen@\\d+",
            "  idle@\\d+ Running, 0 open dialogs$"
          ].join("\n"))
        )
        assert.deepStrictEqual(lines, [error.message])
      })
    ))

  it.live("a deadline of WithActors shows the tree before it ends the test, whose finalizers may hang", () =>
    printed((lines) =>
      Effect.gen(function*() {
        let shown: ReadonlyArray<string> | undefined
        const program = Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            shown = [...lines]
          }))
        yield* Effect.exit(program.pipe(WithActors.withDeadline(50), inMemory))
        assert.match(shown?.[0] ?? "nothing", /not done after 50 ms.*\nroot@/)
      })
    ))

  it.live("a deadline of WithActors has no effect on a test that ends before the deadline", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.succeed(1).pipe(WithActors.withDeadline(50), inMemory), 1)
      assert.strictEqual(yield* Effect.fail(2).pipe(WithActors.withDeadline(50), inMemory, Effect.flip), 2)
    }))
})

describe("WithActors.provide gives a test a runtime of its own, and fails the test if the test leaves a process", () => {
  it.live("a test with a runtime of its own gets this runtime, and a Scope", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(Actor.startScoped("a", { expose: [double] }), (a) => a.run(double({ n: 3 })))
      assert.strictEqual(yield* WithActors.provide(NodeActor.layer, { leaks })(program), 6)
    }))

  it.live("a test with a runtime of its own fails if it leaves a process", () =>
    Effect.gen(function*() {
      let child: ChildProcess.ChildProcess | undefined
      const leak = Effect.sync(() => {
        child = ChildProcess.spawn("sleep", ["16.5"], { stdio: "ignore" })
      })
      const error = yield* Effect.flip(WithActors.provide(MemoryActor.layer, { leaks: { ...leaks, within: 50 } })(leak))
      assert.include(error.message, "sleep 16.5")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(WithActors.provide(MemoryActor.layer, { leaks: false })(leak))))
      child?.kill()
    }))

  it.live(
    "a test with a runtime of its own fails with Overdue before Vitest ends the test",
    () =>
      printed((lines) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(WithActors.provide(MemoryActor.layer, { leaks: false })(Effect.never))
          assert.strictEqual(error._tag, "Overdue")
          assert.match(lines.join("\n"), /not done after 4500 ms/)
        })
      ),
    5000
  )
})

describe("The report of a failed test shows the actors and the processes that the test has left", () => {
  const vitest = fileURLToPath(new URL("vitest.mjs", import.meta.resolve("vitest/package.json")))
  const config = fileURLToPath(new URL("./fixtures/groups/vitest.config.ts", import.meta.url))

  it.live(
    "the report of failed tests names the actors of an overdue test, and the actors and processes that a test has left",
    () =>
      Effect.gen(function*() {
        const run = yield* Program.start(vitest, { args: ["run", "--config", config], env: { NO_COLOR: "1" } })
        assert.strictEqual((yield* run.ended({ within: "60 seconds" })).code, 1)
        const said = run.stdout() + run.stderr()
        for (
          const words of [
            /Overdue: the test is not done after 2700 ms\. Its actors then:\nroot@\d+\n {2}frank@\d+ Running, 1 open dialog\n {4}gretchen@/,
            /Overdue: the test is not done after 1800 ms/,
            /ActorsLeft: the test has left left@\d+\. Its actors now:\nroot@/,
            /a group > below > is overdue\nOverdue: the test is not done after 1350 ms/,
            /Overdue: the test is not done after 100 ms/,
            /left behind:\n {2}process \d+ \(child of \d+, state .\): sleep 5\.5/,
            /Tests {2}5 failed \| 2 passed \(7\)/
          ]
        ) assert.match(said, words)
      }).pipe(Effect.scoped),
    90_000
  )
})
