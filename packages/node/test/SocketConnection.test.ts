import { assert, describe, it } from "@effect/vitest"
import * as SocketConnection from "@furrow/node/SocketConnection"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as Path from "node:path"
import { fixture } from "./support.ts"

/** Makes both ends of one connection to a server that accepts only this one. */
const connected = (listen: Net.ListenOptions, onread?: Net.OnReadOpts) =>
  Effect.callback<readonly [Net.Socket, Net.Socket]>((resume) => {
    const server = Net.createServer().listen(listen, () => {
      const address = server.address() as Net.AddressInfo | string
      const target = typeof address === "string" ? { path: address } : { port: address.port }
      const near = Net.connect({ ...target, ...(onread === undefined ? {} : { onread }) })
      server.once("connection", (far) => {
        server.close()
        if (near.connecting) near.once("connect", () => resume(Effect.succeed([near, far])))
        else resume(Effect.succeed([near, far]))
      })
    })
  })

const pair = (listen: Effect.Effect<Net.ListenOptions, never, any>): ConnectionSuite.MakePair =>
  Effect.map(Effect.flatMap(listen, connected), ([near, far]) => [
    SocketConnection.make(near),
    SocketConnection.make(far)
  ])

const readInto = (listen: Effect.Effect<Net.ListenOptions, never, any>): ConnectionSuite.MakePair =>
  Effect.suspend(() => {
    const reader = SocketConnection.makeReader()
    return Effect.map(Effect.flatMap(listen, (options) => connected(options, reader.onread)), ([near, far]) => [
      SocketConnection.make(near, reader),
      SocketConnection.make(far)
    ])
  })

const unix = Effect.map(Folder.make(), (folder) => ({ path: Path.join(folder, "socket") }))

const transports = {
  "a Unix socket": pair(unix),
  "a Unix socket, read into one buffer": readInto(unix),
  "tcp": pair(Effect.succeed({ port: 0, host: "127.0.0.1" }))
}

for (const [name, make] of Object.entries(transports)) {
  describe(`The connection of a socket over ${name} passes every test of connections`, () => {
    for (const { run, title } of ConnectionSuite.contract(make)) it.live(title, () => run)
  })
}

const ends = [
  ["a Unix socket", unix, false],
  ["a Unix socket with one shared buffer", unix, true],
  ["tcp", Effect.succeed({ port: 0, host: "127.0.0.1" }), false],
  ["TCP with one shared buffer", Effect.succeed({ port: 0, host: "127.0.0.1" }), true]
] as const

for (const [name, listen, isReadInto] of ends) {
  describe(`A connection over ${name} that its peer closes passes on the peer's last bytes`, () => {
    it.live("G220: a connection that its peer has closed passes on the peer's last bytes, although a write notices the close before a read", () =>
      Effect.gen(function*() {
        const reader = isReadInto ? SocketConnection.makeReader() : undefined
        const [near, far] = yield* connected(yield* listen, reader?.onread)
        const heard: Array<string> = []
        SocketConnection.make(near, reader).start({
          data: (bytes) => void heard.push(new TextDecoder().decode(bytes)),
          drain: () => {},
          end: () => void heard.push("end")
        })
        // Everything is written in one turn, so that nothing is read in between.
        far.write("the last words")
        far.destroy()
        for (let i = 0; i < 3 && !near.destroyed; i++) near.write("more")
        yield* Eventually.succeeds(
          Effect.sync(() => assert.deepStrictEqual(heard, ["the last words", "end"])),
          { what: "the last words and the end" }
        )
      }).pipe(Effect.scoped))
  })
}

describe("The memory of connections that are not used is small", () => {
  it.live.each(["unix", "tcp"])(
    "an idle connection needs at most 16 KiB of memory at each end over %s",
    (kind) =>
      Effect.gen(function*() {
        const path = Path.join(yield* Folder.make(), "socket")
        const program = yield* Program.start(fixture("mains/idleEnds.ts"), { args: [kind, path] })
        assert.deepStrictEqual(yield* program.ended({ within: "60 seconds" }), { code: 0, signal: null })
        const bytes = Number(program.stdout())
        assert.isAbove(bytes, 1024)
        assert.isAtMost(bytes, 16 * 1024)
      }).pipe(Effect.scoped),
    90_000
  )
})
