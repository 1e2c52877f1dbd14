import { assert, describe, it } from "@effect/vitest"
import { mayBeDeep, textIssue } from "@furrow/protocol/internal/Shape"

describe("A search finds values that are too deep or contain themselves", () => {
  const objects = (count: number) => Array.from({ length: count }, () => ({}))

  it("the search for too deep values takes at most as many steps as a value has bytes, and then reports the value as possibly deep", () => {
    // Two steps for each object, and one for the list.
    assert.deepStrictEqual([300, 301].map((count) => mayBeDeep(objects(count), 600)), [false, true])
  })

  it("a value of few bytes never counts as possibly deep", () => {
    assert.deepStrictEqual([512, 513].map((bytes) => mayBeDeep(objects(600), bytes)), [false, true])
  })

  it("text with half of a surrogate pair is found in a value that contains itself", () => {
    const value: Record<string, unknown> = { text: "\ud800" }
    value["self"] = value
    assert.match(textIssue(value, () => ({})) ?? "", /half of a surrogate pair\n {2}at \["text"\]/)
  })

  it("the search for half of a surrogate pair visits a value once that occurs in two places of another value", () => {
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
