import { assert, describe, it } from "@effect/vitest"
import { described } from "@furrow/protocol/Described"
import { Schema } from "effect"

class Full extends Schema.TaggedError<Full>()("Full", { shelf: Schema.Int }) {}
class Named extends Error {
  override readonly name = "Named"
  readonly shelf = 3
}
class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {}

describe("described", () => {
  const thrown: ReadonlyArray<readonly [what: string, value: unknown, text: string]> = [
    ["an error is its message", new TypeError("no shelf"), "no shelf"],
    ["an error of fields alone is its name and them", new Full({ shelf: 3 }), `Full {"shelf":3}`],
    ["an error of nothing is its name", new Closed(), "Closed"],
    ["a name that is a field is said once", new Named(), `Named {"shelf":3}`],
    ["text is itself", "no shelf", "no shelf"],
    ["an object is its fields, not [object Object]", { shelf: 3 }, `{"shelf":3}`],
    ["nothing is said to be so", undefined, "undefined"]
  ]
  for (const [what, value, text] of thrown) it(what, () => assert.strictEqual(described(value), text))
})
