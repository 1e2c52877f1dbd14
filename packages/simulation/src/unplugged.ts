/** A transport between actors that fails for a while in one way, as the transport of a user may fail. */
import { type TransportDriver, TransportError } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"

/**
 * The ways in which the transport to a peer fails: no answer, an error, a defect, a throw, slowness, and a listener or
 * a method `forget` that fails.
 */
const ways = ["hangs", "fails", "dies", "throws", "is slow", "listens badly"] as const

/** Milliseconds that a slow dial of a peer takes. */
const slowMillis = 700

const thrown = (what: string): never => {
  throw new Error(`${what} threw`)
}

export const make = () => {
  let way: typeof ways[number] | undefined
  const around = (
    dial: Effect.Effect<any, TransportError>,
    address: string
  ): Effect.Effect<any, TransportError> => {
    switch (way) {
      case "hangs":
        return Effect.never
      case "fails":
        return Effect.fail(new TransportError({ gone: false, reason: `no wire to ${address}` }))
      case "dies":
        return Effect.die(new Error("the dial died"))
      case "throws":
        return thrown("dial")
      case "is slow":
        return Effect.andThen(Effect.sleep(slowMillis), dial)
      default:
        return dial
    }
  }
  const betweenPeers = (transport: TransportDriver["Service"]): TransportDriver["Service"] => ({
    ...transport,
    dial: (address) => around(transport.dial(address), address),
    listen: (actor, accept) =>
      way === "listens badly"
        ? Effect.die(new Error("the listener died"))
        : way === "is slow"
        ? Effect.andThen(Effect.sleep(slowMillis), transport.listen(actor, accept))
        : transport.listen(actor, accept),
    forget: (actor) => way === "throws" ? thrown("forget") : transport.forget?.(actor)
  })
  const unplug = (how: number, millis: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      way = ways[how]
      yield* Effect.sleep(millis)
      way = undefined
    })
  return { betweenPeers, unplug }
}
