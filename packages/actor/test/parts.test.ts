import { assert, describe, it } from "@effect/vitest"
import { capability } from "@furrow/protocol/Arrival"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Failure from "@furrow/protocol/Failure"
import type * as Handshake from "@furrow/protocol/Handshake"
import type { FromCallee, Message, Part } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import { settle } from "./support/Time.ts"
import { acceptor, dialler, End, idOf, pair, puppet, raw, start } from "./support/Wire.ts"

const kib = 1024

/** The same side, of a runtime that reads large words in parts. */
const knowing = (config: Handshake.Config): Handshake.Config =>
  config.side === "dialler"
    ? { ...config, hello: { ...config.hello, capabilities: [capability] } }
    : { ...config, welcome: { ...config.welcome, capabilities: [capability] } }

const hello = (): Message => {
  const config = knowing(dialler("left"))
  assert(config.side === "dialler")
  return config.hello
}

const cancel = (dialog: number): Message => ({ _tag: "Cancel", dialog, by: idOf("left"), reason: "r", deadline: 0 })

/** The frame of a word, and its parts of these many bytes. */
const partsOf = (message: Message & { readonly dialog: number }, bytes: number): ReadonlyArray<Part> => {
  const { head, tail } = Envelope.encode(message)
  const frame = new Uint8Array([...head, ...tail!])
  const parts: Array<Part> = []
  for (let at = 0; at < frame.length; at += bytes) {
    const payload = frame.slice(at, at + bytes)
    parts.push({ _tag: "Part", dialog: message.dialog, size: frame.length, payload })
  }
  return parts
}

/** A channel that accepts, and the hands of its peer, which knows parts. */
const handled = (knows = true) => {
  let room = true
  const peer = puppet(() => room)
  const end = new End(peer.connection, knows ? knowing(acceptor("right")) : acceptor("right"))
  peer.say(hello())
  assert.strictEqual(end.greeted?._tag, "Open")
  return {
    ...peer,
    end,
    limit: () => {
      room = false
    },
    free: () => {
      room = true
      peer.drain()
    }
  }
}

describe("A large word is sent in parts", () => {
  it.effect("a large word that is sent in parts arrives whole if both sides support parts of frames", () =>
    Effect.gen(function*() {
      const [left, right] = pair(knowing(dialler("left")), knowing(acceptor("right")))
      yield* settle
      let heard = 0
      right.onStart = ({ payload }) => {
        heard = payload.reduce((sum, byte) => sum + byte, 0)
      }
      const word = start(left.open(), 1200 * kib)
      left.channel.send({ ...word, payload: word.payload.fill(1) })
      yield* settle
      assert.strictEqual(heard, 1200 * kib)
      assert.strictEqual(right.channel.snapshot().received.frames, 2)
    }))

  it.effect("a large word is sent whole to a peer that does not support parts of frames", () =>
    Effect.gen(function*() {
      const peer = raw(knowing(acceptor("right")))
      const config = dialler("left")
      assert(config.side === "dialler")
      peer.say(config.hello)
      yield* settle
      peer.end.channel.send({ _tag: "Return", dialog: 1, payload: new Uint8Array(1200 * kib) })
      yield* settle
      assert.deepStrictEqual(peer.said.map(({ _tag }) => _tag), ["Welcome", "Return"])
    }))

  it("a part of a large word from a peer that has not agreed on parts of frames is a violation", () => {
    const peer = handled(false)
    peer.say(partsOf(start(1, 300 * kib), 100 * kib)[0]!)
    assert.strictEqual(peer.end.closed?._tag, "ProtocolViolation")
    assert.deepStrictEqual(peer.said.map(({ _tag }) => _tag), ["Welcome", "Violation"])
  })

  it("G227: a handler starts as soon as its call arrives, although a large word in parts has not yet arrived whole", () => {
    const peer = handled()
    const begun: Array<number> = []
    peer.end.onStart = ({ dialog }) => void begun.push(dialog)
    const [first, ...rest] = partsOf(start(1, 300 * kib), 100 * kib)
    peer.say(first!)
    peer.say(start(3))
    for (const part of rest) peer.say(part)
    assert.deepStrictEqual(begun, [3, 1])
    assert.isTrue(peer.end.channel.isOpen)
  })

  it.effect("G228: a cancel between the parts of a large word ends the call of this word, which counts as not begun", () =>
    Effect.gen(function*() {
      const peer = handled()
      peer.say(partsOf(start(1, 300 * kib), 100 * kib)[0]!)
      peer.say(cancel(1))
      yield* settle
      assert.deepStrictEqual(peer.end.heard, [])
      const last = peer.said.at(-1)
      assert(last?._tag === "Error")
      const failure = Failure.decode(last.payload)
      assert(failure.ok && failure.value._tag === "Cancelled")
      assert.strictEqual(failure.value.began, "no")
      // A part that comes all the same begins a call again whose number is used.
      peer.say(partsOf(start(1, 300 * kib), 100 * kib)[0]!)
      assert.strictEqual(peer.end.closed?._tag, "ProtocolViolation")
    }))

  it.effect("a cancel withdraws a large word that waits for other words: its dialog learns of the cancel, and the peer never hears of the word", () =>
    Effect.gen(function*() {
      const peer = handled()
      peer.limit()
      const answers: Array<FromCallee> = []
      const open = () =>
        peer.end.channel.open({ side: "caller", heard: (word) => void answers.push(word), lost: () => {} })
      const dialogs = [open(), open(), open()]
      for (const dialog of dialogs) peer.end.channel.send(start(dialog, 60 * 1024 * kib))
      peer.end.channel.send(cancel(dialogs[2]!))
      assert.deepStrictEqual(answers, [])
      yield* settle
      assert.deepStrictEqual(answers.map(({ _tag, dialog }) => [_tag, dialog]), [["Error", dialogs[2]]])
      peer.free()
      yield* settle
      assert.notInclude(peer.said.map((word) => "dialog" in word ? word.dialog : 0), dialogs[2])
    }))

  it("a call whose large word has not left as a whole when the connection is lost counts as not begun", () => {
    const peer = handled()
    peer.limit()
    const lost: Array<unknown> = []
    const open = () =>
      peer.end.channel.open({
        side: "caller",
        heard: () => {},
        lost: (error) => void lost.push("began" in error ? error.began : error._tag)
      })
    peer.end.channel.send(start(open(), 1200 * kib))
    peer.cut()
    assert.deepStrictEqual(lost, ["no"])
  })
})
