import { assert, describe, it } from "@effect/vitest"
import { mayBeDeep, textIssue } from "@furrow/protocol/internal/Shape"

describe("The shape of a value", () => {
  const objects = (count: number) => Array.from({ length: count }, () => ({}))

  it("the shape of a value is looked at in as many steps as it has bytes, and is taken for deep beyond them", () => {
    // Two steps for each object, and one for the list.
    assert.deepStrictEqual([300, 301].map((count) => mayBeDeep(objects(count), 600)), [false, true])
  })

  it("the shape of a value of few bytes is never deep", () => {
    assert.deepStrictEqual([512, 513].map((bytes) => mayBeDeep(objects(600), bytes)), [false, true])
  })

  it("half of a surrogate pair is found in a value that contains itself", () => {
    const value: Record<string, unknown> = { text: "\ud800" }
    value["self"] = value
    assert.match(textIssue(value, () => ({})) ?? "", /half of a surrogate pair\n {2}at \["text"\]/)
  })

  it("a value that stands in two places of a shape is visited once", () => {
    let looks = 0
    const shared = {
      get text() {
        looks++
        return "\ud800"
      }
    }
    assert.isDefined(textIssue({ one: shared, two: shared }, () => ({})))
    assert.strictEqual(looks, 1)
  })
})
