import { assert, describe, it } from "@effect/vitest"
import { type Message, words } from "@furrow/protocol/Message"

const entries = Object.entries(words)
const where = (test: (word: typeof words[Message["_tag"]]) => boolean) =>
  entries.filter(([, word]) => test(word)).map(([tag]) => tag)

describe("Message", () => {
  it("every word has a code of its own, and one that msgpack writes in a byte", () => {
    const codes = entries.map(([, word]) => word.code)
    assert.strictEqual(new Set(codes).size, codes.length)
    for (const code of codes) assert.isTrue(code > 0 && code < 128)
  })

  it("data takes the data lane, and so do the words that must stay behind data; all other words overtake", () => {
    assert.deepStrictEqual(where((word) => word.lane === "data"), ["Started", "Yield", "Stop", "Return", "Part", "Bye"])
  })

  it("a payload is the last field of its word, and no word has two", () => {
    for (const [tag, { fields }] of entries) {
      const at = fields.flatMap(([, type], i) => type === "bytes" ? [i] : [])
      assert.deepStrictEqual(at, at.length === 0 ? [] : [fields.length - 1], tag)
    }
  })

  it("a word and its code fit the shortest array head, which the payload's appending relies on", () => {
    for (const [tag, { fields }] of entries) assert.isBelow(fields.length + 1, 16, tag)
  })

  it("every word of a dialog names its dialog first", () => {
    const ofDialogs = where(({ code }) => code >= 10 && code < 20)
    assert.deepStrictEqual(where(({ fields }) => fields[0]?.[0] === "dialog"), ofDialogs)
  })
})
