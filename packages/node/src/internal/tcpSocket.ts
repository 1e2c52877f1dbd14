/**
 * Actors behind tcp ports of this machine: nothing in the file system, and reachable by every user of it. The proof
 * of the tree's secret decides which peers may talk.
 */
import type { Connection, Listener, TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import * as Socket from "./socket.ts"

const host = "127.0.0.1"

const addressOf = (host: string, port: number): string => Address.format({ _tag: "Tcp", host, port })

export const listen = (accept: (connection: Connection) => void): Effect.Effect<Listener, TransportError> =>
  Effect.mapBoth(Socket.serve({ host, port: 0 }, accept), {
    onFailure: (error) => Socket.cannotListen(addressOf(host, 0), error),
    onSuccess: (server) => Socket.listenerOf(server, addressOf(host, (server.address() as Net.AddressInfo).port))
  })

export const dial = ({ host, port }: Address.Tcp): Effect.Effect<Connection, TransportError> =>
  Socket.connect(addressOf(host, port), { host, port })
