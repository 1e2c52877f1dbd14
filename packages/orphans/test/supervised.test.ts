import { assert, describe, it } from "@effect/vitest"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Judge from "../src/supervised/judge.ts"
import { plan } from "../src/supervised/plan.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/**
 * Two callers: Records of a round in which the caller `a` lives and the caller `b` was killed in a call. One call
 * failed as not begun, and an idempotent one began twice.
 */
const good = [
  "caller a 1",
  "caller b 2",
  "tried a.1",
  "begun a.1",
  "answered a.1",
  "tried a.2",
  "failed a.2 ActorLost no",
  "tried a.3+",
  "begun a.3+",
  "begun a.3+",
  "answered a.3+",
  "tried b.1",
  "begun b.1",
  "restarting Store Lost",
  "roll 8"
]

const verdict = (lines: ReadonlyArray<string>, left: ReadonlyArray<string> = []) =>
  Judge.judge({
    accounts: Judge.read(lines.map((line) => `${line}\n`).join("")),
    isAlive: (pid) => pid === 1,
    actors: 8,
    left
  })

const without = (line: string) => good.filter((other) => other !== line)

describe("The judgement of a round over a supervised tree finds every fault in the log", () => {
  it("the judgement of a supervised tree finds no problem where each call is answered, has failed, or has died with its caller", () => {
    const { bereft, problems, repeated } = verdict(good)
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual([bereft, repeated], [1, 1])
  })

  it("the judgement of a supervised tree names an open call whose caller lives", () => {
    assert.deepStrictEqual(verdict(without("answered a.1")).problems, ["1 calls hang: a.1"])
  })

  it("the judgement of a supervised tree names a call that ran twice, and a call that ran although its error says it did not begin", () => {
    assert.deepStrictEqual(verdict([...good, "begun a.1"]).problems, ["1 calls ran twice: a.1"])
    assert.deepStrictEqual(verdict([...good, "begun a.2"]).problems, ["1 calls had not begun, and ran: a.2"])
  })

  it("the check of the log of a supervised tree reports a call that ends twice, and a call that fails without a typed error", () => {
    assert.deepStrictEqual(verdict([...good, "answered a.1"]).problems, [
      "a call has ended that was not open: answered a.1",
      "-1 calls are lost"
    ])
    assert.deepStrictEqual(verdict([...good, "tried a.4", "wrong a.4 failed without a type: Error"]).problems, [
      "wrong a.4 failed without a type: Error"
    ])
    assert.deepStrictEqual(verdict([...good, "tried a.4", "failed a.4 SpawnFailed -"]).problems, [
      "a call has failed with an error that it cannot have: failed a.4 SpawnFailed -"
    ])
  })

  it("the judgement of a supervised tree names actors that do not answer in the end, and processes that are left", () => {
    assert.deepStrictEqual(verdict([...without("roll 8"), "roll 7"]).problems, ["in the end 7 of 8 actors answer"])
    assert.deepStrictEqual(verdict(good, ["4711"]).problems, ["left in the end: 4711"])
  })
})

describe("The plan of a round over a supervised tree depends only on seed and round", () => {
  it("the plan for a supervised tree is the same for the same seed and round, and differs for another seed or round", () => {
    assert.deepStrictEqual(plan(1, 2, 30, 30), plan(1, 2, 30, 30))
    const plans = [plan(1, 2, 30, 30), plan(2, 2, 30, 30), plan(1, 3, 30, 30)]
    assert.strictEqual(new Set(plans.map(({ strikes }) => JSON.stringify(strikes))).size, 3)
  })

  it("the plan for a supervised tree has about as many actors as requested, and each strategy, signal and end occurs in some plan", () => {
    const plans = Array.from({ length: 8 }, (_, round) => plan(1, round, 30, 30))
    assert.deepStrictEqual(new Set(plans.map(({ actors }) => actors)), new Set([28]))
    assert.strictEqual(new Set(plans.map(({ strategy }) => strategy)).size, 4)
    assert.strictEqual(new Set(plans.map(({ end }) => end)).size, 3)
    assert.strictEqual(new Set(plans.flatMap(({ strikes }) => strikes.map(({ kind }) => kind))).size, 2)
  })
})

describe("A supervised tree under kills, stops and cancels ends every call", () => {
  it.live(
    "a supervised tree under kills, stops and cancels ends every call, and leaves no process",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const args = ["--supervised", "8", "--minutes", "0.1", "--seed", "3"]
        const program = yield* Program.start(main, { args })
        const { code } = yield* program.ended({ within: "200 seconds" })
        const output = program.stdout() + program.stderr()
        assert.match(output, /^tried [1-9]\d* = answered [1-9]\d* \+ failed typed \d+/m, output)
        assert.match(output, /^lost 0, hung 0, ran twice 0, had not begun and ran 0, orphans 0$/m, output)
        assert.match(output, /every call is accounted for, and nothing is left/, output)
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(program.left().map(Processes.describe), [])
      })),
    220_000
  )
})
