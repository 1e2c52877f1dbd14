/** A session with the inspector of another process, over a socket that stands for it. */
import { assert, describe, it } from "@effect/vitest"
import { open } from "@furrow/node/internal/inspectorSession"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as Net from "node:net"

const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = Net.createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => void server.close())
)

describe("A session with the inspector of an actor ends without a close frame", () => {
  it.live("G287: a dropped session with an inspector sends no close frame, which would crash a Node that closes its inspector", () =>
    Effect.scoped(Effect.gen(function*() {
      const inspector = yield* server
      const bytes: Array<Buffer> = []
      const ended = Promise.withResolvers<void>()
      inspector.on("connection", (socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
          socket.on("data", (piece: Buffer) => void bytes.push(piece))
        })
        socket.on("error", () => {})
        socket.on("close", () => ended.resolve())
      })
      const { port } = inspector.address() as Net.AddressInfo
      const session = yield* Effect.promise(() => open(`ws://127.0.0.1:${port}/uuid`))
      yield* Effect.sync(session.drop)
      yield* Effect.promise(() => Promise.all([ended.promise, session.closed]))
      assert.deepStrictEqual(bytes, [])
    })))
})
