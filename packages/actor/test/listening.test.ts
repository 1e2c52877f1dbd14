import { assert, describe, it } from "@effect/vitest"
import { Peers } from "@furrow/actor/internal/discovery/Peers"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as Network from "@furrow/actor/internal/transport/Network"
import { type Listener, TransportError } from "@furrow/actor/internal/transport/Transport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { idOf } from "./support/Wire.ts"

/** An actor whose transport listens when this says so. */
const listening = (listen: () => Effect.Effect<Listener, TransportError>) =>
  Effect.map(Effect.context<never>(), (context) =>
    new Peers({
      self: idOf("self"),
      network: Network.make([{
        listen,
        dials: () => false,
        dial: () => Effect.die("nobody dials here")
      }], undefined),
      events: makeEvents(),
      context,
      locate: () => Effect.die("nobody is looked for here"),
      relative: () => undefined,
      serve: () => {
        throw new Error("nobody is served here")
      },
      cancelActor: () => {}
    }))

const refused = new TransportError({ gone: false, reason: "the folder is somebody else's" })

describe("a request for the address of an actor fails with the cause if the actor cannot listen", () => {
  it.effect.each<readonly [when: string, first: Effect.Effect<void>]>([
    ["at once", Effect.void],
    ["after a while", Effect.yieldNow]
  ])(
    "each request for the address of an actor that cannot listen tries again, and fails with the cause (case: the failure comes $0)",
    ([, first]) =>
      Effect.gen(function*() {
        let attempts = 0
        const peers = yield* listening(() =>
          Effect.suspend(() => {
            attempts++
            return Effect.andThen(first, Effect.fail(refused))
          })
        )
        assert.strictEqual((yield* Effect.flip(peers.addresses)).reason, refused.reason)
        // It may have been helped meanwhile: the next one who asks makes it try again.
        assert.strictEqual((yield* Effect.flip(peers.addresses)).reason, refused.reason)
        assert.strictEqual(attempts, 2)
      })
  )
})

/** A transport whose doors are numbered; those in `away` are not to be reached any more. */
const doors = (listening: Effect.Effect<void> = Effect.void) => {
  const away = new Set<string>()
  const closed: Array<string> = []
  let last = 0
  const listen = () =>
    Effect.andThen(
      listening,
      Effect.sync((): Listener => {
        const address = `/door/${++last}`
        return { address, close: () => void closed.push(address), isReachable: () => !away.has(address) }
      })
    )
  return { away, closed, listen }
}

describe("An actor replaces a listener that has become unreachable", () => {
  it.effect("an actor without a reachable listener opens one new listener for all requests of its address, and closes the old listener", () =>
    Effect.gen(function*() {
      const { away, closed, listen } = doors(Effect.yieldNow)
      const peers = yield* listening(listen)
      assert.deepStrictEqual(yield* peers.addresses, ["/door/1"])
      assert.deepStrictEqual(yield* peers.addresses, ["/door/1"])
      away.add("/door/1")
      const asked = yield* Effect.all([peers.addresses, peers.addresses, peers.addresses], { concurrency: "unbounded" })
      assert.deepStrictEqual(asked, [["/door/2"], ["/door/2"], ["/door/2"]])
      assert.deepStrictEqual(closed, ["/door/1"])
    }))

  it.effect("an actor whose transport reports every listener as unreachable opens one new listener per request for its address", () =>
    Effect.gen(function*() {
      const { away, listen } = doors()
      for (let n = 1; n <= 3; n++) away.add(`/door/${n}`)
      const peers = yield* listening(listen)
      assert.deepStrictEqual(yield* peers.addresses, ["/door/2"])
      assert.deepStrictEqual(yield* peers.addresses, ["/door/3"])
    }))

  it.effect("an actor keeps its listener if the transport throws when the actor asks whether the listener is reachable", () =>
    Effect.gen(function*() {
      const { listen } = doors()
      const throwing = () => {
        throw new Error("not to be asked")
      }
      const peers = yield* listening(() => Effect.map(listen(), (door) => ({ ...door, isReachable: throwing })))
      assert.deepStrictEqual([yield* peers.addresses, yield* peers.addresses], [["/door/1"], ["/door/1"]])
    }))

  it.effect("an actor that opens a new listener while it ends leaves no listener open", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let first = true
      const { away, closed, listen } = doors(Effect.suspend(() => {
        if (!first) return Deferred.await(gate)
        first = false
        return Effect.void
      }))
      const peers = yield* listening(listen)
      yield* peers.addresses
      away.add("/door/1")
      const asking = yield* Effect.forkChild(peers.addresses, { startImmediately: true })
      peers.stopListening()
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(asking)
      assert.deepStrictEqual(closed, ["/door/1", "/door/2"])
    }))
})

describe("an actor may listen with several transports", () => {
  it.effect("an actor with several transports is dialled by the first transport that works, in the order in which the program lists them", () =>
    Effect.gen(function*() {
      const dialled: Array<string> = []
      const broken = new Set<string>()
      const [connection] = MemoryTransport.pair()
      const driver = (protocol: string) => ({
        listen: () => Effect.succeed({ address: `/${protocol}/here`, close: () => {} }),
        dials: (address: string) => address.startsWith(`/${protocol}/`),
        dial: (address: string) =>
          Effect.suspend(() => {
            dialled.push(address)
            return broken.has(protocol)
              ? Effect.fail(new TransportError({ gone: true, reason: `${protocol} is broken` }))
              : Effect.succeed(connection)
          })
      })
      const { dial, listen } = Network.make([driver("near"), driver("far")], undefined)
      const { addresses } = yield* listen(idOf("self"), () => {})
      assert.deepStrictEqual(yield* addresses, ["/near/here", "/far/here"])
      yield* dial(["/far/here", "/near/here"])
      assert.deepStrictEqual(dialled.splice(0), ["/near/here"])
      broken.add("near")
      yield* dial(["/far/here", "/near/here"])
      assert.deepStrictEqual(dialled.splice(0), ["/near/here", "/far/here"])
      broken.add("far")
      // Only where every way says so is the actor gone.
      assert.isTrue((yield* Effect.flip(dial(["/far/here", "/near/here"]))).gone)
    }))
})
