import { assert, describe, it } from "@effect/vitest"
import { Writer } from "@furrow/actor/internal/channel/Writer"
import type { Connection } from "@furrow/actor/internal/transport/Transport"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Message } from "@furrow/protocol/Message"

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

describe("Writer", () => {
  it("words of one turn leave in one write, at its end", async () => {
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

  it("much that is said in one turn begins to leave in it, in order", async () => {
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

  it("a connection that gets full in the middle of a turn is not written to again until there is room", async () => {
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

  it("G86: dialogs begin in order, and only while little is unwritten; each drain lets one of each kind pass", async () => {
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

  it("a sender that waits to begin is told when the connection closes", () => {
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
})
