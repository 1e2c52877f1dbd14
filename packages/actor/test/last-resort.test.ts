/** Drivers and callbacks that throw where nothing may: what is open ends, with the reason, and the runtime goes on. */
import { assert, describe, it } from "@effect/vitest"
import { ActorError } from "@furrow/actor"
import { PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import { withoutStack } from "@furrow/actor/internal/errors/stack"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import { Waiters } from "@furrow/actor/internal/settings/Waiters"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Effect from "effect/Effect"
import { settle } from "./support/Time.ts"
import { acceptor, dialler, End, pair, start } from "./support/Wire.ts"

/** Two ends, of which the left one's driver throws when it is told to. */
const throwing = (throws: ReadonlyArray<FaultyTransport.Throws>) => {
  const [near, far] = MemoryTransport.pair()
  const link = FaultyTransport.wrap(near, { seed: 1 })
  const left = new End(link.connection, dialler("left"))
  const right = new End(far, acceptor("right"))
  return { left, right, throwNow: () => link.throwIn(...throws) }
}

const reasonOf = (error: ActorError.ActorError | undefined): string | undefined =>
  error?._tag === "ActorLost" && error.how._tag === "ConnectionClosed" ? error.how.reason : undefined

describe("A transport that throws", () => {
  it.effect.each<readonly [when: string, bytes: number]>([
    ["in the turn of the call", 4096],
    ["at the end of the turn", 0]
  ])(
    "G79: a transport that throws in write, $0, loses its connection for that reason, which ends every dialog and is reported",
    ([, bytes]) =>
      Effect.gen(function*() {
        const { left, right, throwNow } = throwing(["write"])
        yield* settle
        left.channel.send(start(left.open()))
        yield* settle
        throwNow()
        left.channel.send(start(left.open(), bytes))
        yield* settle
        assert.deepStrictEqual(left.lost.map(reasonOf), Array(2).fill("the transport threw: this write is broken"))
        assert.strictEqual(reasonOf(left.closed), "the transport threw: this write is broken")
        assert.deepStrictEqual(left.events.map(({ _tag }) => _tag), ["ConnectionFailed"])
        // The other end is not left waiting.
        assert.strictEqual(right.closed?._tag, "ActorLost")
      })
  )

  it.effect("G79: a transport that throws in all its functions at once loses its connection, and affects nothing else", () =>
    Effect.gen(function*() {
      const { left, throwNow } = throwing(["write", "end", "destroy"])
      yield* settle
      left.open()
      throwNow()
      left.channel.close()
      left.channel.destroy()
      left.channel.hangUp()
      yield* settle
      assert.strictEqual(left.closed?._tag, "ChannelClosed")
      assert.strictEqual(left.lost.length, 1)
    }))

  it.effect("G79: a transport that throws when it is started counts as a connection that ended before its greeting", () =>
    Effect.gen(function*() {
      const [near] = MemoryTransport.pair()
      const end = new End({ ...near, start: () => assert.fail("no start today") }, dialler("left"))
      yield* settle
      assert.strictEqual(end.greeted?._tag, "Ended")
      assert.strictEqual(reasonOf(end.closed), "the transport threw: no start today")
    }))
})

describe("A connection ends, and each of its dialogs ends once, when an internal callback throws", () => {
  const broken = (): never => {
    throw new Error("out of luck")
  }

  it.effect("G79: a dialog whose callback throws loses the connection, and every other dialog ends once", () =>
    Effect.gen(function*() {
      const [left, right] = pair()
      yield* settle
      left.channel.send(start(left.open()))
      const id = left.channel.open({ side: "caller", heard: broken, lost: broken })
      left.channel.send(start(id))
      left.channel.send(start(left.open()))
      yield* settle
      right.channel.send({ _tag: "Return", dialog: id, payload: new Uint8Array() })
      yield* settle
      assert.deepStrictEqual(left.lost.map(reasonOf), Array(2).fill("a word could not be delivered: out of luck"))
      assert.strictEqual(left.channel.snapshot().dialogs, 0)
      assert.isDefined(right.closed)
    }))

  it.effect("G79: a listener that throws when it is told of a lost connection does not keep other listeners from being told", () =>
    Effect.gen(function*() {
      const [left, right] = pair()
      yield* settle
      left.open()
      left.channel.open({ side: "caller", heard: broken, lost: broken })
      left.open()
      let woken = 0
      left.channel.whenClosed(broken)
      left.channel.whenClosed(() => woken++)
      right.channel.destroy()
      yield* settle
      assert.deepStrictEqual([left.lost.length, left.closed?._tag, woken], [2, "ActorLost", 1])
    }))

  it.effect("G79: a connection whose owner has a callback that throws is lost, and its loss names the thrown error", () =>
    Effect.gen(function*() {
      const [left, right] = pair()
      yield* settle
      left.onStart = broken
      right.channel.send(start(right.open()))
      yield* settle
      assert.strictEqual(reasonOf(left.closed), "a word could not be delivered: out of luck")
      assert.strictEqual(right.lost.length, 1)
    }))

  it.effect("G79: dialogs learn of the loss of their connection even if the callback that explains the loss throws", () =>
    Effect.gen(function*() {
      const [near, far] = MemoryTransport.pair()
      const left = new End(near, dialler("left"), "ready", { explain: broken })
      new End(far, acceptor("right"))
      yield* settle
      left.open()
      far.destroy()
      yield* settle
      assert.deepStrictEqual(left.lost.map(reasonOf), ["the end of a connection could not be explained: out of luck"])
    }))

  it.effect("G79: a subscriber of events that throws affects no other subscriber", () =>
    Effect.gen(function*() {
      const [near, far] = MemoryTransport.pair()
      new End(far, acceptor("right"))
      const channel = new PeerChannel({
        connection: near,
        role: "peer",
        handshake: dialler("left"),
        events: { ...makeEvents(), publish: broken }
      })
      yield* settle
      const lost: Array<ActorError.ActorError> = []
      channel.open({ side: "caller", heard: () => {}, lost: (error) => void lost.push(error) })
      channel.violate({ _tag: "CreditOverrun", dialog: 1 })
      yield* settle
      assert.deepStrictEqual(lost.map(({ _tag }) => _tag), ["ProtocolViolation"])
    }))

  it("when a list of callbacks is woken and one callback throws, the others are still called, and removed callbacks are not", () => {
    const waiters = new Waiters<number>()
    const woken: Array<number> = []
    waiters.add(broken)
    const leave = waiters.add(() => assert.fail("it had left"))
    waiters.add((n) => {
      woken.push(n)
      leaveLater()
    })
    const leaveLater = waiters.add(() => assert.fail("it was made to leave"))
    leave()
    assert.throws(() => waiters.wake(4), "out of luck")
    waiters.wake(5)
    assert.deepStrictEqual([woken, waiters.isEmpty], [[4], true])
  })
})

describe("Errors of Furrow are made as usual in a program that has frozen the constructor Error", () => {
  it("a program that has frozen the constructor Error still gets errors, with unchanged stacks", () => {
    const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")!
    Object.defineProperty(Error, "stackTraceLimit", { ...limit, writable: false })
    try {
      assert.strictEqual(
        withoutStack(() => new ActorError.ChannelClosed({ side: "peer", actor: { name: "a", uuid: "a", pid: 1 } }))
          ._tag,
        "ChannelClosed"
      )
    } finally {
      Object.defineProperty(Error, "stackTraceLimit", limit)
    }
  })

  it.effect("G79: a program that has frozen the constructor Error still learns of a lost actor", () =>
    Effect.gen(function*() {
      const [left, right] = pair()
      yield* settle
      left.open()
      const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")!
      Object.defineProperty(Error, "stackTraceLimit", { ...limit, writable: false })
      yield* Effect.ensuring(
        Effect.gen(function*() {
          right.channel.destroy()
          yield* settle
          assert.deepStrictEqual(left.lost.map(({ _tag }) => _tag), ["ActorLost"])
        }),
        Effect.sync(() => Object.defineProperty(Error, "stackTraceLimit", limit))
      )
    }))
})

describe("A call over a lost connection says whether it may have begun", () => {
  const beganOf = (error: ActorError.ActorError | undefined) => error?._tag === "ActorLost" ? error.began : undefined

  it.effect("G80: a lost call counts as perhaps begun if its Start was handed to the connection, and otherwise as not begun", () =>
    Effect.gen(function*() {
      const [near, far] = MemoryTransport.pair()
      let room = true
      const left = new End({ ...near, write: (chunks) => near.write(chunks) && room }, dialler("left"))
      new End(far, acceptor("right"))
      yield* settle
      left.channel.send(start(left.open()))
      yield* settle
      room = false
      left.channel.send(start(left.open()))
      yield* settle
      // The connection is full now: this one waits for room.
      left.channel.send(start(left.open()))
      yield* settle
      far.destroy()
      yield* settle
      left.open()
      yield* settle
      assert.deepStrictEqual(left.lost.map(beganOf), ["maybe", "maybe", "no", "no"])
      assert.strictEqual(beganOf(left.closed), "maybe")
      assert.match(left.lost[2]!.message, /its connection closed; this call had not begun/)
    }))

  it.effect("G80: a call that is opened while the reason of a lost connection is being determined counts as not begun", () =>
    Effect.gen(function*() {
      const [near, far] = MemoryTransport.pair()
      let done: ((error: ActorError.ActorError) => void) | undefined
      const left = new End(near, dialler("left"), "ready", { explain: (explained) => void (done = explained) })
      new End(far, acceptor("right"))
      yield* settle
      left.channel.send(start(left.open()))
      yield* settle
      far.destroy()
      yield* settle
      left.channel.send(start(left.open()))
      yield* settle
      assert.deepStrictEqual(left.lost, [])
      const actor = { name: "right", uuid: "right", pid: 1 }
      done!(
        new ActorError.ActorLost({ actor, how: { _tag: "Exited", code: 3 }, began: "maybe", stderr: [], failure: null })
      )
      assert.deepStrictEqual(left.lost.map(beganOf), ["maybe", "no"])
    }))
})

describe("A dialog that is opened on a closed connection fails", () => {
  it.live("G81: a dialog on a closed connection fails after one turn of the event loop, so that endless retries block no timer", () =>
    Effect.gen(function*() {
      const [left] = pair()
      yield* settle
      left.channel.close()
      let tries = 0
      let fired = false
      setTimeout(() => {
        fired = true
      }, 5)
      yield* Effect.callback<void>((resume) => {
        const again = () => {
          tries++
          if (fired || tries > 1_000_000) return resume(Effect.void)
          left.channel.open({ side: "caller", heard: () => {}, lost: again })
        }
        again()
      })
      assert.isTrue(fired)
      assert.isBelow(tries, 1_000_000)
    }))
})
