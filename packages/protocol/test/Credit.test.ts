import { assert, describe, it } from "@effect/vitest"
import * as Credit from "@furrow/protocol/Credit"
import type { Window } from "@furrow/protocol/Message"
import { Arbitrary, Schema } from "effect"

interface Chunk {
  readonly items: number
  readonly bytes: number
}

/** One direction, honest: the sender asks before it sends, the wire keeps its order, the reader reads whole chunks. */
class Direction {
  sender: Credit.Sender
  receiver: Credit.Receiver
  readonly onTheWire: Array<Chunk> = []
  readonly unread: Array<Chunk> = []
  readonly grants: Array<Window> = []

  constructor(window: Window) {
    this.sender = Credit.sender(window)
    this.receiver = Credit.receiver(window)
  }

  send(chunk: Chunk): boolean {
    const may = Credit.canSpend(this.sender, chunk.items, chunk.bytes)
    const next = Credit.spend(this.sender, chunk.items, chunk.bytes)
    assert.strictEqual(next !== undefined, may)
    if (next === undefined) return false
    this.sender = next
    this.onTheWire.push(chunk)
    return true
  }
  arrive() {
    const chunk = this.onTheWire.shift()
    if (chunk === undefined) return
    const next = Credit.received(this.receiver, chunk.items, chunk.bytes)
    assert.isDefined(next, "the receiver calls an honest chunk an overrun")
    this.receiver = next
    this.unread.push(chunk)
  }
  read() {
    const chunk = this.unread.shift()
    if (chunk === undefined) return
    const [next, grant] = Credit.consumed(this.receiver, chunk.items, chunk.bytes)
    this.receiver = next
    if (grant !== undefined) this.grants.push(grant)
  }
  credit() {
    const grant = this.grants.shift()
    if (grant === undefined) return
    const next = Credit.granted(this.sender, grant.items, grant.bytes)
    assert.isDefined(next, "the sender calls an honest grant an excess")
    this.sender = next
  }
  drain() {
    while (this.onTheWire.length > 0) this.arrive()
    while (this.unread.length > 0) this.read()
    while (this.grants.length > 0) this.credit()
  }
  check() {
    const { receiver, sender } = this
    const { window } = sender
    const sum = (pick: (chunk: Chunk) => number, chunks: ReadonlyArray<Chunk>) =>
      chunks.reduce((n, chunk) => n + pick(chunk), 0)
    for (const n of [sender.items, sender.bytes, receiver.items, receiver.bytes]) assert.isAtLeast(n, 0)
    assert.isAtMost(sender.items, window.items)
    assert.isAtMost(sender.bytes, window.bytes)
    assert.isAtMost(receiver.items, window.items)
    assert.isAtMost(receiver.bytes, window.bytes)
    assert.isAtMost(receiver.owedItems, receiver.items)
    assert.isAtMost(receiver.owedBytes, receiver.bytes)
    // Nothing is lost and nothing is made up: both sides together always hold exactly the window.
    const { grants, onTheWire } = this
    const items = sum(({ items }) => Credit.itemPrice(window, items), onTheWire) + sum(({ items }) => items, grants)
    const bytes = sum(({ bytes }) => Credit.price(window, bytes), onTheWire) + sum(({ bytes }) => bytes, grants)
    assert.strictEqual(sender.items + items + receiver.items, window.items)
    assert.strictEqual(sender.bytes + bytes + receiver.bytes, window.bytes)
  }
}

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
/** Small windows, where rounding bites, and the edges of large ones. */
const AnyWindow = Schema.Struct({ items: between(1, 9), bytes: between(2, 20) })
const AnyChunk = Schema.Struct({ items: between(1, 12), bytes: between(0, 30) })
const Event = Schema.Union([AnyChunk, Schema.Literals(["arrive", "read", "credit"])])
const many = { arbitrary: { runs: 1000, size: 40 } }

const happen = (direction: Direction, event: typeof Event.Type) =>
  typeof event === "string" ? direction[event]() : direction.send(event)

describe("Credit limits what one direction of a dialog sends", () => {
  it.prop(
    "credit stays between zero and the window after any events of honest sides, and both sides compute the same credit",
    { window: AnyWindow, events: Arbitrary.array(Arbitrary.schema(Event), { maxLength: 40 }) },
    ({ events, window }) => {
      const direction = new Direction(window)
      for (const event of events) {
        happen(direction, event)
        direction.check()
      }
    },
    many
  )

  it.prop(
    "a sender may send a chunk of any size once the reader has read all chunks before it",
    { window: AnyWindow, events: Arbitrary.array(Arbitrary.schema(Event), { maxLength: 40 }), chunk: AnyChunk },
    ({ chunk, events, window }) => {
      const direction = new Direction(window)
      for (const event of events) happen(direction, event)
      direction.drain()
      assert.isTrue(direction.send(chunk))
    },
    many
  )

  it("with any small window, a sender may send a chunk of any size once the reader has read the two chunks before it", () => {
    for (let items = 1; items <= 4; items++) {
      for (let bytes = 2; bytes <= 5; bytes++) {
        const chunks: Array<Chunk> = []
        for (let i = 1; i <= items + 1; i++) for (let b = 0; b <= bytes + 1; b++) chunks.push({ items: i, bytes: b })
        for (const first of chunks) {
          for (const second of chunks) {
            const direction = new Direction({ items, bytes })
            direction.send(first)
            direction.drain()
            direction.send(second)
            direction.drain()
            const stuck = chunks.filter((chunk) => !Credit.canSpend(direction.sender, chunk.items, chunk.bytes))
            if (stuck.length > 0) assert.fail(JSON.stringify({ items, bytes, first, second, stuck }))
          }
        }
      }
    }
  })

  it.prop(
    "a receiver never accepts more than its window of items and bytes, whatever its peer sends",
    { window: AnyWindow, chunks: Arbitrary.array(Arbitrary.schema(AnyChunk), { maxLength: 40 }) },
    ({ chunks, window }) => {
      let state: Credit.Receiver | undefined = Credit.receiver(window)
      let accepted = 0
      for (const chunk of chunks) {
        state = Credit.received(state, chunk.items, chunk.bytes)
        if (state === undefined) break
        accepted++
        assert.isAtMost(state.items, window.items)
        assert.isAtMost(state.bytes, window.bytes)
      }
      assert.isAtMost(accepted, window.items)
    },
    many
  )

  it.prop(
    "a sender never has more credit than its window, whatever its peer grants",
    { window: AnyWindow, grants: Arbitrary.array(Arbitrary.schema(AnyChunk), { maxLength: 20 }), chunk: AnyChunk },
    ({ chunk, grants, window }) => {
      let state: Credit.Sender | undefined = Credit.sender(window)
      assert.isUndefined(Credit.granted(state, 1, 0))
      assert.isUndefined(Credit.granted(state, 0, 1))
      state = Credit.spend(state, chunk.items, chunk.bytes)
      for (const grant of grants) {
        if (state === undefined) break
        assert.isAtMost(state.items, window.items)
        assert.isAtMost(state.bytes, window.bytes)
        state = Credit.granted(state, grant.items, grant.bytes)
      }
    },
    many
  )

  it("a chunk larger than half the window costs half the window, so two such chunks can be unread at once", () => {
    const direction = new Direction({ items: 8, bytes: 100 })
    assert.isTrue(direction.send({ items: 1, bytes: 1_000_000 }))
    assert.isTrue(direction.send({ items: 1, bytes: 51 }))
    assert.isFalse(direction.send({ items: 1, bytes: 1 }))
    assert.isTrue(direction.send({ items: 1, bytes: 0 }))
    direction.drain()
    assert.isTrue(direction.send({ items: 1000, bytes: 0 }))
    assert.isTrue(direction.send({ items: 3, bytes: 0 }))
    assert.isFalse(direction.send({ items: 1, bytes: 0 }))
  })

  it("a window whose number of bytes exceeds 32 bits is halved exactly, like any other window", () => {
    const window = { items: 2 ** 33, bytes: 2 ** 40 }
    assert.strictEqual(Credit.price(window, 2 ** 41), 2 ** 39)
    assert.strictEqual(Credit.itemPrice(window, 1000), 1000)
    const direction = new Direction(window)
    direction.send({ items: 5, bytes: 100 })
    direction.drain()
    assert.strictEqual(direction.receiver.owedItems, 5)
  })

  it("a chunk without items costs the credit of one item", () => {
    const direction = new Direction({ items: 2, bytes: 2 })
    assert.isTrue(direction.send({ items: 0, bytes: 0 }))
    assert.isTrue(direction.send({ items: 0, bytes: 0 }))
    assert.isFalse(direction.send({ items: 0, bytes: 0 }))
  })

  it("a receiver grants credit once it owes half the window, in items or in bytes", () => {
    const direction = new Direction({ items: 4, bytes: 100 })
    const grantsAfter = (chunk: Chunk) => {
      direction.send(chunk)
      direction.arrive()
      direction.read()
      return direction.grants.splice(0)
    }
    assert.deepStrictEqual(grantsAfter({ items: 1, bytes: 10 }), [])
    assert.deepStrictEqual(grantsAfter({ items: 1, bytes: 10 }), [{ items: 2, bytes: 20 }])
    assert.deepStrictEqual(grantsAfter({ items: 1, bytes: 50 }), [{ items: 1, bytes: 50 }])
  })

  it("a receiver grants no credit for a chunk that has arrived and is not read", () => {
    const direction = new Direction({ items: 2, bytes: 10 })
    direction.send({ items: 1, bytes: 5 })
    direction.send({ items: 1, bytes: 5 })
    direction.arrive()
    direction.arrive()
    assert.deepStrictEqual(direction.grants, [])
    assert.isUndefined(Credit.received(direction.receiver, 1, 0))
  })

  it("a window is valid if it has room for at least one item and two bytes", () => {
    assert.isTrue(Credit.isWindow({ items: 1, bytes: 2 }))
    assert.isTrue(Credit.isWindow(Credit.defaultWindow))
    for (const [items, bytes] of [[0, 2], [1, 1], [-1, 2], [1.5, 2], [1, Number.NaN], [1, 2 ** 53]] as const) {
      assert.isFalse(Credit.isWindow({ items, bytes }))
    }
  })

  it.prop(
    "a chunk of at most `largestChunk` items costs its number of items, and never more than the whole window",
    { window: AnyWindow },
    ({ window }) => {
      const largest = Credit.largestChunk(window)
      assert.isAtLeast(largest, 1)
      for (let items = 1; items <= largest; items++) {
        assert.strictEqual(Credit.itemPrice(window, items), items)
        assert.isTrue(Credit.canSpend(Credit.sender(window), items, 0))
      }
      assert.strictEqual(Credit.itemPrice(window, largest + 1), largest)
    }
  )
})
