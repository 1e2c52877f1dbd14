/** The sending end of a stream: what it encodes, and when. */
import { assert, describe, it } from "@effect/vitest"
import type { PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import { Batch } from "@furrow/actor/internal/stream/Batch"
import { chunkBytes, Outlet } from "@furrow/actor/internal/stream/Outlet"
import { weigh } from "@furrow/actor/internal/stream/Weight"
import * as Credit from "@furrow/protocol/Credit"
import type { Message } from "@furrow/protocol/Message"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { idOf } from "./support/Wire.ts"

const MiB = 1024 * 1024

/** An outlet whose codec counts, and what it has said. */
const make = (window = Credit.defaultWindow, maxFrame = 64 * MiB) => {
  const sent: Array<number> = []
  const encoded: Array<number> = []
  let full = false
  let wake: () => void = () => {}
  const channel = {
    maxFrame,
    events: makeEvents(),
    peer: idOf("right"),
    writer: {
      get isFull() {
        return full
      },
      whenRoom: (callback: () => void) => {
        wake = callback
        return () => {}
      }
    },
    send: (message: Message) => {
      if (message._tag === "Yield") sent.push(message.items)
    }
  } as unknown as PeerChannel
  const outlet = new Outlet({
    channel,
    dialog: 1,
    window,
    items: {
      encode: (items) => {
        const list = items as ReadonlyArray<Uint8Array | number>
        encoded.push(list.length)
        return { ok: true, value: new Uint8Array(list.reduce<number>((sum, it) => sum + weigh(it, Infinity), 0)) }
      },
      decode: () => ({ ok: false, issue: "not here" }),
      make: (input) => input as ReadonlyArray<unknown>,
      isMade: () => false
    },
    invalid: (issue) => Effect.fail(issue)
  })
  return { outlet, sent, encoded, setFull: (is: boolean) => full = is, wake: () => wake() }
}

const page = (bytes: number) => new Uint8Array(bytes)

describe("The Outlet, the sending end of a stream, sends items in chunks while the reader grants credit", () => {
  it.effect("G85: the sending end of a stream encodes no more large items than its credit covers, and continues when the reader grants more credit", () =>
    Effect.gen(function*() {
      const { encoded, outlet, sent } = make()
      const fiber = yield* Effect.forkChild(outlet.send(Array.from({ length: 64 }, () => page(16 * MiB))))
      yield* Effect.yieldNow
      assert.deepStrictEqual([encoded, sent], [[1, 1], [1, 1]])
      outlet.grant(1, MiB / 2)
      yield* Effect.yieldNow
      assert.deepStrictEqual([encoded, sent], [[1, 1, 1], [1, 1, 1]])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("G85: the sending end of a stream measures each item before it encodes the item, even if the first item of a chunk is small", () =>
    Effect.gen(function*() {
      const { encoded, outlet } = make()
      const fiber = yield* Effect.forkChild(outlet.send([page(8), ...Array.from({ length: 16 }, () => page(2 * MiB))]))
      yield* Effect.yieldNow
      // The small one alone, and one page: for the second there is no credit any more.
      assert.deepStrictEqual(encoded, [1, 1])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("the sending end of a stream sends small items in chunks as large as the window allows", () =>
    Effect.gen(function*() {
      const { outlet, sent } = make()
      yield* outlet.send(Array.from({ length: 1000 }, (_, n) => n))
      assert.deepStrictEqual(sent, [512, 488])
    }))

  it.effect("the sending end of a stream refuses an item that is larger than the frame limit, without encoding the item", () =>
    Effect.gen(function*() {
      const { encoded, outlet, sent } = make(Credit.defaultWindow, MiB)
      const issue = yield* Effect.flip(outlet.send([1, page(2 * MiB)]))
      assert.match(String(issue), /2097152/)
      assert.deepStrictEqual([encoded, sent], [[1], [1]])
    }))

  it.effect("the sending end of a stream whose connection is full sends one chunk each time the connection has room again", () =>
    Effect.gen(function*() {
      const { outlet, sent, setFull, wake } = make()
      setFull(true)
      const fiber = yield* Effect.forkChild(outlet.send([page(chunkBytes), page(chunkBytes)]))
      yield* Effect.yieldNow
      assert.deepStrictEqual(sent, [])
      // Another sender was quicker, and it is full again.
      wake()
      yield* Effect.yieldNow
      assert.deepStrictEqual(sent, [1])
      wake()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(sent, [1, 1])
    }))
})

describe("The Batch, the buffer for the next chunk of a stream, collects items until the chunk is full", () => {
  it.effect("the buffer for the next chunk of a stream collects no more items than a chunk holds, and no more than the credit covers", () =>
    Effect.gen(function*() {
      const { outlet, sent } = make()
      const batch = new Batch({ outlet, context: Context.empty(), failed: () => {} })
      for (let n = 0; n < 3; n++) {
        const fiber = yield* Effect.forkChild(batch.add([page(2 * MiB)]))
        yield* Effect.yieldNow
        assert.deepStrictEqual(sent, n === 0 ? [1] : [1, 1])
        if (n === 2) assert.isUndefined(fiber.pollUnsafe(), "it waits")
        yield* Fiber.interrupt(fiber)
      }
    }))
})
