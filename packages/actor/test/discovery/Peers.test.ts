/** One proven connection for each pair, however they find each other. */
import { assert, describe, it } from "@effect/vitest"
import type { PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import { Unreachable } from "@furrow/actor/internal/discovery/Peers"
import { version } from "@furrow/protocol/Message"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { pass, settle } from "../support/Time.ts"
import { framed, idOf } from "../support/Wire.ts"
import { type Actor, anyStart, mesh } from "./fixtures/Mesh.ts"

/** A small generator of numbers: the same seed gives the same order of things. */
const random = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
  return seed / 0x7fffffff
}

/** A few turns of the microtask queue, or of the event loop. */
const turns = (count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (let n = 0; n < count % 8; n++) await Promise.resolve()
    for (let n = 0; n < count / 8; n++) await new Promise<void>((resolve) => setImmediate(resolve))
  })

const open = (actor: Actor) => actor.dialled.filter(({ ended }) => !ended()).length

const unreachable = (u: unknown): Unreachable => {
  assert.instanceOf(u, Unreachable)
  return u as Unreachable
}

describe("An actor keeps one connection to each of its peers", () => {
  it.effect("two actors that dial each other at the same time, from fifty fibers each, get one connection, in any order of their dials", () =>
    Effect.gen(function*() {
      for (let seed = 1; seed <= 60; seed++) {
        const next = random(seed)
        const some = Effect.suspend(() => turns(Math.floor(next() * 24)))
        const { add } = yield* mesh
        const names = seed % 2 === 0 ? ["a", "b"] : ["a", "b", "c"]
        const actors = new Map(names.map((name) => [name, add(name, { searching: some, dialling: some })]))
        const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to })))
        const asked = Array.from({ length: 50 }).flatMap(() => pairs).toSorted(() => next() - 0.5)
        const got = yield* Effect.forEach(
          asked,
          ({ from, to }) =>
            Effect.map(Effect.andThen(some, actors.get(from)!.channelTo(to)), (channel) => ({ from, to, channel })),
          { concurrency: "unbounded" }
        )
        yield* settle
        for (const { from, to } of pairs) {
          const channels = new Set(
            got.filter((one) => one.from === from && one.to === to).map(({ channel }) => channel)
          )
          assert.strictEqual(channels.size, 1, `seed ${seed}: ${from} to ${to}`)
          assert.isTrue([...channels][0]!.isOpen, `seed ${seed}: ${from} to ${to}`)
        }
        for (const [name, actor] of actors) {
          const listed = actor.peers.snapshot().map(({ actor }) => actor.uuid).toSorted()
          assert.deepStrictEqual(listed, names.filter((other) => other !== name), `seed ${seed}: ${name}`)
          // A connection that was crossed out is neither a loss nor a stranger.
          assert.deepStrictEqual(actor.tags(), names.slice(1).map(() => "PeerConnected"), `seed ${seed}: ${name}`)
        }
        const total = Array.from(actors.values(), open).reduce((a, b) => a + b)
        assert.strictEqual(total, names.length * (names.length - 1) / 2, `seed ${seed}`)
      }
    }))

  it.effect("of two actors that dial each other at the same time, the actor with the smaller uuid is the dialler", () =>
    Effect.gen(function*() {
      for (const slow of ["a", "b"]) {
        const { add } = yield* mesh
        const traits = (name: string) => ({ dialling: name === slow ? turns(16) : Effect.void })
        const [a, b] = [add("a", traits("a")), add("b", traits("b"))]
        yield* Effect.all([a.channelTo("b"), b.channelTo("a")], { concurrency: 2 })
        yield* settle
        assert.deepStrictEqual([open(a), open(b)], [1, 0], `${slow} is slow`)
      }
    }))

  it.effect("a connection that the other end has lost is made again, even if this end has not noticed the loss", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const [a, b] = [add("a"), add("b")]
      const first = yield* a.channelTo("b")
      const far = yield* b.channelTo("a")
      // It ends here; what b would hear of it is on its way for ever.
      a.dialled[0]!.mute()
      first.close()
      assert.isTrue(far.isOpen)
      const again = yield* Effect.forkChild(a.channelTo("b"))
      yield* settle
      assert.isUndefined(again.pollUnsafe())
      far.close()
      yield* pass(100, 10)
      const second = yield* Fiber.join(again)
      assert.isTrue(second.isOpen)
      assert.notStrictEqual(yield* b.channelTo("a"), far)
      assert.strictEqual(b.peers.snapshot().length, 1)
    }))

  it.effect("a dial reports its actor as gone if another actor answers, and as unreachable if no actor listens", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const c = add("c")
      const elsewhere = yield* Effect.orDie(c.peers.addresses)
      const a = add("a", { locate: ({ actor }) => Effect.succeed(actor.name === "b" ? elsewhere : ["/memory/999"]) })
      const other = unreachable(yield* Effect.flip(a.channelTo("b")))
      assert.isTrue(other.gone)
      assert.match(other.error.message, /^b@1 cannot be reached: another actor answers here/)
      const nobody = unreachable(yield* Effect.flip(a.channelTo("d")))
      assert.isFalse(nobody.gone)
      assert.match(nobody.error.message, /no actor listens at \/memory\/999/)
      yield* settle
      assert.deepStrictEqual([a.peers.snapshot(), c.started, open(a)], [[], [], 0])
    }))

  it.effect("an actor that closes the connection in the greeting is reported as unreachable, and not as refusing the dialler", () =>
    Effect.gen(function*() {
      const { add, hub } = yield* mesh
      const door = yield* Effect.orDie(hub.listen(idOf("b"), (connection) => connection.destroy()))
      const a = add("a", { locate: () => Effect.succeed([door.address]) })
      const { error, gone } = unreachable(yield* Effect.flip(a.channelTo("b")))
      assert.isFalse(gone)
      assert.deepInclude(error, { why: "transport" })
      assert.match(error.message, /^b@1 cannot be reached: its connection ended before it had answered/)
    }))

  it.effect("G295: a dialler that many strangers evict during its greeting dials again, and is admitted", () =>
    Effect.gen(function*() {
      const { add, hub } = yield* mesh
      const b = add("b")
      const [address] = yield* Effect.orDie(b.peers.addresses)
      let refused = 0
      const crowded = yield* Effect.orDie(hub.listen(idOf("crowded"), (connection) => {
        refused++
        connection.destroy()
      }))
      // Its door is another one at the third dial, as if the crowd had gone.
      const a = add("a", { locate: () => Effect.sync(() => [refused < 2 ? crowded.address : address!]) })
      assert.isTrue((yield* a.channelTo("b")).isOpen)
      assert.strictEqual(refused, 2)
    }))

  it.effect("an actor that dials an address without a listener asks for the address again, and finds the other actor there or learns of its end", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const b = add("b")
      const now = yield* Effect.orDie(b.peers.addresses)
      const ended = { gone: true, ended: true, reason: "root@1 has no such child any more" }
      let asked = 0
      const locate = ({ actor }: { readonly actor: { readonly name: string } }) =>
        Effect.suspend(() =>
          ++asked % 2 === 1
            ? Effect.succeed(["/memory/999"])
            : actor.name === "b"
            ? Effect.succeed(now)
            : Effect.fail(ended)
        )
      const a = add("a", { locate })
      assert.isTrue((yield* a.channelTo("b")).isOpen)
      const { error, gone } = unreachable(yield* Effect.flip(a.channelTo("d")))
      assert.isTrue(gone)
      assert.match(error.message, /no such child any more/)
      assert.strictEqual(asked, 4)
    }))

  it.effect("an actor makes no connection to itself", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const a = add("a")
      const { error, gone } = unreachable(yield* Effect.flip(a.channelTo("a")))
      assert.isFalse(gone)
      assert.match(error.message, /an actor needs no portal to itself: run the call directly/)
    }))

  it.effect("a caller that waits too long for a connection fails with an error that names the bound of its wait, and its dial is given up", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const a = add("a", { searching: Effect.never })
      add("b")
      const waiting = yield* Effect.forkChild(Effect.flip(a.channelTo("b")))
      yield* pass(5_000)
      const { error, gone } = unreachable(yield* Fiber.join(waiting))
      assert.isFalse(gone)
      assert.match(error.message, /no answer within 5000 ms \(Timeouts\.connect\)/)
      // The next one begins anew.
      const next = yield* Effect.forkChild(Effect.flip(a.channelTo("b")))
      yield* pass(4_000)
      assert.isUndefined(next.pollUnsafe())
      yield* pass(1_000)
      assert.isDefined(next.pollUnsafe())
    }))

  it.effect("a caller that waits too long for a connection fails at the bound of its wait, even if the search for the address is slow to be cancelled", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      let called = 0
      const searching = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(Effect.sleep(5_000), Effect.sync(() => called++))
      )
      const a = add("a", { searching })
      add("b")
      for (let n = 0; n < 3; n++) {
        const waiting = yield* Effect.forkChild(Effect.flip(a.channelTo("b")))
        yield* pass(4_900)
        assert.isUndefined(waiting.pollUnsafe())
        yield* pass(100)
        assert.isDefined(waiting.pollUnsafe())
        assert.match(unreachable(yield* Fiber.join(waiting)).error.message, /no answer within 5000 ms/)
      }
      yield* pass(5_000)
      assert.deepStrictEqual([called, a.peers.snapshot(), open(a)], [3, [], 0])
    }))

  it.effect("a dial continues when one of its callers leaves, and ends cleanly when all of them leave", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { add } = yield* mesh
      const a = add("a", { dialling: Deferred.await(gate) })
      const b = add("b")
      const [first, second] = [yield* Effect.forkChild(a.channelTo("b")), yield* Effect.forkChild(a.channelTo("b"))]
      yield* settle
      yield* Fiber.interrupt(first)
      yield* settle
      assert.isUndefined(second.pollUnsafe())
      yield* Fiber.interrupt(second)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual([open(a), a.peers.snapshot().length, b.peers.snapshot().length], [1, 1, 1])
      assert.strictEqual(yield* a.channelTo("b"), yield* a.channelTo("b"))
      assert.strictEqual(a.dialled.length, 1)
    }))

  it.effect("an actor that closes during a dial gives the dial up, and fails the callers that wait for it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { add } = yield* mesh
      const a = add("a", { dialling: Deferred.await(gate) })
      const b = add("b")
      const waiting = yield* Effect.forkChild(Effect.flip(a.channelTo("b")))
      yield* settle
      a.peers.close()
      const { error, gone } = unreachable(yield* Fiber.join(waiting))
      assert.isFalse(gone)
      assert.match(error.message, /this actor is ending/)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual([open(a), a.peers.snapshot(), b.peers.snapshot()], [0, [], []])
      assert.match(unreachable(yield* Effect.flip(a.channelTo("b"))).error.message, /this actor is ending/)
      assert.isTrue(unreachable(yield* Effect.flip(b.channelTo("a"))).gone)
    }))

  it.effect("an actor that closes says Bye to its peers, which therefore do not take the closed connection for a lost one", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const [a, b, c] = [add("a"), add("b"), add("c")]
      const [toA, toC] = [yield* b.channelTo("a"), yield* b.channelTo("c")]
      const polite = yield* Effect.forkChild(b.peers.ended(toA))
      const lost = yield* Effect.forkChild(b.peers.ended(toC))
      yield* settle
      assert.deepStrictEqual([polite.pollUnsafe(), lost.pollUnsafe()], [undefined, undefined])
      a.peers.close()
      c.peers.destroy()
      assert.deepStrictEqual([yield* Fiber.join(polite), yield* Fiber.join(lost)], [true, false])
      // Asked afterwards it says the same.
      assert.deepStrictEqual([yield* b.peers.ended(toA), yield* b.peers.ended(toC)], [true, false])
      assert.deepStrictEqual(b.tags(), ["PeerConnected", "PeerConnected", "PeerLost"])
      assert.deepStrictEqual([b.closed(), b.peers.snapshot()], [2, []])
      // The side that closes has lost no peer.
      assert.deepStrictEqual([a.tags(), c.tags()], [["PeerConnected"], ["PeerConnected"]])
    }))

  it.effect("a peer that breaks a rule loses its own connection, and other connections stay open", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const [a, b, c] = [add("a"), add("b"), add("c")]
      const [bad, good] = [yield* b.channelTo("a"), yield* c.channelTo("a")]
      for (const word of ["Spawn", "Ready"] as const) {
        const channel = yield* b.channelTo("a")
        channel.send({ _tag: word, payload: new Uint8Array(1) })
        yield* settle
        assert.strictEqual(channel.error?._tag, "ProtocolViolation")
      }
      assert.isFalse(bad.isOpen)
      assert.isTrue(good.isOpen)
      good.send(anyStart(1))
      yield* settle
      assert.strictEqual(a.started.length, 1)
      assert.deepStrictEqual(a.peers.snapshot().map(({ actor }) => actor.uuid), ["c"])
      // It may come back.
      assert.isTrue((yield* b.channelTo("a")).isOpen)
    }))

  it.effect("words that arrive in one piece with the greeting are read, whatever their size is", () =>
    Effect.gen(function*() {
      const { add, hub } = yield* mesh
      const listener = yield* Effect.orDie(hub.listen(idOf("b"), (connection) => {
        const answer = Buffer.concat([
          framed({ _tag: "Welcome", version, capabilities: [], actor: idOf("b"), maxFrame: 2 ** 26, proof: null }),
          framed(anyStart(2)),
          framed(anyStart(4, new Uint8Array(3 * 1024 * 1024)))
        ])
        connection.start({ data: () => void connection.write([answer]), drain: () => {}, end: () => {} })
      }))
      const a = add("a", { locate: () => Effect.succeed([listener.address]) })
      const channel = yield* a.channelTo("b")
      yield* settle
      assert.isTrue(channel.isOpen, String(channel.error))
      assert.deepStrictEqual(a.started.map(({ payload }) => payload.length), [8, 3 * 1024 * 1024])
    }))

  it.effect("an actor hears the author and the reason when its peer cancels the whole actor", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      const [a, b] = [add("a"), add("b")]
      const channel: PeerChannel = yield* a.channelTo("b")
      channel.send({ _tag: "CancelActor", by: idOf("a"), reason: "enough", deadline: 10 })
      yield* settle
      assert.deepStrictEqual(b.cancels.map(({ by, reason }) => [by.name, reason]), [["a", "enough"]])
      assert.isTrue(channel.isOpen)
    }))

  it.effect("an actor begins to listen once, when its address is first requested, and does not listen after its end", () =>
    Effect.gen(function*() {
      const { add, hub } = yield* mesh
      const a = add("a")
      const [one, two] = yield* Effect.orDie(Effect.all([a.peers.addresses, a.peers.addresses], { concurrency: 2 }))
      assert.deepStrictEqual(one, two)
      a.peers.stopListening()
      const closed = yield* Effect.flip(a.peers.addresses)
      assert.deepStrictEqual(closed, { gone: true, reason: "it is ending" })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(hub.dial(one[0]!))))
    }))
})
