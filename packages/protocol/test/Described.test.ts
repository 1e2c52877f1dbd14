import { assert, describe, it } from "@effect/vitest"
import { described } from "@furrow/protocol/Described"
import { Schema } from "effect"

class Full extends Schema.TaggedError<Full>()("Full", { shelf: Schema.Int }) {}
class Named extends Error {
  override readonly name = "Named"
  readonly shelf = 3
}
class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {}

describe("A thrown value is described in one line", () => {
  const thrown: ReadonlyArray<readonly [what: string, value: unknown, text: string]> = [
    ["an error is described by its message", new TypeError("no shelf"), "no shelf"],
    ["an error without a message is described by its name and fields", new Full({ shelf: 3 }), `Full {"shelf":3}`],
    ["an error without message and fields is described by its name", new Closed(), "Closed"],
    ["an error whose name is also a field is described with the name once", new Named(), `Named {"shelf":3}`],
    ["a thrown text is described by itself", "no shelf", "no shelf"],
    ["a thrown object is described by its fields, and not as [object Object]", { shelf: 3 }, `{"shelf":3}`],
    ["a thrown undefined is described as the text undefined", undefined, "undefined"]
  ]
  for (const [what, value, text] of thrown) it(what, () => assert.strictEqual(described(value), text))
})
