import { assert, describe, it } from "@effect/vitest"
import { type Message, words } from "@furrow/protocol/Message"

const entries = Object.entries(words)
const where = (test: (word: typeof words[Message["_tag"]]) => boolean) =>
  entries.filter(([, word]) => test(word)).map(([tag]) => tag)

describe("Each word of the protocol has a code of its own, one lane and at most one payload", () => {
  it("every word has a code that no other word has, and that msgpack encodes in one byte", () => {
    const codes = entries.map(([, word]) => word.code)
    assert.strictEqual(new Set(codes).size, codes.length)
    for (const code of codes) assert.isTrue(code > 0 && code < 128)
  })

  it("words with data, and words that must stay behind data, are in the data lane, and all other words are in the control lane", () => {
    assert.deepStrictEqual(where((word) => word.lane === "data"), ["Started", "Yield", "Stop", "Return", "Part", "Bye"])
  })

  it("a word has at most one payload, which is its last field", () => {
    for (const [tag, { fields }] of entries) {
      const at = fields.flatMap(([, type], i) => type === "bytes" ? [i] : [])
      assert.deepStrictEqual(at, at.length === 0 ? [] : [fields.length - 1], tag)
    }
  })

  it("a word with its code has at most 15 elements, so its msgpack array has a head of one byte", () => {
    for (const [tag, { fields }] of entries) assert.isBelow(fields.length + 1, 16, tag)
  })

  it("the first field of every word of a dialog is the number of the dialog", () => {
    const ofDialogs = where(({ code }) => code >= 10 && code < 20)
    assert.deepStrictEqual(where(({ fields }) => fields[0]?.[0] === "dialog"), ofDialogs)
  })
})
