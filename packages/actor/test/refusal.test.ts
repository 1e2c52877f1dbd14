/** The decision about one payload as a machine. */
import { assert, describe, it } from "@effect/vitest"
import { noRefusals } from "@furrow/actor/internal/inspect/Snapshot"
import * as Refusal from "@furrow/actor/internal/stream/Refusal"
import { Arbitrary, Schema } from "effect"
import * as Effect from "effect/Effect"

const fates: Readonly<Record<Refusal.Fate["_tag"], Refusal.Fate>> = {
  Skipped: { _tag: "Skipped" },
  Repaired: { _tag: "Repaired", item: 1 },
  Failed: { _tag: "Failed", failure: Effect.fail("no") },
  Cancelled: { _tag: "Cancelled" }
}

describe("One reader decides about each refused payload", () => {
  it.effect.prop(
    "G131: a refused payload is offered to one reader at a time until a reader decides, and this decision is final",
    {
      inputs: Arbitrary.array(
        Arbitrary.schema(Schema.Literals(["Ask", "Withdrawn", "Skipped", "Repaired", "Failed", "Cancelled"]))
      )
    },
    ({ inputs }) =>
      Effect.sync(() => {
        let state = Refusal.open
        let asking = 0
        let fate: Refusal.Fate | undefined
        for (const tag of inputs) {
          const input: Refusal.Input = tag === "Ask" || tag === "Withdrawn"
            ? { _tag: tag }
            : { _tag: "Decided", fate: fates[tag] }
          const next = Refusal.step(state, input)
          if (fate !== undefined) assert.strictEqual(next, fate)
          else if (input._tag === "Decided") assert.strictEqual(next, fate = input.fate)
          else if (next !== state) asking += input._tag === "Ask" ? 1 : -1
          assert.include([0, 1], asking)
          if (fate === undefined) assert.strictEqual(next._tag, asking === 1 ? "Deciding" : "Open")
          state = next
        }
      })
  )

  it.effect.prop(
    "G132: decisions about payloads are counted exactly, and reported only when their count doubles",
    { counts: Arbitrary.array(Arbitrary.schema(Schema.Literals([1, 1, 1, 2, 5, 64]))) },
    ({ counts }) =>
      Effect.sync(() => {
        let refusals = noRefusals
        const told: Array<number> = []
        for (const count of counts) {
          const [next, isTold] = Refusal.counted(refusals, "dropped", count)
          if (isTold) told.push(next.dropped)
          refusals = next
        }
        const sum = counts.reduce<number>((sum, count) => sum + count, 0)
        assert.deepStrictEqual(refusals, { ...noRefusals, dropped: sum })
        for (const [i, count] of told.entries()) {
          assert.isTrue(i === 0 || Math.log2(count) >= Math.floor(Math.log2(told[i - 1]!)) + 1)
        }
        if (sum > 0) assert.isAbove(2 * told.at(-1)!, sum)
      })
  )
})
