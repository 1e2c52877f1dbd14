import { assert, describe, it } from "@effect/vitest"
import { weigh } from "@furrow/actor/internal/stream/Weight"

const page = (bytes: number) => new Uint8Array(bytes)

describe("The function weigh estimates the size of a value", () => {
  it("the function weigh adds up the texts, bytes and fields of a value, and stops at its limit", () => {
    assert.strictEqual(weigh(page(500), 10), 500)
    assert.strictEqual(weigh("x".repeat(500), 10), 500)
    assert.strictEqual(weigh({ a: "12345", b: [1, 2, page(100)] }, 1000), 1 + 6 + 1 + 2 + 100)
    assert.isAbove(weigh(new Map([["key", "x".repeat(100)]]), 1000), 100)
    assert.strictEqual(weigh(new Set([page(10), page(20), page(30)]), 1000), 1 + 10 + 20 + 30)
    assert.strictEqual(weigh(new Set([page(10), page(20), page(30)]), 25), 1 + 10 + 20)
    assert.isBelow(weigh(Array.from({ length: 1_000_000 }, () => 1), 100), 200)
  })

  it("the function weigh ends for a value that contains itself", () => {
    const loop: Array<unknown> = []
    loop.push(loop, loop)
    assert.isAbove(weigh(loop, 1000), 1000)
    const chain: { next?: unknown } = {}
    chain.next = chain
    assert.isBelow(weigh(chain, 1000), 100)
  })
})
