/**
 * The transport by which actors listen at TCP ports. Actors at TCP ports leave nothing in the file system, and every
 * process that reaches the host can dial them. The proof of the tree's secret decides which peers over TCP may talk to
 * an actor. The proof of the tree's secret does not encrypt the messages of peers.
 */
import type { Connection, Listener, TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import * as Listening from "./listening.ts"
import * as Socket from "./socket.ts"

export const loopback: Listening.Place = { host: "127.0.0.1" }

/**
 * Marks a connection beyond the loopback as one that may die silently, because a host or a cable may fail without a
 * last packet.
 */
const silent = (connection: Connection): Connection => ({ ...connection, silent: true })

export const listen = (
  place: Listening.Place,
  accept: (connection: Connection) => void
): Effect.Effect<Listener, TransportError> =>
  Effect.map(
    Listening.listen(place, "Tcp", (options) =>
      Socket.serve(
        options,
        Address.isLoopbackHost(place.host) ? accept : (connection) => accept(silent(connection))
      )),
    ([server, address]) => Socket.listenerOf(server, address)
  )

export const dial = ({ host, port }: Address.Tcp): Effect.Effect<Connection, TransportError> =>
  Effect.map(
    Socket.connect(Address.format({ _tag: "Tcp", host, port }), { host, port }),
    (connection) => Address.isLoopbackHost(host) ? connection : silent(connection)
  )
