import { assert, describe, it } from "@effect/vitest"
import { Writer } from "@furrow/actor/internal/channel/Writer"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import type { Message } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import { settle } from "./support/Time.ts"
import { idOf, reader } from "./support/Wire.ts"

/** A pipe that is full when it says so, and that keeps what was written. */
const pipe = () => {
  const said = reader()
  let full = false
  let writes = 0
  let ended = false
  const writer = new Writer({
    start: () => {},
    write: (chunks) => {
      writes++
      for (const chunk of chunks) said.read(chunk)
      return !full
    },
    end: () => {
      ended = true
    },
    destroy: () => {}
  }, (error) => assert.fail(String(error)))
  return {
    writer,
    words: said.words,
    writes: () => writes,
    ended: () => ended,
    fill: () => {
      full = true
    },
    drain: () => {
      full = false
      writer.drain()
    }
  }
}

const item = (dialog: number): Message => ({ _tag: "Yield", dialog, items: 1, payload: new Uint8Array([dialog]) })
const cancel: Message = { _tag: "Cancel", dialog: 1, by: idOf("me"), reason: "now", deadline: 5 }
const tags = (words: ReadonlyArray<Message>) =>
  words.map((word) => "dialog" in word ? `${word._tag} ${word.dialog}` : word._tag)

describe("A writer sends the words of its control lane before the words of its data lane", () => {
  it.effect("G17: a Cancel overtakes the Yields that wait while the connection is full", () =>
    Effect.gen(function*() {
      const { drain, fill, words, writer } = pipe()
      fill()
      writer.send(item(2))
      yield* settle
      assert.isTrue(writer.isFull)
      writer.send(item(4))
      writer.send(item(6))
      writer.send(cancel)
      writer.send(item(8))
      yield* settle
      assert.deepStrictEqual(tags(words), ["Yield 2"])
      drain()
      yield* settle
      assert.deepStrictEqual(tags(words), ["Yield 2", "Cancel 1", "Yield 4", "Yield 6", "Yield 8"])
    }))

  it.effect("G29: the Error of a stream that was not cancelled stays behind its Yields while the connection is full", () =>
    Effect.gen(function*() {
      const { drain, fill, words, writer } = pipe()
      fill()
      writer.send(item(2))
      yield* settle
      writer.send(item(4))
      writer.send({ _tag: "Error", dialog: 4, payload: new Uint8Array() }, true)
      writer.send({ _tag: "Error", dialog: 6, payload: new Uint8Array() })
      drain()
      yield* settle
      assert.deepStrictEqual(tags(words), ["Yield 2", "Error 6", "Yield 4", "Error 4"])
    }))

  it.effect("words of both lanes of a writer are sent in the order in which they were said while the connection has room", () =>
    Effect.gen(function*() {
      const { words, writer } = pipe()
      writer.send(item(2))
      writer.send(cancel)
      writer.send(item(4))
      yield* settle
      assert.deepStrictEqual(tags(words), ["Yield 2", "Cancel 1", "Yield 4"])
    }))

  it.effect("words of one lane of a writer are sent in order", () =>
    Effect.gen(function*() {
      const { drain, fill, words, writer } = pipe()
      fill()
      writer.send(item(2))
      yield* settle
      for (
        const word of [item(4), { _tag: "CancelAck" }, item(6), { _tag: "Ping", n: 1 }, {
          _tag: "Bye",
          payload: new Uint8Array()
        }] as const
      ) {
        writer.send(word)
      }
      drain()
      yield* settle
      assert.deepStrictEqual(tags(words), ["Yield 2", "CancelAck", "Ping", "Yield 4", "Yield 6", "Bye"])
    }))

  it.effect("words of one turn of the event loop are sent in one write", () =>
    Effect.gen(function*() {
      const { words, writer, writes } = pipe()
      for (let i = 0; i < 100; i++) writer.send(item(i))
      assert.strictEqual(writes(), 0)
      yield* settle
      assert.strictEqual(writes(), 1)
      assert.strictEqual(words.length, 100)
      assert.strictEqual(writer.frames, 100)
    }))

  it.effect("a sender that waits for the writer continues when the connection has room, or has closed", () =>
    Effect.gen(function*() {
      const { drain, fill, writer } = pipe()
      let told = 0
      fill()
      writer.send(item(2))
      yield* settle
      writer.whenRoom(() => told++)
      const forget = writer.whenRoom(() => (told += 10))
      forget()
      drain()
      assert.strictEqual(told, 1)
      fill()
      writer.send(item(4))
      yield* settle
      writer.whenRoom(() => (told += 100))
      writer.close()
      assert.strictEqual(told, 101)
    }))

  it.effect("a writer whose connection ends sends the waiting words, the control lane first, and sends no words afterwards", () =>
    Effect.gen(function*() {
      const { ended, fill, words, writer } = pipe()
      fill()
      writer.send(item(2))
      yield* settle
      writer.send(item(4))
      writer.send(cancel)
      writer.end()
      writer.send(item(6))
      yield* settle
      assert.deepStrictEqual(tags(words), ["Yield 2", "Cancel 1", "Yield 4"])
      assert.isTrue(ended())
    }))
})

describe("A connection in memory has backpressure", () => {
  it.effect("a connection in memory is full above its high-water mark, reports when it has room again, and keeps the order", () =>
    Effect.gen(function*() {
      const [a, b] = MemoryTransport.pair()
      const got: Array<number> = []
      let drained = 0
      let ended = 0
      a.start({ data: () => {}, drain: () => drained++, end: () => {} })
      let room = true
      let blocks = 0
      while (room) room = a.write([new Uint8Array(64 * 1024).fill(blocks++)])
      assert.isAtLeast(blocks, 2)
      yield* settle
      assert.strictEqual(drained, 0)
      b.start({ data: (bytes) => got.push(bytes[0]!), drain: () => {}, end: () => ended++ })
      yield* settle
      assert.strictEqual(drained, 1)
      a.write([new Uint8Array([100])])
      a.end()
      a.end()
      yield* settle
      assert.deepStrictEqual(got, [...Array.from({ length: blocks }, (_, i) => i), 100])
      assert.strictEqual(ended, 1)
    }))
})
