import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import { settle } from "./support/Time.ts"
import { acceptor, dialler, End, framed, puppet, start } from "./support/Wire.ts"

/** A connection whose peer speaks and reads only when it is told to. */
const deaf = () => {
  let reads = true
  const peer = puppet(() => reads)
  const end = new End(peer.connection, acceptor("right"))
  const config = dialler("left")
  if (config.side === "dialler") peer.say(config.hello)
  return {
    end,
    said: peer.said,
    say: peer.say,
    sayBytes: peer.sayBytes,
    stopReading: () => {
      reads = false
    },
    readAll: () => {
      reads = true
      peer.drain()
    }
  }
}

const error = (dialog: number): Message => ({ _tag: "Error", dialog, payload: new Uint8Array(1) })

/** A peer that no longer reads, to which one word is on its way. */
const silent = Effect.gen(function*() {
  const peer = deaf()
  yield* settle
  peer.stopReading()
  peer.say({ _tag: "Ping", n: 0 })
  yield* settle
  assert.isTrue(peer.end.channel.writer.isFull)
  return peer
})

describe("A peer may leave only a limited number of answers unread", () => {
  it.effect("unread answers count as open dialogs until they have been sent", () =>
    Effect.gen(function*() {
      const peer = yield* silent
      const { channel } = peer.end
      peer.say(start(1))
      assert.strictEqual(channel.openDialogCount, 1)
      for (let dialog = 1; dialog < 20; dialog += 2) channel.send(error(dialog))
      channel.forget(1)
      assert.strictEqual(channel.openDialogCount, 10)
      peer.readAll()
      assert.strictEqual(channel.openDialogCount, 0)
      assert.strictEqual(peer.said.filter(({ _tag }) => _tag === "Error").length, 10)
    }))

  it.effect("a peer that only asks and never reads an answer loses its connection", () =>
    Effect.gen(function*() {
      const peer = yield* silent
      const ping = framed({ _tag: "Ping", n: 1 })
      for (let n = 1; n <= 250_000; n++) peer.sayBytes(ping)
      assert.isTrue(peer.end.channel.isOpen)
      peer.say({ _tag: "Ping", n: 250_001 })
      assert.strictEqual(peer.end.channel.snapshot().state, "Closed")
      assert.match(String(peer.end.closed?.message), /left@1 broke the protocol \(AnswersUnread\)/)
      assert.strictEqual(peer.said.at(-1)?._tag, "Violation")
    }))

  it.effect("calls of this side do not count as unread answers of the peer, and close no connection", () =>
    Effect.gen(function*() {
      const peer = yield* silent
      const { channel } = peer.end
      for (let i = 0; i < 300_000; i++) channel.send(start(2 + 2 * i))
      peer.say({ _tag: "Ping", n: 1 })
      assert.isTrue(channel.isOpen)
      assert.strictEqual(channel.openDialogCount, 1)
    }))
})
