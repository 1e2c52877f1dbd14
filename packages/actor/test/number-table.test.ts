import { assert, describe, it } from "@effect/vitest"
import { NumberTable } from "@furrow/actor/internal/settings/NumberTable"
import * as Arr from "effect/Array"
import * as Schema from "effect/Schema"

/** A step with a table: the number is one of a few that share a place, or one that follows the last numbers. */
const Step = Schema.Struct({
  act: Schema.Literals(["add", "drop", "clear"]),
  number: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  far: Schema.Boolean
})

describe("A NumberTable holds its entries as a Map does", () => {
  it.prop(
    "a table of numbers gives the same entries as a Map after any steps, also for numbers that share a place",
    [Schema.Array(Step)],
    ([steps]) => {
      const table = new NumberTable<{ readonly n: number }>()
      const model = new Map<number, { readonly n: number }>()
      for (const [n, { act, far, number: near }] of Arr.flatMap(Arr.range(0, 3), () => steps).entries()) {
        const number = far ? near * 65_536 : near
        if (act === "clear" && n % 7 === 0) {
          table.clear()
          model.clear()
        } else if (act === "drop") {
          assert.strictEqual(table.drop(number), model.get(number))
          model.delete(number)
        } else if (!model.has(number)) {
          const value = { n }
          table.add(number, value)
          model.set(number, value)
        }
        assert.strictEqual(table.get(number), model.get(number))
        assert.strictEqual(table.size, model.size)
      }
      const expected = Array.from(model).sort(([a], [b]) => a - b)
      assert.deepStrictEqual(table.entries(), expected)
      assert.deepStrictEqual(table.all, expected.map(([, value]) => value))
    },
    { arbitrary: { runs: 300 } }
  )

  it("a table of numbers keeps 100,000 entries at once, and gives its memory back when the last is dropped", () => {
    const table = new NumberTable<{ readonly n: number }>()
    for (let n = 0; n < 100_000; n++) table.add(n, { n })
    for (let n = 0; n < 100_000; n++) assert.strictEqual(table.get(n)?.n, n)
    for (let n = 0; n < 100_000; n++) assert.strictEqual(table.drop(n)?.n, n)
    assert.strictEqual(table.size, 0)
    assert.deepStrictEqual(table.entries(), [])
  })

  it("an iteration over a table of numbers leaves out entries that are dropped during the iteration", () => {
    const table = new NumberTable<{ readonly n: number }>()
    for (const n of [5, 1, 3]) table.add(n, { n })
    const seen: Array<number> = []
    for (const { n } of table) {
      seen.push(n)
      table.drop(3)
    }
    assert.deepStrictEqual(seen, [1, 5])
  })
})
