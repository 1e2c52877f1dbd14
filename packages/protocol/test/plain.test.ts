import { assert, describe, it } from "@effect/vitest"
import { issue } from "@furrow/protocol/internal/plain"

const cut = "it ends inside a value"
const badKey = "a map has a key that is not plain text"
const letters = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0))

describe("The check of msgpack refuses cut-off values, bytes behind a value, and the map key __proto__", () => {
  /** Each form of bytes and of text: its head, and how a length of 1 is written in it. */
  const heads = [[0xc4, 1], [0xc5, 0, 1], [0xc6, 0, 0, 0, 1], [0xd9, 1], [0xda, 0, 1], [0xdb, 0, 0, 0, 1]]

  it("a value of msgpack is reported as cut off if it ends inside the head of bytes or text", () => {
    for (const head of heads) {
      for (let length = 1; length <= head.length; length++) {
        assert.strictEqual(issue(Uint8Array.from(head.slice(0, length))), cut, `${head} ${length}`)
      }
      assert.strictEqual(issue(Uint8Array.from([...head, 65])), undefined, `${head} whole`)
      assert.strictEqual(issue(Uint8Array.from([...head, 65, 66])), "bytes follow its end", `${head} followed`)
    }
  })

  it("empty bytes and an empty text in msgpack are accepted as complete values, although no byte follows their length", () => {
    for (const head of heads) {
      assert.strictEqual(issue(Uint8Array.from([...head.slice(0, -1), 0])), undefined, `${head}`)
    }
  })

  it("a value of msgpack is reported as cut off if it ends inside the head of an array or a map", () => {
    for (const head of [[0xdc, 0, 0], [0xdd, 0, 0, 0, 0], [0xde, 0, 0], [0xdf, 0, 0, 0, 0]]) {
      for (let length = 1; length < head.length; length++) {
        assert.strictEqual(issue(Uint8Array.from(head.slice(0, length))), cut, `${head} ${length}`)
      }
      assert.strictEqual(issue(Uint8Array.from(head)), undefined, `${head} whole`)
    }
  })

  it("a map of msgpack with the key __proto__ is refused, in any encoding of the key's length", () => {
    const forms = [[0xa9], [0xd9, 9], [0xda, 0, 9], [0xdb, 0, 0, 0, 9]]
    for (const form of forms) {
      const named = (name: string) => issue(Uint8Array.from([0x81, ...form, ...letters(name), 0xc0]))
      assert.strictEqual(named("__proto__"), badKey, `${form}`)
      // One letter differs, the first or the last.
      for (const name of ["x_proto__", "__proto_x"]) assert.strictEqual(named(name), undefined, `${form} ${name}`)
    }
  })
})
