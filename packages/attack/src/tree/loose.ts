/**
 * A transport without a proof of membership, as a user may write it. The transport of this attacked tree is TCP, and is
 * open to everyone who can reach its port.
 */
import * as Transport from "@furrow/actor/Transport"
import * as SocketConnection from "@furrow/node/SocketConnection"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Net from "node:net"

const { TransportDriver, TransportError } = Transport

const failed = (reason: string) => Effect.fail(new TransportError({ gone: false, reason }))

const listen: Transport.TransportDriver["Service"]["listen"] = (actor, accept) =>
  Effect.callback((resume) => {
    const server = Net.createServer({ noDelay: true }, (socket) => accept(SocketConnection.make(socket)))
    server.once("error", (error) => resume(failed(error.message)))
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      server.unref()
      const { port } = server.address() as Net.AddressInfo
      console.error(`${actor.name} listens at port ${port}`)
      resume(Effect.succeed({ address: `loose:${port}`, close: () => void server.close() }))
    })
  })

const dial = (address: string) =>
  Effect.callback<Transport.Connection, Transport.TransportError>((resume) => {
    const socket = Net.connect({ host: "127.0.0.1", port: Number(address.slice("loose:".length)), noDelay: true })
    socket.once("connect", () => resume(Effect.succeed(SocketConnection.make(socket))))
    socket.once("error", (error) => resume(failed(error.message)))
    return Effect.sync(() => void socket.destroy())
  })

export const Loose = Transport.portable("loose", { module: import.meta.url }, () =>
  Layer.succeed(TransportDriver, {
    dials: (address) => address.startsWith("loose:"),
    listen: (actor, accept) => Effect.uninterruptible(listen(actor, accept)),
    dial
  }))
