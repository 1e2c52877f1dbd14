import { assert, describe, it } from "@effect/vitest"
import { ActorError } from "@furrow/actor"
import { encodeFarewell, type Farewell } from "@furrow/actor/internal/channel/Farewell"
import type { Message } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import { settle } from "./support/Time.ts"
import { acceptor, dialler, type End, framed, idOf, pair, raw, start } from "./support/Wire.ts"

const nothing = new Uint8Array(0)
const cancel = (dialog: number): Message => ({ _tag: "Cancel", dialog, by: idOf("x"), reason: "r", deadline: 0 })
const last = (dialog: number): Message => ({ _tag: "Return", dialog, payload: nothing })

const u32 = (n: number): Uint8Array => new Uint8Array([n & 255, n >>> 8 & 255, n >>> 16 & 255, n >>> 24])
const frame = (...body: ReadonlyArray<number>): Uint8Array => new Uint8Array([...u32(body.length), ...body])

/** Three dialogs of ours and two of the peer's are open on the left: dialogs 1, 3, 5 and 2, 4. */
const crowded = Effect.gen(function*() {
  const [left, right] = pair()
  yield* settle
  for (let i = 0; i < 3; i++) left.channel.send(start(left.open()))
  for (let i = 0; i < 2; i++) right.channel.send(start(right.open()))
  yield* settle
  assert.deepStrictEqual([left.channel.snapshot().dialogs, right.channel.snapshot().dialogs], [5, 5])
  return [left, right] as const
})

/** Each dialog on the left hears once that the peer broke this rule; each on the right, that we did. */
const violated = (left: End, right: End, rule: string) => {
  for (const [end, side, peer] of [[left, "peer", "right@1"], [right, "local", "left@1"]] as const) {
    assert.strictEqual(end.lost.length, 5)
    for (const error of [...end.lost, end.closed]) {
      assert.instanceOf(error, ActorError.ProtocolViolation)
      const violation = error as ActorError.ProtocolViolation
      assert.deepStrictEqual(
        [violation.side, violation.rule, ActorError.formatActor(violation.actor)],
        [side, rule, peer]
      )
    }
    const { dialogs, state } = end.channel.snapshot()
    assert.deepStrictEqual([state, dialogs], ["Closed", 0])
  }
  assert.deepStrictEqual(left.events.map(({ _tag }) => _tag), ["Violation"])
  assert.deepStrictEqual(right.events, [])
}

const words: ReadonlyArray<readonly [title: string, rule: string, words: ReadonlyArray<Message>]> = [
  ["an answer for a dialog of ours that was never opened", "UnknownDialog", [last(99)]],
  ["credit for a dialog of the peer's that it never opened", "UnknownDialog", [
    { _tag: "Credit", dialog: 98, items: 1, bytes: 1 }
  ]],
  ["a word other than Error for dialog 0", "UnknownDialog", [last(0)]],
  ["a cancel from the callee", "WrongSide", [cancel(1)]],
  ["a last word from the caller", "WrongSide", [last(2)]],
  ["a first value from the caller", "WrongSide", [{ _tag: "Started", dialog: 2, window: null, payload: nothing }]],
  ["a dialog with an id of ours", "DialogId", [start(7)]],
  ["a dialog 0", "DialogId", [start(0)]],
  ["a dialog whose id was used", "DialogId", [start(4)]],
  ["a dialog whose id is lower than the last", "DialogId", [start(8), start(6)]],
  ["a second greeting", "HandshakeOrder", [acceptorWord()]],
  ["a greeting of the other side", "HandshakeOrder", [diallerWord()]],
  ["a refusal after the welcome", "HandshakeOrder", [{ _tag: "Refuse", reason: "busy", detail: "no" }]],
  ["a challenge after the welcome", "HandshakeOrder", [{ _tag: "Challenge", uuid: "a", nonce: new Uint8Array(32) }]],
  ["a proof after the welcome", "HandshakeOrder", [{ _tag: "Proof", proof: new Uint8Array(32) }]]
]

function acceptorWord(): Message {
  const config = acceptor("right")
  return config.side === "acceptor" ? config.welcome : last(0)
}
function diallerWord(): Message {
  const config = dialler("left")
  return config.side === "dialler" ? config.hello : last(0)
}

const bytes: ReadonlyArray<readonly [title: string, rule: string, bytes: Uint8Array]> = [
  ["a frame that is not msgpack", "NotMsgpack", frame(0xc1, 1, 2)],
  ["a frame that is no array", "NotMsgpack", frame(0x01)],
  ["an empty frame", "FrameEmpty", frame()],
  ["a frame above the limit, of which only the length has come", "FrameTooLarge", u32(64 * 1024 * 1024 + 1)],
  ["noise", "FrameTooLarge", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["a word that nobody knows", "Unsupported", frame(0x91, 0x63)],
  ["a word without its fields", "Malformed", frame(0x91, 0x10)],
  ["a word with a field of another type", "Malformed", frame(0x92, 0x0e, 0xa1, 0x61)]
]

describe("A peer that breaks a rule of the protocol loses its connection", () => {
  it.effect.each(words)(
    "if a peer's words break a rule, every open call of both sides fails, and each error names the side at fault (case: $0 breaks $1)",
    ([, rule, said]) =>
      Effect.gen(function*() {
        const [left, right] = yield* crowded
        for (const word of said) right.channel.send(word)
        yield* settle
        // The first dialogs of a row are honest.
        left.lost.splice(5)
        violated(left, right, rule)
      })
  )

  it.effect.each(bytes)(
    "if a peer's bytes break a rule of the protocol, every open call on the connection fails (case: $0 breaks $1)",
    ([, rule, sent]) =>
      Effect.gen(function*() {
        const peer = raw(dialler("left"))
        peer.say(acceptorWord())
        yield* settle
        for (let i = 0; i < 3; i++) peer.end.channel.send(start(peer.end.open()))
        peer.say(start(2))
        peer.send(sent)
        peer.say(start(4))
        yield* settle
        assert.strictEqual(peer.end.lost.length, 4)
        for (const error of [...peer.end.lost, peer.end.closed]) {
          assert.instanceOf(error, ActorError.ProtocolViolation)
          assert.deepStrictEqual([
            (error as ActorError.ProtocolViolation).side,
            (error as ActorError.ProtocolViolation).rule
          ], [
            "peer",
            rule
          ])
        }
        // Later bytes were not read.
        assert.deepStrictEqual(peer.end.heard, ["Start"])
        const told = peer.said.at(-1)
        assert.strictEqual(told?._tag === "Violation" && told.rule, rule)
        assert.isTrue(peer.ended())
      })
  )

  it.effect("a PeerChannel reads and sends no word after a violation", () =>
    Effect.gen(function*() {
      const [left, right] = yield* crowded
      right.channel.send(last(99))
      right.channel.send({ _tag: "Ping", n: 1 })
      yield* settle
      const { sent } = left.channel.snapshot()
      left.channel.send({ _tag: "Ping", n: 2 })
      yield* settle
      assert.deepStrictEqual(left.channel.snapshot().sent, sent)
    }))

  it.effect("a dialog that is opened on a closed connection learns at once why the connection was closed", () =>
    Effect.gen(function*() {
      const [left, right] = yield* crowded
      right.channel.send(last(99))
      yield* settle
      left.open()
      yield* settle
      assert.strictEqual(left.lost.length, 6)
      assert.strictEqual(left.lost[5], left.lost[0])
    }))
})

describe("A connection gives odd numbers to the dialogs of the dialler, and even numbers to the dialogs of the acceptor", () => {
  it.effect("the numbers of dialogs grow by two: 1, 3, 5 at the dialler, 2, 4, 6 at the acceptor", () =>
    Effect.gen(function*() {
      const [left, right] = pair()
      const opened = (end: End) => [end.open(), end.open(), end.open()]
      assert.deepStrictEqual([opened(left), opened(right)], [[1, 3, 5], [2, 4, 6]])
      yield* settle
      assert.deepStrictEqual([left.open(), right.open()], [7, 8])
    }))
})

describe("A PeerChannel reads a peer's words even if they come late or in pieces", () => {
  it.effect("a word for an ended dialog is dropped, and a word for a dialog that never existed is a violation", () =>
    Effect.gen(function*() {
      const [left, right] = yield* crowded
      left.channel.forget(1)
      right.channel.send(last(1))
      right.channel.send(last(1))
      left.channel.forget(2)
      right.channel.send(cancel(2))
      yield* settle
      assert.deepStrictEqual([left.channel.snapshot().state, left.lost.length, left.heard.length], ["Open", 0, 2])
      // The next number of ours, and the next one of the peer's.
      for (const unknown of [last(7), cancel(6)]) {
        const [near, far] = yield* crowded
        far.channel.send(unknown)
        yield* settle
        violated(near, far, "UnknownDialog")
      }
    }))

  it.effect("a PeerChannel answers Ping, and accepts Pong", () =>
    Effect.gen(function*() {
      const peer = raw(dialler("left"))
      peer.say(acceptorWord())
      peer.say({ _tag: "Ping", n: 7 })
      peer.say({ _tag: "Pong", n: 8 })
      yield* settle
      assert.deepStrictEqual(peer.said.slice(1), [{ _tag: "Pong", n: 7 }])
      assert.isTrue(peer.end.channel.isOpen)
    }))

  it.effect("words of a peer arrive whole, wherever the transport splits their bytes", () =>
    Effect.gen(function*() {
      const peer = raw(acceptor("right"))
      const all = [diallerWord(), start(1), start(3), last(99)].map(framed)
      for (const bytes of all.slice(0, 3)) for (const byte of bytes) peer.send(new Uint8Array([byte]))
      yield* settle
      assert.deepStrictEqual(peer.end.heard, ["Start", "Start"])
      assert.isTrue(peer.end.channel.isOpen)
    }))
})

describe("The end of a connection ends its dialogs with a reason", () => {
  it.effect("the end of a connection fails every open call once with ActorLost, even if the connection ends in the middle of a word", () =>
    Effect.gen(function*() {
      for (const rest of [nothing, framed(start(2)).subarray(0, 9)]) {
        const peer = raw(dialler("left"))
        peer.say(acceptorWord())
        yield* settle
        for (let i = 0; i < 3; i++) peer.end.channel.send(start(peer.end.open()))
        peer.send(rest)
        yield* settle
        peer.cut()
        yield* settle
        assert.strictEqual(peer.end.lost.length, 3)
        for (const error of [...peer.end.lost, peer.end.closed]) {
          assert.instanceOf(error, ActorError.ActorLost)
          assert.deepStrictEqual((error as ActorError.ActorLost).how, { _tag: "ConnectionClosed" })
          assert.strictEqual((error as ActorError.ActorLost).actor.name, "right")
        }
        assert.deepStrictEqual(peer.end.heard, [])
      }
    }))

  it.effect("a connection that is closed after a Bye ends with ChannelClosed on both sides, and queued words arrive", () =>
    Effect.gen(function*() {
      const [left, right] = yield* crowded
      left.channel.send({ _tag: "Bye", payload: new Uint8Array() })
      left.channel.close()
      left.channel.close()
      yield* settle
      assert.strictEqual(left.lost.length, 5)
      for (const error of left.lost) assert.strictEqual(error._tag === "ChannelClosed" && error.side, "local")
      assert.strictEqual(right.lost.length, 5)
      for (const error of right.lost) assert.strictEqual(error._tag === "ChannelClosed" && error.side, "peer")
      assert.include(right.heard, "Bye")
    }))
})

describe("A peer that says Bye ends the open calls to it", () => {
  const bye = (how: Farewell["how"]): Message => ({ _tag: "Bye", payload: encodeFarewell({ how, cleanup: [] }) })
  const boxed = { type: "Error", message: "out of luck", stack: "", cause: null, origin: idOf("right"), path: [] }
  it.effect.each<readonly [how: string, how: Farewell["how"], tag: ActorError.ActorError["_tag"], message: RegExp]>([
    [
      "cancelled",
      { _tag: "Cancelled", by: idOf("boss"), reason: "closing time" },
      "ContextCancelled",
      /by boss@1: closing/
    ],
    ["failed", { _tag: "Failed", boxed }, "RemoteActorError", /out of luck/],
    ["returned", { _tag: "Returned" }, "ChannelClosed", /it has ended/]
  ])(
    "G78: when an actor's peer says Bye, the actor's open calls to the peer fail with the error for the end that the Bye reports (case: $0)",
    ([, how, tag, message]) =>
      Effect.gen(function*() {
        const [left, right] = yield* crowded
        right.channel.send(bye(how))
        yield* settle
        // Its own calls on us go on until its connection ends.
        assert.deepStrictEqual(left.lost.map(({ _tag }) => _tag), [tag, tag, tag])
        assert.match(left.lost[0]!.message, message)
        left.open()
        yield* settle
        assert.strictEqual(left.lost[3]?._tag, tag)
        right.channel.close()
        yield* settle
        assert.strictEqual(left.closed?._tag === "ChannelClosed" && left.closed.side, "peer")
        assert.strictEqual(left.lost.length, 6)
      })
  )
})

describe("Calls that the peer has not read when it says Bye count as not begun", () => {
  it.effect("G210: calls that a peer had not read when it said Bye count as not begun, and earlier calls as perhaps begun", () =>
    Effect.gen(function*() {
      const [left, right] = yield* crowded
      const how: Farewell["how"] = { _tag: "Cancelled", by: idOf("boss"), reason: "replaced" }
      right.channel.send({ _tag: "Bye", payload: encodeFarewell({ how, cleanup: [], taken: 1 }) })
      yield* settle
      const began = left.lost.map((error) => error._tag === "ContextCancelled" ? error.began : error._tag)
      assert.deepStrictEqual(began, ["maybe", "no", "no"])
    }))

  it.effect("G210: a Bye contains the number of the last call that the sender of the Bye has read", () =>
    Effect.gen(function*() {
      const [left, right] = pair(dialler("left"))
      yield* settle
      for (let i = 0; i < 3; i++) left.channel.send(start(left.open()))
      yield* settle
      const how: Farewell["how"] = { _tag: "Cancelled", by: idOf("boss"), reason: "replaced" }
      right.channel.sayBye({ how, cleanup: [] })
      left.channel.send(start(left.open()))
      yield* settle
      const began = left.lost.map((error) => error._tag === "ContextCancelled" ? error.began : error._tag)
      assert.deepStrictEqual(began, ["maybe", "maybe", "maybe", "no"])
    }))
})

describe("A handshake decides whether two PeerChannels become connected", () => {
  it.effect("both sides of a handshake know each other's name, and keep to the smaller of their two frame limits", () =>
    Effect.gen(function*() {
      const config = dialler("left")
      assert(config.side === "dialler")
      const [left, right] = pair({ side: "dialler", hello: { ...config.hello, maxFrame: 5000 } })
      yield* settle
      assert.deepStrictEqual([left.greeted?._tag, right.greeted?._tag], ["Open", "Open"])
      assert.deepStrictEqual([left.channel.peer.name, right.channel.peer.name], ["right", "left"])
      assert.deepStrictEqual([left.channel.maxFrame, right.channel.maxFrame], [5000, 5000])
    }))

  it.effect("a greeting of another major version of the protocol is refused, and both sides report why", () =>
    Effect.gen(function*() {
      const [left, right] = pair(dialler("left", { major: 2, minor: 0 }))
      const early = left.open()
      yield* settle
      assert.strictEqual(early, 1)
      for (const [end, by] of [[left, "peer"], [right, "us"]] as const) {
        assert(end.greeted?._tag === "Refused")
        assert.strictEqual(end.greeted.by, by)
        assert.strictEqual(end.greeted.refusal.reason, "version")
        assert.match(end.greeted.refusal.detail, /1\.0.*2\.0|2\.0.*1\.0/)
        assert.strictEqual(end.channel.snapshot().state, "Closed")
      }
      assert.strictEqual(left.lost.length, 1)
    }))

  it.effect("a greeting of another minor version of the protocol is accepted", () =>
    Effect.gen(function*() {
      const [left, right] = pair(dialler("left", { major: 1, minor: 7 }))
      yield* settle
      assert.deepStrictEqual([left.greeted?._tag, right.greeted?._tag], ["Open", "Open"])
    }))

  it.effect("a peer whose greeting is refused is told why the greeting is refused", () =>
    Effect.gen(function*() {
      const [left] = pair(dialler("left"), acceptor("right", undefined, () => ({ reason: "role", detail: "not you" })))
      yield* settle
      assert(left.greeted?._tag === "Refused")
      assert.deepStrictEqual(left.greeted.refusal, { reason: "role", detail: "not you" })
    }))

  const early: ReadonlyArray<readonly [title: string, words: ReadonlyArray<Message>]> = [
    ["a call before the greeting", [start(1)]],
    ["a welcome from the dialler", [acceptorWord()]],
    ["a ping before the greeting", [{ _tag: "Ping", n: 1 }]],
    ["two greetings", [diallerWord(), diallerWord()]]
  ]
  it.effect.each(early)(
    "a dialler whose greeting is late, wrong or repeated breaks the rule HandshakeOrder and loses the connection (case: $0)",
    ([, said]) =>
      Effect.gen(function*() {
        const peer = raw(acceptor("right"))
        peer.end.open()
        for (const word of said) peer.say(word)
        yield* settle
        const { closed, lost } = peer.end
        assert.instanceOf(closed, ActorError.ProtocolViolation)
        assert.strictEqual((closed as ActorError.ProtocolViolation).rule, "HandshakeOrder")
        assert.deepStrictEqual(lost, [closed])
        assert.strictEqual(peer.said.at(-1)?._tag, "Violation")
        assert.isTrue(peer.ended())
      })
  )

  it.effect("bytes that are no greeting end the connection, with an error that names the fault", () =>
    Effect.gen(function*() {
      const peer = raw(acceptor("right"))
      peer.send(new Uint8Array([4, 0, 0, 0, 0xff, 0xfe, 0xfd, 0xfc]))
      yield* settle
      assert.strictEqual(peer.end.greeted?._tag, "Ended")
      assert.strictEqual((peer.end.closed as ActorError.ProtocolViolation).rule, "NotMsgpack")
      assert.isTrue(peer.ended())
    }))

  it.effect("a connection that ends during the greeting fails with an error that names the greeting", () =>
    Effect.gen(function*() {
      const peer = raw(acceptor("right"))
      peer.cut()
      yield* settle
      assert.strictEqual(peer.end.greeted?._tag, "Ended")
      assert.strictEqual(peer.end.closed?._tag, "ActorLost")
    }))

  it.effect("words that arrive together with the greeting wait until the connection has an owner that reads them", () =>
    Effect.gen(function*() {
      const peer = raw(acceptor("right"), "late")
      peer.send(framed(diallerWord()), framed(start(1)), framed(cancel(1)))
      yield* settle
      assert.deepStrictEqual(peer.end.heard, [])
      peer.end.route()
      assert.deepStrictEqual(peer.end.heard, ["Start", "Cancel"])
    }))
})
