import { assert, describe, it } from "@effect/vitest"
import { Pool } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { held } from "./fixtures/flows.ts"
import { compute, crash, hoard, numbers, recompute, sleep, spin } from "./fixtures/pooled.ts"
import { evidence, timed, withActors } from "./support.ts"

const expose = [compute, crash, hoard, numbers, recompute, sleep, spin] as const
const make = (options: Omit<Pool.Options<typeof expose>, "expose">) => Pool.make({ ...options, name: "crew", expose })

const pidsOf = (file: string) => Folder.lines(file).map(Number)

/** Returns the memory of all processes below this one in MiB, without pages that a process shares with another. */
const memoryBelow = (): number => {
  const kibibytes = Processes.descendants().map(({ pid }) =>
    Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(Fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1])
  )
  return kibibytes.reduce((sum, one) => sum + one, 0) / 1024
}

describe("A pool of processes", () => {
  it.live("G137: a pool fails a task in an endless loop at its deadline, kills the task's worker, and answers all other tasks", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const pool = yield* make({ size: 2 })
      const [error, millis] = yield* timed(Effect.flip(pool.run(spin({ file }), { within: "100 millis" })))
      assert.strictEqual(error._tag, "TaskTimeout")
      assert.isBelow(millis, 400)
      const spinning = pidsOf(file)
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }),
        () => pool.run(compute({ millis: 1 }), { within: "20 seconds" }),
        { concurrency: 8 }
      )
      for (const pid of answers) assert.notInclude(spinning, pid)
      yield* Processes.gone(spinning)
      const { replaced } = yield* pool.statistics
      assert.deepInclude(replaced, { stuck: 1, lost: 0 })
    })))

  it.live.runIf(process.platform === "linux")(
    "G137: a pool of processes fails an endless task soon after its deadline, affects no other task, and needs no more memory afterwards",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const pool = yield* make({ size: 2 })
        const calls = Effect.forEach(
          Array.from({ length: 100 }),
          () => pool.run(compute({ millis: 1 }), { within: "20 seconds" }),
          { concurrency: 8 }
        )
        const full = Eventually.succeeds(
          Effect.map(pool.statistics, ({ workers }) =>
            assert.deepStrictEqual(workers.map(({ state }) => state), ["idle", "idle"])),
          { what: "two idle workers, and nothing else", within: "20 seconds" }
        )
        yield* calls
        yield* full
        const before = { below: memoryBelow(), root: held().used }
        const sleeps: Array<number> = []
        const frees: Array<number> = []
        for (let round = 0; round < 3; round++) {
          sleeps.push((yield* timed(Effect.sleep("100 millis")))[1])
          const [error, millis] = yield* timed(Effect.flip(pool.run(spin({ file }), { within: "100 millis" })))
          assert.strictEqual(error._tag, "TaskTimeout")
          frees.push(millis)
          yield* Processes.gone(pidsOf(file))
          yield* full
        }
        // The quickest time of each counts, because the others were disturbed by other work of the host.
        assert.isBelow(Math.min(...frees), 1.5 * Math.min(...sleeps))
        assert.strictEqual(new Set(pidsOf(file)).size, 3)
        const answers = yield* calls
        for (const pid of answers) {
          assert.notInclude(pidsOf(file), pid)
        }
        yield* full
        yield* Eventually.succeeds(
          Effect.sync(() => {
            assert.isBelow(memoryBelow(), 1.05 * before.below)
            // The memory that this process needs for its workers and tasks.
            assert.isBelow(held().used, 1.05 * before.root)
          }),
          {
            what: "the memory of before"
          }
        )
        const { replaced, running, waiting } = yield* pool.statistics
        assert.deepInclude(replaced, { stuck: 3, lost: 0 })
        assert.deepStrictEqual([running, waiting], [0, 0])
      })),
    60_000
  )

  it.live("G144: a pool of processes ends every task with an answer or a typed failure while its workers are killed under load", () =>
    withActors(Effect.gen(function*() {
      const pool = yield* make({ size: 3, queue: 1000 })
      const results = { answered: 0, lost: 0, other: [] as Array<string> }
      const tried = 300
      const killer = Effect.gen(function*() {
        for (let n = 0; n < 5; n++) {
          yield* Eventually.pause("150 millis")
          const { workers } = yield* pool.statistics
          const victim = workers.find(({ state }) => state === "busy")
          if (victim?.actor !== undefined) process.kill(victim.actor.pid, "SIGKILL")
        }
      })
      const load = Effect.forEach(
        Array.from({ length: tried }),
        () =>
          Effect.map(Effect.exit(pool.run(compute({ millis: 5 }))), (exit) => {
            if (Exit.isSuccess(exit)) return void results.answered++
            const [reason] = exit.cause.reasons
            if (reason?._tag === "Fail" && reason.error._tag === "ActorLost") results.lost++
            else results.other.push(String(exit.cause))
          }),
        { concurrency: 12 }
      )
      const killing = yield* Effect.forkChild(killer)
      yield* load
      yield* Fiber.join(killing)
      assert.deepStrictEqual(results.other, [])
      assert.strictEqual(results.answered + results.lost, tried)
      const { replaced, running, waiting } = yield* pool.statistics
      assert.isAtLeast(replaced.lost, 1)
      // Each worker has one task at a time, so a kill costs at most one task.
      assert.isAtMost(results.lost, 5)
      assert.deepStrictEqual([running, waiting], [0, 0])
    })))

  it.live("G146: a pool of processes repeats idempotent tasks in other workers, so that no task is lost with a killed worker", () =>
    withActors(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const task = yield* Effect.forkChild(pool.run(recompute({ millis: 1000 })))
      const victim = yield* Eventually.succeeds(
        Effect.map(pool.statistics, ({ workers }) => {
          const [busy] = workers.filter(({ state }) => state === "busy")
          assert.isDefined(busy?.actor)
          return busy!.actor!.pid
        }),
        { what: "a worker has the task" }
      )
      process.kill(victim, "SIGKILL")
      assert.notStrictEqual(yield* Fiber.join(task), victim)
    })))

  it.live("a pool of processes replaces a worker whose resident memory is too large, although the worker's heap is small", () =>
    withActors(Effect.gen(function*() {
      const pool = yield* make({ size: 1, recycle: { memory: 400 } })
      const first = yield* pool.run(compute({ millis: 0 }))
      assert.strictEqual(yield* pool.run(compute({ millis: 0 })), first)
      yield* Eventually.pause("1100 millis")
      assert.strictEqual(yield* pool.run(hoard({ mebibytes: 500 })), first)
      yield* Processes.gone([first])
      assert.notStrictEqual(yield* pool.run(compute({ millis: 0 })), first)
      assert.strictEqual((yield* pool.statistics).replaced.memory, 1)
    })))

  it.live("a pool of processes gives no task to a worker that a signal has told to end", () =>
    withActors(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const pid = yield* pool.run(compute({ millis: 0 }))
      process.kill(pid, "SIGTERM")
      const answers = yield* Effect.forEach(Array.from({ length: 100 }), () => pool.run(compute({ millis: 2 })), {
        concurrency: 4
      })
      assert.strictEqual(answers.length, 100)
      yield* Processes.gone([pid])
    })))

  it.live("a pool of processes tells the caller of a task that crashes its worker the name of the signal, and answers the next task", () =>
    withActors(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const error = yield* Effect.flip(pool.run(crash()))
      assert.deepStrictEqual(error._tag === "ActorLost" && error.how, { _tag: "Signalled", signal: "SIGSEGV" })
      assert.isTrue(Processes.isAlive(yield* pool.run(compute({ millis: 0 }))))
      const items = yield* Stream.runCollect(pool.stream(numbers({ to: 3 })))
      assert.deepStrictEqual(Array.from(items), [1, 2, 3])
    })))
})
