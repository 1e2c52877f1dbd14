import { assert, describe, it } from "@effect/vitest"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Judge from "../src/pool/judge.ts"
import { rateOf } from "../src/pool/options.ts"

const main = fileURLToPath(new URL("../src/pool/main.ts", import.meta.url))

/** A run of three tasks: one was answered, one failed, and an idempotent one began twice. */
const good: Judge.Run = {
  tried: 3,
  answered: new Set([0, 2]),
  failed: new Map([["ActorLost", 1]]),
  single: new Set([0, 1]),
  wrong: [],
  kills: 1,
  hung: 0,
  begun: Judge.beginnings("0\n1\n2\n2\n"),
  statistics: {
    name: "crew",
    state: "open",
    workers: [],
    waiting: 0,
    running: 0,
    tasks: { succeeded: 2, failed: 1, interrupted: 0, timedOut: 0, refused: 0 },
    retried: 1,
    started: 2,
    replaced: { lost: 1, left: 0, stuck: 0, tasks: 0, age: 0, memory: 0, spare: 0, closed: 0 },
    wait: { count: 0, sum: 0, max: 0, buckets: [] },
    run: { count: 0, sum: 0, max: 0, buckets: [] }
  }
}

describe("The check of a run of npm run pool finds every difference between the counts of the callers and of the pool", () => {
  it("the check of a run of npm run pool finds no problem where the counts of callers, tasks and pool agree", () => {
    assert.deepStrictEqual(Judge.judge(good), [])
    assert.strictEqual(Judge.repeated(good.begun), 1)
  })

  it("the check of a run of npm run pool reports a non-idempotent task that began twice, and a task that was answered but never began", () => {
    assert.deepStrictEqual(Judge.judge({ ...good, begun: Judge.beginnings("0\n0\n1\n") }), [
      "task 0, which is not idempotent, began 2 times",
      "task 2 was answered, and had never begun"
    ])
  })

  it("the check of a run of npm run pool reports lost tasks, hanging tasks, and tasks that callers and pool count differently", () => {
    assert.deepStrictEqual(Judge.judge({ ...good, tried: 4 }), ["1 tasks are lost"])
    assert.deepStrictEqual(Judge.judge({ ...good, tried: 4, hung: 1 }), [
      "1 tasks hang",
      "the pool has 0 tasks that run and 0 that wait"
    ])
    const tasks = { ...good.statistics.tasks, succeeded: 3 }
    assert.deepStrictEqual(Judge.judge({ ...good, statistics: { ...good.statistics, tasks } }), [
      "3 tasks succeeded for the pool, 2 for callers"
    ])
  })

  it("the check of a run of npm run pool reports kills that the pool has not noticed", () => {
    const replaced = { ...good.statistics.replaced, lost: 0 }
    assert.deepStrictEqual(Judge.judge({ ...good, statistics: { ...good.statistics, replaced } }), [
      "1 workers were killed, and the pool has lost none"
    ])
  })
})

describe("A pool whose workers are killed under load ends every task", () => {
  it("npm run pool reads a rate of kills from its options", () => {
    assert.deepStrictEqual(["5/s", "0.5/s", "5", "0/s", "many"].map(rateOf), [5, 0.5, undefined, undefined, undefined])
  })

  it.live(
    "a pool whose workers are killed under load ends every task, and leaves no process",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(main, { args: ["--kill", "2/s", "--seconds", "3", "--seed", "1"] })
        const { code } = yield* program.ended({ within: "100 seconds" })
        const output = program.stdout() + program.stderr()
        assert.match(output, /^tried [1-9]\d* = answered [1-9]\d* \+ failed typed \d+/m, output)
        assert.match(output, /^lost 0, hung 0$/m, output)
        assert.match(output, /every task is accounted for, and nothing is left/, output)
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(program.left().map(Processes.describe), [])
      })),
    120_000
  )

  it.live(
    "G169: a pool whose workers are killed and recycled under load ends every task of a mix with keys, deadlines, retries and interruptions",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const args = ["--kill", "4/s", "--seconds", "3", "--seed", "2", "--recycle", "9", "--mixed"]
        const program = yield* Program.start(main, { args })
        const { code } = yield* program.ended({ within: "100 seconds" })
        const output = program.stdout() + program.stderr()
        assert.match(output, /, [1-9]\d* recycled$/m, output)
        assert.match(output, /^lost 0, hung 0$/m, output)
        assert.strictEqual(code, 0, output)
        assert.deepStrictEqual(program.left().map(Processes.describe), [])
      })),
    120_000
  )

  it.live(
    "npm run pool refuses invalid arguments with exit code 2",
    () =>
      Effect.scoped(Effect.gen(function*() {
        for (const args of [["--kill", "5"], ["--seconds", "0"], ["--size", "0.5"]]) {
          const program = yield* Program.start(main, { args })
          assert.strictEqual((yield* program.ended({ within: "30 seconds" })).code, 2)
        }
      })),
    100_000
  )
})
