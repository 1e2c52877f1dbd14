import { assert, describe, it } from "@effect/vitest"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { plan, random } from "../src/chaos/plan.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

describe("The plan of a round of chaos over a random tree depends only on seed and round", () => {
  it("the plan of a round of chaos is the same for the same seed and round", () => {
    for (const round of [0, 1, 77]) assert.deepStrictEqual(plan(42, round), plan(42, round))
  })

  it("the plan of a round of chaos differs for another seed or round", () => {
    const plans = Array.from({ length: 200 }, (_, i) => JSON.stringify({ ...plan(i % 4, i >> 2), round: 0 }))
    assert.isAbove(new Set(plans).size, 195)
  })

  it("plans of chaos contain every fault, every owner, and every way in which an owner ends its tree", () => {
    const plans = Array.from({ length: 200 }, (_, round) => plan(1, round))
    const distinct = (values: ReadonlyArray<string>) => new Set(values).size
    assert.strictEqual(distinct(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind))), 5)
    assert.strictEqual(distinct(plans.map(({ owner }) => owner)), 3)
    assert.strictEqual(distinct(plans.map(({ enough }) => enough)), 3)
    assert.strictEqual(distinct(plans.map(({ tree }) => tree.work)), 8)
  })

  it("plans of chaos use random numbers that are spread evenly", () => {
    const next = random(7)
    const numbers = Array.from({ length: 10_000 }, next)
    const average = numbers.reduce((sum, n) => sum + n, 0) / numbers.length
    assert.isTrue(numbers.every((n) => n >= 0 && n < 1))
    assert.isBelow(Math.abs(average - 0.5), 0.02)
  })
})

describe("Random kills, cancels and timeouts over random trees of actors leave nothing behind", () => {
  it.live(
    "random kills and cancels end every call, and leave no process, no descriptor and no file",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const program = yield* Program.start(main, { args: ["--chaos", "1", "--minutes", "0.3"] })
        const { code } = yield* program.ended({ within: "150 seconds" })
        const output = program.stdout() + program.stderr()
        assert.match(output, /^chaos with seed 1/, output)
        assert.match(output, /every call ended, and nothing is left/, output)
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(program.left().map(Processes.describe), [])
      })),
    180_000
  )
})
