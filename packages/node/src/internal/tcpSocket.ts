/**
 * Actors behind tcp ports: nothing in the file system, and reachable by everybody who reaches the host. The proof of the
 * tree's secret decides which peers may talk; it hides nothing of what they say.
 */
import type { Connection, Listener, TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import * as Listening from "./listening.ts"
import * as Socket from "./socket.ts"

export const loopback: Listening.Place = { host: "127.0.0.1" }

/** Beyond the loopback a machine or a cable can be gone, and no end of the connection says so. */
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
