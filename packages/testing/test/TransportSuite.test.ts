import { assert, describe, it } from "@effect/vitest"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import { type Connection, Transport, TransportDriver, TransportError } from "@furrow/actor/Transport"
import * as TransportSuite from "@furrow/testing/TransportSuite"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

type Service = TransportDriver["Service"]

/** A transport in memory that keeps the contract. */
const keeping = (): Service => {
  const doors = new Map<string, (guest: Connection) => void>()
  let last = 0
  return {
    listen: (_, accept) =>
      Effect.sync(() => {
        const address = `/memory/${++last}`
        doors.set(address, accept)
        return { address, close: () => void doors.delete(address) }
      }),
    dial: (address) =>
      Effect.suspend(() => {
        const accept = doors.get(address)
        if (accept === undefined) {
          return Effect.fail(
            new TransportError({ gone: /^\/memory\/\d+$/.test(address), reason: `no actor listens at "${address}"` })
          )
        }
        const [near, far] = MemoryTransport.pair()
        accept(far)
        return Effect.succeed(near)
      }),
    dials: (address) => address.startsWith("/memory/"),
    forget: () => {}
  }
}

const refuted = (change: (kept: Service) => Service, word: string) =>
  Effect.gen(function*() {
    const contract = TransportSuite.contract(Effect.sync(() => change(keeping())))
    const found = contract.find(({ title }) => title.includes(word))
    assert.isDefined(found, `no case about "${word}"`)
    // A transport that holds is done within milliseconds; one that waits in vain would take much longer.
    const exit = yield* Effect.exit(Effect.timeout(found.run, "1 second"))
    assert.isTrue(Exit.isFailure(exit), `"${found.title}" does not notice`)
  })

describe("TransportSuite reports each fault that is planted in the listening and dialling of a transport", () => {
  for (const { run, title } of TransportSuite.contract(Effect.sync(keeping))) {
    it.live(`TransportSuite finds no fault in a correct transport (the test: ${title})`, () => run)
  }

  it.live("TransportSuite notices a transport whose reachable listener reports itself as unreachable", () =>
    refuted(({ listen, ...kept }) => ({
      ...kept,
      listen: (actor, accept) =>
        Effect.map(listen(actor, accept), (listener) => ({ ...listener, isReachable: () => false }))
    }), "says so while it is"))

  it.live("TransportSuite notices a transport that gives two actors one address", () =>
    refuted(({ listen, ...kept }) => {
      const only = { address: "" }
      return {
        ...kept,
        listen: (actor, accept) =>
          Effect.map(listen(actor, accept), (listener) => {
            only.address ||= listener.address
            return { ...listener, address: only.address }
          })
      }
    }, "address of its own"))

  it.live("TransportSuite notices a transport whose second listener takes the address of the first listener", () =>
    refuted((kept) => {
      const accepts: Array<(guest: Connection) => void> = []
      return {
        ...kept,
        listen: (actor, accept) => {
          accepts.push(accept)
          const turn = accepts.length
          return Effect.map(
            kept.listen(actor, (guest) => accepts.at(-1)!(guest)),
            (listener) => turn === 1 ? listener : { ...listener, address: `${listener.address}0` }
          )
        }
      }
    }, "second listener"))

  it.live("TransportSuite notices a transport whose closed listener still answers", () =>
    refuted(({ listen, ...kept }) => ({
      ...kept,
      listen: (actor, accept) => Effect.map(listen(actor, accept), (listener) => ({ ...listener, close: () => {} }))
    }), "without a listener"))

  it.live("TransportSuite notices a transport that ends the accepted connections of a listener when the listener closes", () =>
    refuted(({ listen, ...kept }) => ({
      ...kept,
      listen: (actor, accept) => {
        const guests: Array<Connection> = []
        const remember = (guest: Connection) => {
          guests.push(guest)
          accept(guest)
        }
        return Effect.map(listen(actor, remember), (listener) => ({
          ...listener,
          close: () => {
            listener.close()
            for (const guest of guests) guest.destroy()
          }
        }))
      }
    }), "leaves open connections open"))

  it.live("TransportSuite notices a transport that reports an actor as gone when a dialled address is nonsense", () =>
    refuted(({ dial, ...kept }) => ({
      ...kept,
      dial: (address) =>
        Effect.mapError(dial(address), (error) => new TransportError({ gone: true, reason: error.reason }))
    }), "nonsense in the place of an address"))

  it.live("TransportSuite notices a transport that claims to dial every address", () =>
    refuted((kept) => ({ ...kept, dials: () => true }), "dials what it listens at"))

  it.live("TransportSuite notices a transport that does not recognise the addresses at which it listens", () =>
    refuted((kept) => ({ ...kept, dials: () => false }), "dials what it listens at"))

  it.live("TransportSuite notices a transport whose interrupted dial leaves a connection open", () =>
    refuted(({ dial, ...kept }) => ({
      ...kept,
      dial: (address) => Effect.andThen(dial(address), Effect.never)
    }), "interrupted"))
})

describe("The driver of a transport's Layer is built from the plan in the Layer, if the Layer has one transport", () => {
  const Kept = Transport.portable(
    "kept",
    { module: import.meta.url, config: Schema.Struct({ port: Schema.Int }) },
    () => Layer.sync(TransportDriver, keeping)
  )
  const driver = (layer: Layer.Layer<Transport>) => Effect.scoped(TransportSuite.fromLayer(layer))

  it.effect("the driver of a transport's Layer is built from a plan with its settings", () =>
    Effect.gen(function*() {
      assert.isTrue((yield* driver(Kept({ port: 1 }))).dials("/memory/1"))
    }))

  it.effect("the driver of a transport's Layer fails to build when the settings cannot be sent", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(driver(Kept({ port: 1.5 })))
      assert.deepInclude(error, { _tag: "RuntimeLayerError", step: "settings" })
    }))

  it.effect("the driver of a transport's Layer cannot be built if the Layer has two transports, and the error says so", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(driver(Transport.merge(Kept({ port: 1 }), Kept({ port: 2 }))))
      assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("the Layer has 2 transports"))
    }))
})
