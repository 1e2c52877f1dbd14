/**
 * Listens and dials for one actor with all transports of its tree, and requires a proof that the other end belongs to
 * the tree.
 *
 * @since 0.1.0
 */
import { described } from "@furrow/protocol/Described"
import type { Authenticator } from "@furrow/protocol/Handshake"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { ActorId } from "../errors/ActorError.ts"
import { type Address, type Connection, type Listener, type TransportDriver, TransportError } from "./Transport.ts"

/** The open listeners of one actor, one for each transport. */
export interface Doors {
  /** The addresses of the actor's listeners. `addresses` first replaces each listener that can no longer be reached. */
  readonly addresses: Effect.Effect<ReadonlyArray<Address>, TransportError>
  readonly close: () => void
}

export interface Network {
  readonly listen: (actor: ActorId, accept: (connection: Connection) => void) => Effect.Effect<Doors, TransportError>
  /** Dials several addresses of one actor one after the other, until one of them answers. */
  readonly dial: (addresses: ReadonlyArray<Address>) => Effect.Effect<Connection, TransportError>
  /**
   * The function that makes the authenticator of a connection; `undefined` when no other process can dial, so that no
   * proof is needed.
   */
  readonly authenticator: ((connection: Connection) => Authenticator) | undefined
  readonly forget: (actor: ActorId) => void
}

type Driver = TransportDriver["Service"]

const broken = (reason: string): TransportError => new TransportError({ gone: false, reason })

/**
 * Asks the driver of a transport to listen or to dial. If the driver throws, dies or returns a wrong value, the request
 * fails with a `TransportError`.
 */
const asked = <A>(
  what: string,
  ask: () => Effect.Effect<A, TransportError>,
  isAnswer: (answer: A) => boolean
): Effect.Effect<A, TransportError> =>
  Effect.flatMap(
    Effect.catchDefect(
      Effect.suspend(ask),
      (defect) => Effect.fail(broken(`the transport threw when asked to ${what}: ${described(defect)}`))
    ),
    (answer) =>
      isAnswer(answer)
        ? Effect.succeed(answer)
        : Effect.fail(broken(`the transport answered with nonsense when asked to ${what}: ${described(answer)}`))
  )

const isListener = (u: Partial<Listener> | undefined) => typeof u?.address === "string" && typeof u.close === "function"

const isConnection = (u: Partial<Connection> | undefined) =>
  typeof u?.start === "function" && typeof u.destroy === "function"

/** Calls a function for each element, even after a call has thrown, and throws the first error after the last call. */
const each = <A>(all: ReadonlyArray<A>, act: (one: A) => void): void => {
  const thrown: Array<unknown> = []
  for (const one of all) {
    try {
      act(one)
    } catch (error) {
      thrown.push(error)
    }
  }
  if (thrown.length > 0) throw thrown[0]
}

/** True when a listener can still be reached. A listener without the function `isReachable` counts as reachable. */
const isReachable = (listener: Listener): boolean => {
  try {
    return listener.isReachable?.() !== false
  } catch {
    return true
  }
}

/** Listens with all transports or with none, because an actor must not be reachable by some transports only. */
const listenAll = (
  drivers: ReadonlyArray<Driver>,
  actor: ActorId,
  accept: (connection: Connection) => void
): Effect.Effect<Doors, TransportError> =>
  Effect.suspend(() => {
    const open = new Map<Driver, Listener>()
    let closed = false
    const close = () => {
      closed = true
      each(Array.from(open.values()), (listener) => listener.close())
    }
    const isOpen = (driver: Driver): boolean => {
      const listener = open.get(driver)
      return listener !== undefined && isReachable(listener)
    }
    const listen = (driver: Driver) =>
      Effect.map(
        asked("listen", () => {
          const before = open.get(driver)
          open.delete(driver)
          before?.close()
          return driver.listen(actor, accept)
        }, isListener),
        (listener) => {
          open.set(driver, listener)
          if (closed) listener.close()
        }
      )
    const listening = Effect.suspend(() =>
      Effect.forEach(closed ? [] : drivers.filter((driver) => !isOpen(driver)), listen, { discard: true })
    )
    // Several callers may find the same unreachable listener at the same time, so a permit lets only one of them
    // replace this listener.
    const oneAtATime = Semaphore.makeUnsafe(1).withPermits(1)
    const addresses = Effect.suspend(() => {
      const all = Effect.sync(() => Array.from(drivers, (driver) => open.get(driver)?.address ?? []).flat())
      return drivers.every(isOpen) ? all : Effect.andThen(oneAtATime(listening), all)
    })
    return Effect.as(Effect.onError(listening, () => Effect.sync(close)), { addresses, close })
  })

/**
 * Dials the addresses one after the other until a dial succeeds: first all addresses of the first transport, then those
 * of the next transport.
 */
const dialFirst = (
  drivers: ReadonlyArray<Driver>,
  addresses: ReadonlyArray<Address>
): Effect.Effect<Connection, TransportError> => {
  const ways = drivers.flatMap((driver) =>
    addresses.filter((address) => driver.dials(address)).map((address) =>
      asked(`dial ${address}`, () => driver.dial(address), isConnection)
    )
  )
  const [first, ...others] = ways
  if (first === undefined) {
    const reason = `no transport of this tree dials ${addresses.join(" or ")}. Supply the one it listens with, by ` +
      "Transport.merge"
    return Effect.fail(new TransportError({ gone: false, reason }))
  }
  // When an address does not answer, the next address is dialled. An actor counts as gone only if each of its addresses
  // is gone.
  return others.reduce(
    (before, next) =>
      Effect.catch(
        before,
        (why) =>
          Effect.mapError(next, (error) => new TransportError({ gone: why.gone && error.gone, reason: error.reason }))
      ),
    first
  )
}

/**
 * Makes the network of an actor from the drivers of its transports and the function that makes an authenticator for
 * each connection.
 */
export const make = (drivers: ReadonlyArray<Driver>, authenticator: Network["authenticator"]): Network => ({
  listen: (actor, accept) => listenAll(drivers, actor, accept),
  dial: (addresses) =>
    Effect.catchDefect(
      Effect.suspend(() => dialFirst(drivers, addresses)),
      (defect) => Effect.fail(broken(`a transport threw when asked whether it dials: ${described(defect)}`))
    ),
  authenticator,
  forget: (actor) => each(drivers, (driver) => driver.forget?.(actor))
})
