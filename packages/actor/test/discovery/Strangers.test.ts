/** A dialling peer is a stranger until it has proven itself: none of its words reaches a handler. */
import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { pass, settle } from "../support/Time.ts"
import { framed } from "../support/Wire.ts"
import { type Actor, anyStart, hello, type Mesh, mesh, proves } from "./fixtures/Mesh.ts"

const door = (actor: Actor) => Effect.map(Effect.orDie(actor.peers.addresses), ([address]) => address!)

/** An actor that listens, and one stranger at its door. */
const atTheDoor = Effect.gen(function*() {
  const { add, stranger } = yield* mesh
  const actor = add("a")
  const address = yield* door(actor)
  return { actor, address, knock: stranger(address), stranger: yield* stranger(address), add }
})

const refusals = (actor: Actor) =>
  actor.events.flatMap((event) => event._tag === "StrangerRefused" ? [event.reason] : [])

describe("An actor limits the connections of strangers, and cuts strangers off", () => {
  const wrong: Readonly<Record<string, { readonly bytes: Uint8Array; readonly reason: RegExp }>> = {
    "that says garbage": { bytes: new Uint8Array([5, 0, 0, 0, 193, 1, 2, 3, 4]), reason: /broke the protocol/ },
    "that says nothing in a frame": { bytes: new Uint8Array(4), reason: /FrameEmpty/ },
    "whose greeting is too long": {
      bytes: framed(hello("x".repeat(17 * 1024))),
      reason: /FrameTooLarge.* 16384/s
    },
    "that asks before it greets": { bytes: framed(anyStart(1)), reason: /HandshakeOrder/ },
    "that cancels before it greets": {
      bytes: framed({ _tag: "CancelActor", by: hello("x").actor, reason: "", deadline: 1 }),
      reason: /HandshakeOrder/
    },
    "that says goodbye": { bytes: framed({ _tag: "Bye", payload: new Uint8Array() }), reason: /HandshakeOrder/ }
  }
  for (const [what, { bytes, reason }] of Object.entries(wrong)) {
    it.effect(`a stranger ${what} is cut off at once`, () =>
      Effect.gen(function*() {
        const { actor, stranger } = yield* atTheDoor
        stranger.send(bytes)
        stranger.say(hello("x"))
        stranger.say(anyStart(3))
        yield* settle
        assert.isTrue(stranger.ended())
        assert.deepStrictEqual([actor.started, actor.cancels, actor.peers.snapshot()], [[], [], []])
        assert.strictEqual(refusals(actor).length, 1)
        assert.match(refusals(actor)[0]!, reason)
      }))
  }

  it.effect("a stranger that dials in the role of a child is refused, and is told why it is refused", () =>
    Effect.gen(function*() {
      const { actor, stranger } = yield* atTheDoor
      stranger.say(hello("x", { role: "child" }))
      stranger.say(anyStart(1))
      yield* settle
      const [refused] = stranger.said as ReadonlyArray<Extract<Message, { _tag: "Refuse" }>>
      assert.deepStrictEqual([refused?._tag, refused?.reason], ["Refuse", "role"])
      assert.isTrue(stranger.ended())
      assert.deepStrictEqual([actor.started, actor.peers.snapshot()], [[], []])
      // The bound of its greeting passes: it was told of once.
      yield* pass(3_000)
      assert.strictEqual(refusals(actor).length, 1)
    }))

  it.effect("a stranger that claims the identity of the actor that it dials is refused", () =>
    Effect.gen(function*() {
      const { actor, stranger } = yield* atTheDoor
      stranger.say(hello("a"))
      yield* settle
      assert.deepStrictEqual([stranger.said.map(({ _tag }) => _tag), actor.peers.snapshot()], [["Refuse"], []])
    }))

  it.effect("a stranger with an unproven connection is refused a second connection", () =>
    Effect.gen(function*() {
      const { actor, knock, stranger } = yield* atTheDoor
      stranger.say(hello("b"))
      yield* settle
      const second = yield* knock
      second.say(hello("b"))
      yield* settle
      const [refused] = second.said as ReadonlyArray<Extract<Message, { _tag: "Refuse" }>>
      assert.deepStrictEqual([refused?._tag, refused?.reason], ["Refuse", "duplicate"])
      assert.deepStrictEqual([stranger.ended(), actor.peers.snapshot().length], [false, 1])
    }))

  it.effect("a stranger that says nothing is cut off after Timeouts.handshake", () =>
    Effect.gen(function*() {
      const { actor, stranger } = yield* atTheDoor
      yield* pass(1_950)
      assert.isFalse(stranger.ended())
      yield* pass(100)
      assert.isTrue(stranger.ended())
      assert.deepStrictEqual(refusals(actor), ["it did not prove itself in time"])
    }))

  it.effect("a stranger that sends its greeting byte by byte is admitted if the greeting is whole in time, and cut off otherwise", () =>
    Effect.gen(function*() {
      const { actor, knock } = yield* atTheDoor
      const slowly = (every: number, name: string) =>
        Effect.gen(function*() {
          const stranger = yield* knock
          for (const byte of framed(hello(name))) {
            stranger.send(new Uint8Array([byte]))
            yield* Effect.sleep(every)
          }
        })
      const both = yield* Effect.forkChild(Effect.all([slowly(2, "b"), slowly(50, "c")], { concurrency: 2 }))
      yield* pass(20_000, 100)
      yield* Fiber.join(both)
      assert.deepStrictEqual(actor.peers.snapshot().map(({ actor }) => actor.name), ["b"])
    }))

  it.effect("the 65th unauthenticated connection evicts the oldest unauthenticated connection, and never an authenticated peer", () =>
    Effect.gen(function*() {
      const { actor, knock, stranger: known } = yield* atTheDoor
      known.say(hello("b"))
      yield* settle
      const crowd = yield* Effect.forEach(Array.from({ length: 64 }), () => knock)
      yield* settle
      assert.isFalse(crowd.some((one) => one.ended()))
      const late = yield* Effect.forEach(Array.from({ length: 10 }), () => knock)
      yield* settle
      assert.deepStrictEqual(crowd.map((one) => one.ended()), crowd.map((_, n) => n < 10))
      assert.deepStrictEqual([late.some((one) => one.ended()), known.ended()], [false, false])
      assert.deepStrictEqual(new Set(refusals(actor)), new Set(["too many strangers at once"]))
      assert.strictEqual(refusals(actor).length, 10)
      // A newcomer that proves itself is let in through the crowd.
      late[9]!.say(hello("c"))
      yield* settle
      assert.deepStrictEqual(actor.peers.snapshot().map(({ actor }) => actor.name), ["b", "c"])
    }))

  it.effect("a stranger that closes its connection makes room for another stranger", () =>
    Effect.gen(function*() {
      const { actor, knock } = yield* atTheDoor
      const first = yield* knock
      for (let round = 0; round < 4; round++) {
        const crowd = yield* Effect.forEach(Array.from({ length: 60 }), () => knock)
        yield* settle
        for (const { hangUp } of crowd) hangUp()
        yield* settle
      }
      assert.isFalse(first.ended())
      assert.isFalse(refusals(actor).includes("too many strangers at once"))
    }))

  it.effect("a stranger is cut off when the actor ends", () =>
    Effect.gen(function*() {
      const { actor, stranger } = yield* atTheDoor
      actor.peers.stopListening()
      yield* settle
      assert.isTrue(stranger.ended())
      yield* pass(3_000)
      assert.deepStrictEqual(refusals(actor), [])
    }))
})

describe("Actors of a tree with a secret prove that they know the secret", () => {
  const pair = ({ add }: Mesh, ours: string | undefined, theirs: string | undefined) => {
    const traits = (secret: string | undefined) => secret === undefined ? {} : { authenticator: proves(secret) }
    return [add("a", traits(ours)), add("b", traits(theirs))] as const
  }

  it.effect("a tree with a secret admits its own actors", () =>
    Effect.gen(function*() {
      const [a, b] = pair(yield* mesh, "s", "s")
      const channel = yield* a.channelTo("b")
      channel.send(anyStart(1))
      yield* settle
      assert.deepStrictEqual([a.peers.snapshot().length, b.peers.snapshot().length, b.started.length], [1, 1, 1])
    }))

  it.effect("two actors of a tree with a secret get one connection when they dial each other at the same time", () =>
    Effect.gen(function*() {
      const [a, b] = pair(yield* mesh, "s", "s")
      const [one, two] = yield* Effect.all([a.channelTo("b"), b.channelTo("a")], { concurrency: 2 })
      yield* settle
      assert.deepStrictEqual([one.isOpen, two.isOpen], [true, true])
      assert.deepStrictEqual([a.peers.snapshot().length, b.peers.snapshot().length], [1, 1])
      assert.deepStrictEqual([a.tags(), b.tags()], [["PeerConnected"], ["PeerConnected"]])
    }))

  for (const [ours, theirs] of [["s", "x"], ["s", undefined], [undefined, "s"]] as const) {
    it.effect(`G68: a dial fails if dialler and acceptor know different secrets (case: ${ours ?? "no secret"} and ${theirs ?? "no secret"})`, () =>
      Effect.gen(function*() {
        const [a, b] = pair(yield* mesh, ours, theirs)
        const error = yield* Effect.flip(a.channelTo("b"))
        assert.match(String((error as { error: Error }).error.message), /^b@1 cannot be reached: .*(proof|secret)/)
        yield* pass(3_000)
        assert.deepStrictEqual([a.peers.snapshot(), b.peers.snapshot(), b.started], [[], [], []])
        assert.deepStrictEqual(a.dialled.map(({ ended }) => ended()), [true])
      }))
  }

  it.effect("a proof that a stranger has overheard opens no connection", () =>
    Effect.gen(function*() {
      const { add, stranger } = yield* mesh
      const authenticator = proves("s")
      const b = add("b", { authenticator })
      const address = yield* door(b)
      const mine = authenticator()
      const eve = yield* stranger(address)
      eve.say(hello("a", { nonce: mine.nonce }))
      yield* settle
      assert.strictEqual(eve.said[0]?._tag, "Challenge")
      eve.say({ _tag: "Proof", proof: mine.mac(new Uint8Array(32)) })
      eve.say(anyStart(1))
      yield* settle
      assert.deepStrictEqual(eve.said.map(({ _tag }) => _tag), ["Challenge", "Refuse"])
      assert.deepStrictEqual([b.started, b.peers.snapshot()], [[], []])
    }))
})
