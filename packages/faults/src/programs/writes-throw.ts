/**
 * A transport whose writes begin to throw while it is used: calls on its connection must fail, and the program must go
 * on.
 */
import { Actor, Registry, Transport } from "@furrow/actor"
import { NodeActor, SocketConnection } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Net from "node:net"

const { TransportDriver, TransportError } = Transport

const failed = (reason: string) => Effect.fail(new TransportError({ gone: false, reason }))

const brittle = (socket: Net.Socket): Transport.Connection => {
  const connection = SocketConnection.make(socket)
  return {
    ...connection,
    start: (handlers) => connection.start(handlers),
    write: (chunks) => {
      if (Fs.existsSync("broken")) throw new Error("the transport is broken")
      return connection.write(chunks)
    },
    end: () => connection.end(),
    destroy: () => connection.destroy()
  }
}

const listen = (accept: (connection: Transport.Connection) => void) =>
  Effect.callback<Transport.Listener, Transport.TransportError>((resume) => {
    const server = Net.createServer((socket) => accept(SocketConnection.make(socket)))
    server.once("error", (error) => resume(failed(error.message)))
    server.listen(0, "127.0.0.1", () => {
      server.unref()
      const { port } = server.address() as Net.AddressInfo
      resume(Effect.succeed({ address: `brittle:${port}`, close: () => void (server.listening && server.close()) }))
    })
  })

const dial = (address: string) =>
  Effect.callback<Transport.Connection, Transport.TransportError>((resume) => {
    const socket = Net.connect(Number(address.slice("brittle:".length)), "127.0.0.1")
    socket.once("connect", () => resume(Effect.succeed(brittle(socket))))
    socket.once("error", (error) => resume(failed(error.message)))
    return Effect.sync(() => void socket.destroy())
  })

export const Brittle = Transport.portable(
  "brittle",
  { module: import.meta.url, config: Schema.Struct({}) },
  () =>
    Layer.succeed(TransportDriver, {
      dials: (address) => address.startsWith("brittle:"),
      listen: (_, accept) => Effect.uninterruptible(listen(accept)),
      dial
    })
)

export const greet = Actor.fn("greet", { module: import.meta.url, success: Schema.String })(() =>
  Effect.succeed("hello")
)

export const visit = Actor.fn("visit", { module: import.meta.url, success: Schema.Array(Schema.String) })(() =>
  Effect.scoped(Effect.gen(function*() {
    const host = yield* Registry.wait([greet], "host")
    const before = yield* host.run(greet())
    Fs.writeFileSync("broken", "")
    const after = yield* Effect.match(host.run(greet()), {
      onSuccess: (answer) => [answer],
      onFailure: (error) => [error._tag, error.message]
    })
    return [before, ...after]
  })).pipe(Actor.orDie)
)

NodeActor.runMain(
  Actor.nursery(Effect.gen(function*() {
    yield* Actor.start("host", { expose: [greet] })
    const guest = yield* Actor.start("guest", { expose: [visit] })
    for (const line of yield* guest.run(visit())) yield* Console.log(line)
    yield* Console.log("the program goes on")
  })),
  { layer: NodeActor.layer.pipe(Layer.provide(Brittle({}))) }
)
