/**
 * The command `npm run crossover` compares piscina's threads and a pool of actors for tasks of growing length, as a
 * table. A figure of the crossover table is the time of all tasks divided by the number of tasks. A pool of actors pays
 * off for tasks that take less time over the pool than in the main process.
 *
 * The compared pools take turns, and the quickest round of each pool counts, because other work on the host disturbed
 * the slower rounds.
 */
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { turns } from "./raw/task.ts"
import * as Ways from "./ways.ts"

/** The lengths of the compared tasks, in microseconds. */
const lengths = [0, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]
const rounds = 40
/** Milliseconds of work in one sample of a pool, short enough that other programs leave some samples undisturbed. */
const sample = 12
const fewest = 32
const most = 600
const lanes = 16 * Ways.size

/**
 * Returns how many turns of the benchmark's loop (the function `turns`) run in a microsecond, once V8 has compiled the
 * loop. The quickest of several calibrations counts, because other programs disturbed it least.
 */
const calibrate = (): number => {
  const count = 100
  const tries = Array.from({ length: 2_000 }, () => {
    const start = performance.now()
    turns(count)
    return count / ((performance.now() - start) * 1_000)
  })
  return Math.max(...tries.slice(500))
}

const row = (length: number, ways: ReadonlyArray<Ways.Run>, perMicro: number) =>
  Effect.gen(function*() {
    const count = Math.max(fewest, Math.min(most, Math.round(sample * 1_000 / Math.max(length, 1))))
    const quickest = ways.map(() => Infinity)
    for (let round = 0; round < rounds; round++) {
      for (const [i, way] of ways.entries()) {
        const start = performance.now()
        yield* Ways.inLanes(way, Math.round(length * perMicro), count, lanes)
        quickest[i] = Math.min(quickest[i]!, performance.now() - start)
      }
    }
    const cells = quickest.map((millis) => `${(millis * 1_000 / count).toFixed(0)} us`)
    return `| ${[`${length} us`, ...cells].join(" | ")} |`
  })

const program = Effect.scoped(Effect.gen(function*() {
  const flags = process.execArgv
  const ways = [yield* Ways.piscina, yield* Ways.pool(1, flags), yield* Ways.pool(16, flags)]
  const perMicro = calibrate()
  for (const way of ways) yield* Ways.inLanes(way, 0, 4 * most, lanes)
  yield* Console.log("| length of a task | piscina | pool | pool, `concurrency: 16` |")
  yield* Console.log("| --- | --- | --- | --- |")
  for (const length of lengths) yield* Console.log(yield* row(length, ways, perMicro))
}))

NodeActor.runMain(program)
