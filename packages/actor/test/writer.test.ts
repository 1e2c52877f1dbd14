import { assert, describe, it } from "@effect/vitest"
import { Writer } from "@furrow/actor/internal/channel/Writer"
import type { Connection } from "@furrow/actor/internal/transport/Transport"
import { partBytes } from "@furrow/protocol/Departure"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Message } from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import * as Schema from "effect/Schema"

/** A connection that keeps what is written, and has as many writes of room as it is told. */
const listening = () => {
  const writes: Array<ReadonlyArray<Message>> = []
  let state: Frame.State = Frame.initial
  let room = Infinity
  const connection: Connection = {
    start: () => {},
    write: (chunks) => {
      const heard: Array<Message> = []
      for (const chunk of chunks) {
        const decoded = Frame.decode(state, chunk)
        state = decoded.state
        for (const frame of decoded.frames) {
          const word = Envelope.decode(frame)
          assert(word._tag === "Message")
          heard.push(word.message)
        }
      }
      writes.push(heard)
      return --room > 0
    },
    end: () => {},
    destroy: () => {}
  }
  return { connection, writes, giveRoom: (count: number) => room = count }
}

const chunk = (dialog: number): Message => ({ _tag: "Yield", dialog, items: 1, payload: new Uint8Array(50) })
const last: Message = { _tag: "Stop", dialog: 1 }
const turn = () => new Promise<void>((resolve) => queueMicrotask(resolve))
const dialogs = (writes: ReadonlyArray<ReadonlyArray<Message>>) =>
  writes.flat().map((message) => "dialog" in message ? message.dialog : undefined)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

describe("The writer of a connection sends words in order", () => {
  it("a writer sends the words of one turn of the event loop in one write, at the end of the turn", async () => {
    const { connection, writes } = listening()
    const writer = new Writer(connection, (error) => {
      throw error
    })
    for (const n of upTo(10)) writer.send(chunk(n))
    assert.deepStrictEqual(writes, [])
    await turn()
    assert.strictEqual(writes.length, 1)
    assert.deepStrictEqual(dialogs(writes), upTo(10))
  })

  it("a writer begins to send the words of a long turn of the event loop before the turn ends, in order", async () => {
    const { connection, writes } = listening()
    const writer = new Writer(connection, (error) => {
      throw error
    })
    for (const n of upTo(100)) writer.send(chunk(n))
    assert.isAbove(writes.length, 1)
    assert.isBelow(writes.length, 20)
    await turn()
    assert.deepStrictEqual(dialogs(writes), upTo(100))
  })

  it("a writer stops when its connection becomes full during a turn of the event loop, and continues when the connection has room", async () => {
    const { connection, giveRoom, writes } = listening()
    const writer = new Writer(connection, (error) => {
      throw error
    })
    giveRoom(1)
    for (const n of upTo(100)) writer.send(chunk(n))
    await turn()
    assert.strictEqual(writes.length, 1)
    assert.isTrue(writer.isFull)
    giveRoom(Infinity)
    writer.drain()
    assert.deepStrictEqual(dialogs(writes), upTo(100))
    writer.send(last)
    await turn()
    assert.deepStrictEqual(writes.at(-1), [last])
  })

  it("G86: a connection's writer begins waiting dialogs in order while few bytes are unwritten, one each time bytes leave", async () => {
    const { connection, giveRoom, writes } = listening()
    const writer = new Writer(connection, () => {})
    const begun: Array<string> = []
    const start = (n: number): Message => ({
      _tag: "Start",
      dialog: n,
      kind: "call",
      endpoint: "big",
      digest: null,
      meta: null,
      window: null,
      payload: new Uint8Array(200 * 1024)
    })
    assert.isTrue(writer.admitsStart)
    giveRoom(1)
    writer.send(start(1))
    await turn()
    assert.isTrue(writer.isFull)
    // It is full, and nothing waits yet.
    assert.isTrue(writer.admitsStart)
    writer.send(start(3))
    writer.send(start(5))
    assert.isFalse(writer.admitsStart)
    const stop = [7, 9, 11].map((n) =>
      writer.whenAdmitted(() => {
        begun.push(`start ${n}`)
        writer.send(start(n))
      })
    )
    for (const n of [1, 2]) writer.whenRoom(() => void begun.push(`data ${n}`))
    stop[1]!()
    giveRoom(1)
    writer.drain()
    assert.deepStrictEqual(begun, ["data 1", "start 7", "start 11"])
    // Waiting words come to the connection with the next drain, and no sooner.
    assert.strictEqual(writes.length, 2)
    giveRoom(Infinity)
    writer.drain()
    assert.deepStrictEqual(begun.slice(3), ["data 2"])
    assert.deepStrictEqual(dialogs(writes), [1, 3, 5, 7, 11])
  })

  it("a sender whose dialog waits to begin learns of the end of the connection when the connection closes", () => {
    const { connection, giveRoom } = listening()
    const writer = new Writer(connection, () => {})
    giveRoom(1)
    writer.send({ ...chunk(1), payload: new Uint8Array(2000) } as Message)
    writer.send({ ...chunk(1), payload: new Uint8Array(400 * 1024) } as Message)
    assert.isFalse(writer.admitsStart)
    let told = 0
    writer.whenAdmitted(() => told++)
    writer.close()
    assert.strictEqual(told, 1)
    assert.isTrue(writer.admitsStart)
  })

  describe("A writer sends large words in parts to a peer that supports parts of frames", () => {
    const maxFrame = 2 * 1024 * 1024
    const kib = 1024
    /** Bytes that leave in so many parts; five are the least. */
    const inParts = (count: number) => count * partBytes - 1000
    const item = (dialog: number, size: number, seed = dialog): Message => ({
      _tag: "Yield",
      dialog,
      items: 1,
      payload: new Uint8Array(size).fill(seed)
    })
    const call = (dialog: number, size: number): Message => ({
      _tag: "Start",
      dialog,
      kind: "call",
      endpoint: "big",
      digest: null,
      meta: null,
      window: null,
      payload: new Uint8Array(size)
    })
    const cancel = (dialog: number): Message => ({
      _tag: "Cancel",
      dialog,
      by: { name: "left", uuid: "l", pid: 1 },
      reason: "test",
      deadline: 1000
    })

    /** A writer that has room for one write at a time, and what each write said. */
    const cutting = () => {
      const { connection, giveRoom, writes } = listening()
      const writer = new Writer(connection, (error) => {
        throw error
      })
      writer.cut(maxFrame)
      giveRoom(1)
      const drain = () => {
        giveRoom(1)
        writer.drain()
      }
      const said = () =>
        writes.flat().map((message) => `${message._tag} ${"dialog" in message ? message.dialog : ""}`.trim())
      return { drain, said, writer, writes }
    }

    it("G225: a cancel and small words of other dialogs pass between the parts of a large word", async () => {
      const { drain, said, writer } = cutting()
      writer.send(item(1, inParts(5)))
      writer.send(item(3, 10))
      writer.send(cancel(5))
      await turn()
      drain()
      assert.deepStrictEqual(said(), ["Part 1", "Cancel 5", "Yield 3", "Part 1"])
    })

    it("G226: large words of several dialogs leave part by part in turn", () => {
      const { drain, said, writer } = cutting()
      writer.send(item(1, inParts(6)))
      writer.send(item(3, inParts(5)))
      for (let i = 0; i < 10; i++) drain()
      const turns = Array.from({ length: 5 }, () => ["Part 1", "Part 3"])
      assert.deepStrictEqual(said(), ["Part 1", ...turns.flat()])
      assert.isFalse(writer.isFull && writer.heldStarts().size > 0)
    })

    it("a writer sends later words of a dialog behind the dialog's large word, and the last word of the actor behind all words", () => {
      const { drain, said, writer } = cutting()
      writer.send(item(1, inParts(5)))
      writer.send(item(1, 10))
      writer.send(item(1, inParts(5), 7))
      writer.send({ _tag: "Return", dialog: 1, payload: new Uint8Array(3) })
      writer.send({ _tag: "Bye", payload: new Uint8Array(3) })
      for (let i = 0; i < 10; i++) drain()
      const five = Array.from({ length: 5 }, () => "Part 1")
      assert.deepStrictEqual(said(), [...five, "Yield 1", ...five, "Return 1", "Bye"])
    })

    it("a writer that cancels a dialog sends no more of its large word, and reports a call whose word has not left whole as not begun", async () => {
      const { drain, said, writer } = cutting()
      writer.send(call(1, inParts(5)))
      assert.deepStrictEqual([...writer.heldStarts()], [1])
      assert.isFalse(writer.withdraw(1))
      writer.send(cancel(1))
      await turn()
      for (let i = 0; i < 3; i++) drain()
      assert.deepStrictEqual(said(), ["Part 1", "Cancel 1"])
      assert.isFalse(writer.isFull)
    })

    it("a connection's writer begins no dialog while a third large call waits for two others, until this call is withdrawn or sent", () => {
      const { drain, said, writer } = cutting()
      for (const dialog of [1, 3]) writer.send(call(dialog, 1800 * kib))
      assert.isTrue(writer.admitsStart)
      writer.send(call(5, 1800 * kib))
      assert.isFalse(writer.admitsStart)
      let begun = 0
      writer.whenAdmitted(() => begun++)
      drain()
      assert.strictEqual(begun, 0)
      assert.isTrue(writer.withdraw(5))
      drain()
      assert.strictEqual(begun, 1)
      assert.notInclude(said(), "Part 5")
    })

    it("a connection's writer begins calls in the order of their dialog numbers, even if a small call waits behind large calls", () => {
      const { drain, said, writer } = cutting()
      for (const dialog of [1, 3, 5]) writer.send(call(dialog, 1800 * kib))
      writer.send(call(7, 10))
      writer.send(item(9, 10))
      for (let i = 0; i < 40; i++) drain()
      const first = new Set(said())
      assert.deepStrictEqual([...first], ["Part 1", "Part 3", "Yield 9", "Part 5", "Start 7"])
      assert.isFalse(writer.isFull)
    })

    it("a writer with an endless flow of small words still sends large words", () => {
      const { drain, said, writer } = cutting()
      writer.send(item(1, inParts(5)))
      const more = () => {
        writer.send(item(3, 2000))
        writer.whenRoom(more)
      }
      writer.whenRoom(more)
      for (let i = 0; i < 8; i++) drain()
      assert.strictEqual(said().filter((word) => word === "Part 1").length, 5)
      assert.include(said(), "Yield 3")
    })

    it("a writer that ends its side of the connection writes all remaining words at once, in order", () => {
      const { said, writer } = cutting()
      writer.send(item(1, inParts(5)))
      writer.send(item(3, 10))
      writer.end()
      assert.deepStrictEqual(said(), ["Part 1", "Yield 3", "Part 1", "Part 1", "Part 1", "Part 1"])
    })

    it("a writer sends large words whole to a peer of an older version", () => {
      const { connection, writes } = listening()
      new Writer(connection, () => {}).send(item(1, inParts(5)))
      assert.deepStrictEqual(writes.flat().map(({ _tag }) => _tag), ["Yield"])
    })
  })

  it("G254: a writer gives the memory of a large payload back when its bytes have left, and not before", async () => {
    const encode = (size: number) => {
      // The first large value of a codec is not written behind.
      const codec = Payload.codec(Schema.Uint8Array)
      codec.encode(new Uint8Array(size))
      const encoded = codec.encode(new Uint8Array(size).fill(7))
      assert(encoded.ok)
      return encoded.value
    }
    for (const size of [64 * 1024, 3 * 1024 * 1024]) {
      const { connection, giveRoom, writes } = listening()
      let hasLeft = false
      const writer = new Writer({ ...connection, hasLeft: () => hasLeft }, (error) => {
        throw error
      })
      writer.cut(64 * 1024 * 1024)
      giveRoom(1)
      const payload = encode(size)
      const { length } = payload
      writer.send({ _tag: "Return", dialog: 1, payload })
      await turn()
      assert.strictEqual(payload.length, length)
      giveRoom(Infinity)
      writer.drain()
      assert.strictEqual(payload.length, length)
      hasLeft = true
      writer.send(last)
      await turn()
      assert.strictEqual(payload.length, 0)
      const [heard] = writes.flat()
      assert(size > partBytes || heard?._tag === "Return" && heard.payload.length === length)
    }
  })

  it("G254: a writer does not give back the memory of payloads that other code may still read", async () => {
    const { connection } = listening()
    const writer = new Writer({ ...connection, hasLeft: () => true }, () => {})
    const payload = new Uint8Array(64 * 1024)
    writer.send({ _tag: "Return", dialog: 1, payload })
    await turn()
    assert.strictEqual(payload.length, 64 * 1024)
  })
})
