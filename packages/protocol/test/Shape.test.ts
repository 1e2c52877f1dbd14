import { assert, describe, it } from "@effect/vitest"
import { mayBeDeep, textIssue } from "@furrow/protocol/internal/Shape"

describe("The functions of the module Shape find values that are nested too deeply or contain themselves", () => {
  const objects = (count: number) => Array.from({ length: count }, () => ({}))

  it("the search for too deep nesting gives up after as many steps as a value has bytes, and reports the value as possibly too deep", () => {
    // Two steps for each object, and one for the list.
    assert.deepStrictEqual([300, 301].map((count) => mayBeDeep(objects(count), 600)), [false, true])
  })

  it("a value of few bytes never counts as possibly deep", () => {
    assert.deepStrictEqual([512, 513].map((bytes) => mayBeDeep(objects(600), bytes)), [false, true])
  })

  it("the search for half of a surrogate pair ends and names the place even in a value that contains itself", () => {
    const value: Record<string, unknown> = { text: "\ud800" }
    value["self"] = value
    assert.match(textIssue(value, () => ({})) ?? "", /half of a surrogate pair\n {2}at \["text"\]/)
  })

  it("the search for half of a surrogate pair visits an object only once, even if two fields of the value refer to the object", () => {
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
