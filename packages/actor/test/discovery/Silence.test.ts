/** Connections that can die without an end: a cut shows within a bound, and idle peers stay. */
import { assert, describe, it } from "@effect/vitest"
import { PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import { SignsOfLife } from "@furrow/actor/internal/channel/SignsOfLife"
import type { ActorError } from "@furrow/actor/internal/errors/ActorError"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import type { ConnectionHandlers } from "@furrow/actor/internal/transport/Transport"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { pass, settle } from "../support/Time.ts"
import { dialler } from "../support/Wire.ts"
import { type Actor, anyStart, mesh, type Traits } from "./fixtures/Mesh.ts"

/** Two peers with one connection, which `a` has made, and a call of each on the other. */
const two = (traits: Traits) =>
  Effect.gen(function*() {
    const { add } = yield* mesh
    const [a, b] = [add("a", traits), add("b", traits)]
    const channels = [yield* a.channelTo("b"), yield* b.channelTo("a")]
    const lost: Array<string> = []
    channels.forEach((channel, i) => {
      const dialog = channel.open({
        side: "caller",
        heard: () => {},
        lost: (error: ActorError) =>
          lost.push(`${"ab"[i]}: ${error._tag} ${error._tag === "ActorLost" ? error.how._tag : ""}`)
      })
      channel.send(anyStart(dialog))
    })
    yield* settle
    return { a, b, lost }
  })

const silent = (a: Actor, b: Actor) => ({ toB: a.dialled[0]!, toA: b.accepted[0]! })

const boundMillis = 10_000
/** The bound, and a twentieth of it until it is looked at. */
const noticedMillis = 10_500

describe("A connection that can be cut without notice is lost when its peer is silent", () => {
  it.effect(
    "G236: a connection that can be cut without notice stays open as long as its idle peers answer",
    () =>
      Effect.gen(function*() {
        const { a, b, lost } = yield* two({ silent: true })
        yield* pass(5 * 60_000, 250)
        assert.deepStrictEqual([a.tags(), b.tags(), lost], [["PeerConnected"], ["PeerConnected"], []])
      }),
    60_000
  )

  it.effect("G236: a connection that can be cut without notice is lost at both ends when no bytes pass, and its calls fail with typed errors", () =>
    Effect.gen(function*() {
      const { a, b, lost } = yield* two({ silent: true })
      const { toA, toB } = silent(a, b)
      toA.cut()
      toB.cut()
      yield* pass(boundMillis - 50, 250)
      assert.deepStrictEqual(lost, [])
      yield* pass(noticedMillis - boundMillis + 100, 50)
      assert.deepStrictEqual(lost.toSorted(), ["a: ActorLost Silent", "b: ActorLost Silent"])
      const { error } = a.events.find(({ _tag }) => _tag === "PeerLost") as { readonly error: ActorError }
      assert.include(error.message, "it gave no sign of life for 10 seconds")
    }))

  for (const direction of ["toA", "toB"] as const) {
    it.effect(`G236: a connection that can be cut without notice is lost at both ends when one direction is cut: ${direction}`, () =>
      Effect.gen(function*() {
        const { a, b, lost } = yield* two({ silent: true })
        silent(a, b)[direction].mute()
        yield* pass(11_000, 250)
        const deaf = direction === "toB" ? "b" : "a"
        assert.deepStrictEqual(lost.toSorted(), [
          `a: ActorLost ${deaf === "a" ? "Silent" : "ConnectionClosed"}`,
          `b: ActorLost ${deaf === "b" ? "Silent" : "ConnectionClosed"}`
        ])
      }))
  }

  it.effect("G236: a connection that can be cut without notice is made again after its loss", () =>
    Effect.gen(function*() {
      const { a, b } = yield* two({ silent: true })
      const { toA, toB } = silent(a, b)
      toA.cut()
      toB.cut()
      yield* pass(noticedMillis + 100, 250)
      const channel = yield* a.channelTo("b")
      yield* pass(60_000, 250)
      assert.deepStrictEqual([channel.isOpen, a.dialled.length], [true, 2])
    }))
})

describe("A connection whose loss is always noticed needs no signs of life", () => {
  it.effect("G236: a peer whose loss is always noticed is never asked for a sign of life, and is not lost while it computes for an hour", () =>
    Effect.gen(function*() {
      const { a, b, lost } = yield* two({})
      const { toA, toB } = silent(a, b)
      toA.cut()
      toB.cut()
      yield* pass(3_600_000, 60_000)
      assert.deepStrictEqual([lost, a.tags()], [[], ["PeerConnected"]])
    }))
})

/** A peer that says nothing, under a clock that the test moves by hand. */
const watched = () => {
  let nanos = 0n
  let wake = () => {}
  const clock: Clock.Clock = {
    ...({} as Clock.Clock),
    monotonicTimeNanosUnsafe: () => nanos,
    sleep: () =>
      Effect.callback<void>((resume) => {
        wake = () => resume(Effect.void)
      })
  }
  const said: Array<string> = []
  const peer = {
    canDieSilently: true,
    signs: 0,
    peer: { name: "p", uuid: "p", pid: 1 },
    whenClosed: () => () => {},
    send: () => said.push("ping"),
    lose: (error: ActorError) => said.push(error._tag),
    destroy: () => said.push("destroyed")
  }
  new SignsOfLife(Context.make(Clock.Clock, clock)).watch(peer as never)
  const after = (millis: number) =>
    Effect.suspend(() => {
      nanos += BigInt(millis) * 1_000_000n
      wake()
      return settle
    })
  return { said, peer, after }
}

describe("A peer that gives signs of life is not lost", () => {
  it.live("G236: a peer is not lost because this process was stopped and could not read its signs of life", () =>
    Effect.gen(function*() {
      const { after, said } = watched()
      yield* after(60_000)
      yield* after(60_000)
      assert.deepStrictEqual(said, [])
      for (let n = 0; n < 40; n++) yield* after(500)
      assert.deepStrictEqual(said.slice(0, 3), ["ping", "ActorLost", "destroyed"])
    }))

  it.live("a peer that accepts more bytes gives a sign of life, even if it says nothing", () =>
    Effect.gen(function*() {
      let handlers: ConnectionHandlers | undefined
      const channel = new PeerChannel({
        connection: {
          silent: true,
          start: (given) => {
            handlers = given
          },
          write: () => true,
          end: () => {},
          destroy: () => {}
        },
        role: "peer",
        handshake: dialler("a"),
        events: makeEvents()
      })
      const before = channel.signs
      handlers!.drain()
      assert.isAbove(channel.signs, before)
      channel.close()
      yield* settle
    }))
})
