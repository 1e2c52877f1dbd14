import { assert, describe, it } from "@effect/vitest"
import * as Actor from "@furrow/actor/Actor"
import { RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import * as MemoryActor from "@furrow/actor/MemoryActor"
import * as Registry from "@furrow/actor/Registry"
import type { Connection } from "@furrow/actor/Transport"
import * as NodeActor from "@furrow/node/NodeActor"
import * as NodeTransport from "@furrow/node/NodeTransport"
import * as Certificates from "@furrow/testing/Certificates"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as TransportSuite from "@furrow/testing/TransportSuite"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { redirected } from "./fixtures/between.ts"
import { meet, plant, visit } from "./fixtures/peers.ts"
import { evidence } from "./support.ts"

const loopback = ["127.0.0.1", "::1"]
const authority = Certificates.sign({ name: "authority" })
const stranger = Certificates.sign({ name: "another authority" })
const host = Certificates.sign({ name: "host", hosts: loopback, by: authority })

const filesOf = (signed: Certificates.Signed, trusts = authority) =>
  Effect.map(Folder.make(), (folder) => Certificates.write(folder, trusts, signed))

const make = (
  at: string,
  signed = host,
  options: Partial<NodeTransport.TlsOptions> = {}
): TransportSuite.MakeTransport =>
  Effect.flatMap(
    filesOf(signed),
    (files) => TransportSuite.fromLayer(NodeTransport.layerTls({ host: at, ...files, ...options }))
  )

const driverOf = (signed: Certificates.Signed, trusts = authority) =>
  Effect.flatMap(
    filesOf(signed, trusts),
    (files) => TransportSuite.fromLayer(NodeTransport.layerTls({ host: "127.0.0.1", ...files }))
  )

for (const at of loopback) {
  describe(`The transport over TLS passes all tests of the suite for transports (at ${at})`, () => {
    for (const { run, title } of TransportSuite.contract(make(at))) it.live(title, () => Leaks.withoutLeaks(run))
  })
}

describe("The transport over TCP at ::1 passes all tests of the suite for transports", () => {
  const make = TransportSuite.fromLayer(NodeTransport.layerTcp({ host: "::1" }))
  for (const { run, title } of TransportSuite.contract(make)) it.live(title, () => Leaks.withoutLeaks(run))
})

describe("A connection over TLS passes all tests of the suite for connections at the end that dialled", () => {
  const pair = TransportSuite.dialled(make("127.0.0.1"))
  for (const { run, title } of ConnectionSuite.contract(pair)) it.live(title, () => Leaks.withoutLeaks(run))
})

describe("A connection over TLS passes all tests of the suite for connections at the end that accepted", () => {
  const pair = Effect.map(TransportSuite.dialled(make("127.0.0.1")), ([near, far]) => [far, near] as const)
  for (const { run, title } of ConnectionSuite.contract(pair)) it.live(title, () => Leaks.withoutLeaks(run))
})

let actors = 0
const actor = () => ({ name: "victim", uuid: `00000000-0000-4000-8000-${String(++actors).padStart(12, "0")}`, pid: 1 })

/** A listener, and the connections that it has passed on. */
const door = ({ listen }: Effect.Success<ReturnType<typeof driverOf>>) =>
  Effect.gen(function*() {
    const guests: Array<Connection> = []
    const { address } = yield* Effect.acquireRelease(
      listen(actor(), (guest) => guests.push(guest)),
      (listener) =>
        Effect.sync(() => {
          listener.close()
          for (const guest of guests) guest.destroy()
        })
    )
    return { guests, address, port: Number(address.split("/")[4]) }
  })

/** A listener of the tree under attack. */
const victim = Effect.flatMap(driverOf(host), door)

/** Dials with the given options, and returns true where the listener has passed the connection on. */
const isTaken = (port: number, options: Tls.ConnectionOptions) =>
  Effect.callback<boolean>((resume) => {
    const socket = Tls.connect({ host: "127.0.0.1", port, ca: authority.pem, ...options })
    const say = (answer: boolean) => {
      socket.destroy()
      resume(Effect.succeed(answer))
    }
    socket.once("session", () => say(true))
    socket.on("error", () => say(false))
    socket.on("close", () => say(false))
    return Effect.sync(() => void socket.destroy())
  })

const shown = ({ key, pem }: Certificates.Signed) => ({
  cert: pem,
  key: key.export({ type: "pkcs8", format: "pem" }) as string
})

const hosts = ["127.0.0.1"]

describe("A stranger that dials a listener over TLS is disconnected", () => {
  it.live("G232: a listener with TLS refuses a stranger that has no valid certificate of the authority, or that speaks a version below TLS 1.3", () =>
    Effect.gen(function*() {
      const { guests, port } = yield* victim
      const wrong: Record<string, Tls.ConnectionOptions> = {
        "no certificate": {},
        "another authority": shown(Certificates.sign({ name: "m", hosts, by: stranger })),
        "signed by itself": shown(Certificates.sign({ name: "m", hosts })),
        "signed by a host": shown(Certificates.sign({ name: "m", hosts, by: host })),
        "expired": shown(Certificates.sign({ name: "m", hosts, by: authority, hours: [-3, -1] })),
        "not valid yet": shown(Certificates.sign({ name: "m", hosts, by: authority, hours: [1, 3] })),
        "TLS 1.2": { ...shown(host), maxVersion: "TLSv1.2" }
      }
      for (const [what, options] of Object.entries(wrong)) {
        assert.isFalse(yield* isTaken(port, options), what)
      }
      assert.deepStrictEqual(guests, [])
      assert.isTrue(yield* isTaken(port, shown(host)))
      yield* Eventually.holds("the right one is handed over", () => guests.length === 1)
    }))

  it.live("a listener with TLS disconnects a stranger that does not use TLS, and goes on", () =>
    Effect.gen(function*() {
      const { guests, port } = yield* victim
      const closed = yield* Effect.callback<boolean>((resume) => {
        const socket = Net.connect({ host: "127.0.0.1", port }, () => socket.write("GET / HTTP/1.1\r\n\r\n"))
        socket.on("error", () => {})
        socket.on("close", () => resume(Effect.succeed(true)))
        return Effect.sync(() => void socket.destroy())
      })
      assert.isTrue(closed)
      assert.isTrue(yield* isTaken(port, shown(host)))
      yield* Eventually.holds("the right one is handed over", () => guests.length === 1)
    }))
})

describe("A dial over TLS", () => {
  const refused = (signed: Certificates.Signed, trusts = authority) =>
    Effect.gen(function*() {
      const { address } = yield* victim
      const error = yield* Effect.flip(Effect.flatMap(driverOf(signed, trusts), ({ dial }) => dial(address)))
      assert.isFalse((error as { readonly gone?: boolean }).gone)
      assert.include((error as Error).message, address)
      return (error as Error).message
    })

  it.live("G232: a dial over TLS fails where the listener's or the dialler's certificate is from another authority", () =>
    Effect.gen(function*() {
      const own = Certificates.sign({ name: "m", hosts, by: stranger })
      assert.match(yield* refused(own, stranger), /is not one of this tree's authority/)
      assert.match(yield* refused(own), /our own certificate was refused/)
      const expired = Certificates.sign({ name: "m", hosts, by: authority, hours: [-3, -1] })
      assert.match(yield* refused(expired), /our own certificate was refused/)
    }))

  it.live("G232: a dial over TLS fails where the listener's certificate names another host than the dialled host, or has expired", () =>
    Effect.gen(function*() {
      const elsewhere = Certificates.sign({ name: "m", hosts: ["10.0.0.4", "db1.internal"], by: authority })
      const expired = Certificates.sign({ name: "m", hosts, by: authority, hours: [-3, -1] })
      const { dial } = yield* driverOf(host)
      for (const signed of [elsewhere, expired]) {
        const driver = yield* driverOf(signed)
        const { address } = yield* door(driver)
        const error = yield* Effect.flip(dial(address))
        assert.isFalse(error.gone)
        assert.match(error.message, /is not one of this tree's authority for that host, and valid now/)
      }
    }))

  it.live("a dial over TLS reaches a host by its name, and fails with a typed error for the name of an unknown host", () =>
    Effect.gen(function*() {
      const named = Certificates.sign({ name: "named", hosts: ["localhost"], by: authority })
      const driver = yield* make("127.0.0.1", named, { advertise: "localhost" })
      const { address } = yield* door(driver)
      assert.match(address, /^\/dns4\/localhost\/tcp\/\d+\/tls$/)
      const connection = yield* driver.dial(address)
      connection.destroy()
      const error = yield* Effect.flip(driver.dial("/dns4/furrow.invalid/tcp/4711/tls"))
      assert.deepStrictEqual([error.gone, error.message.includes("/dns4/furrow.invalid/tcp/4711/tls")], [false, true])
    }))

  it.live("a dial over TLS fails at a port whose listener does not use TLS", () =>
    Effect.gen(function*() {
      const { dial } = yield* driverOf(host)
      const plain = yield* TransportSuite.fromLayer(NodeTransport.layerTcp)
      const { address, guests } = yield* door(plain)
      // The dialler waits for a greeting that never comes.
      const dialling = yield* Effect.forkChild(Effect.flip(dial(`${address}/tls`)))
      ;(yield* Eventually.holds("it is handed over", () => guests[0])).end()
      const error = yield* Fiber.join(dialling)
      assert.isFalse(error.gone)
    }))
})

/** A malicious relay: it has a valid certificate, and passes bytes on between two channels. */
const relay = (target: number) =>
  Effect.acquireRelease(
    Effect.callback<Tls.Server>((resume) => {
      const means = { ...shown(host), ca: authority.pem }
      const server = Tls.createServer({ ...means, requestCert: true }, (near) => {
        const far = Tls.connect({ ...means, host: "127.0.0.1", port: target })
        for (const socket of [near, far]) socket.on("error", () => {})
        near.pipe(far).pipe(near)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => void server.close())
  )

const portOf = (server: Net.Server) => (server.address() as Net.AddressInfo).port

describe("A tree over TLS", () => {
  it.live("G233: a tree over TLS refuses the proof of another TLS channel, although the relay between the two channels has a valid certificate", () =>
    Effect.gen(function*() {
      const files = yield* filesOf(host)
      let relayed = 0
      const scope = yield* Effect.scope
      const through = (address: string) =>
        Effect.map(Scope.provide(relay(Number(address.split("/")[4])), scope), (server) => {
          relayed++
          return `/ip4/127.0.0.1/tcp/${portOf(server)}/tls`
        })
      const visiting = (transport: ReturnType<typeof NodeTransport.layerTls>) =>
        Actor.nursery(Effect.gen(function*() {
          const { a, b } = yield* plant(["a", "b"])
          return yield* a!.run(visit({ to: b!.ref as never, n: 3 }))
        })).pipe(Effect.provide(MemoryActor.layer.pipe(Layer.provide(transport))))
      const tls = NodeTransport.layerTls({ host: "127.0.0.1", ...files })
      assert.strictEqual(yield* visiting(tls), process.pid)
      assert.strictEqual(yield* visiting(redirected(tls, through)), "ActorUnreachable")
      assert.isAbove(relayed, 0)
    }))

  it.live(
    "G232, G234: calls, errors, streams and dialogs work between processes over TLS, and the private key appears only in its file",
    () =>
      Effect.gen(function*() {
        const files = yield* filesOf(host)
        const file = yield* evidence
        const secret = Fs.readFileSync(files.key, "utf8").split("\n")[1]!
        const seen = yield* Actor.nursery(Effect.gen(function*() {
          const { a } = yield* plant(["a", "p", "p/b"])
          const met = yield* a!.run(meet({ name: "b", file }))
          assert.deepStrictEqual([met.sum, met.heard.length, met.error], [125_250, 3, "Negative"])
          const pids = (yield* Registry.list()).map(({ actor }) => actor.pid)
          return process.platform !== "linux" ?
            "" :
            pids.flatMap((pid) =>
              ["cmdline", "environ"].map((what) => Fs.readFileSync(`/proc/${pid}/${what}`, "latin1"))
            ).join("\n")
        })).pipe(
          Effect.provide(NodeActor.layer.pipe(Layer.provide(NodeTransport.layerTls({ host: "127.0.0.1", ...files }))))
        )
        assert.notInclude(seen, secret)
      }),
    60_000
  )
})

const problemOf = (layer: Parameters<typeof TransportSuite.fromLayer>[0]) =>
  Effect.map(
    Effect.flip(Effect.provide(Actor.current, MemoryActor.layer.pipe(Layer.provide(layer)))),
    (error) => {
      assert.instanceOf(error, RuntimeLayerError)
      return error.message
    }
  )

describe("The start of a listener over a network fails if its address, its ports or its TLS files are invalid", () => {
  it.live("G235: an address beyond the loopback is refused for listening without TLS, unless the program sets the option `insecure`", () =>
    Effect.gen(function*() {
      for (const host of ["0.0.0.0", "10.0.0.4", "::", "2001:db8::1"]) {
        const message = yield* problemOf(NodeTransport.layerTcp({ host, advertise: "db1.internal" }))
        assert.include(message, `tcp at ${host} leaves this machine`)
      }
      const open = NodeTransport.layerTcp({ host: "0.0.0.0", advertise: "127.0.0.1", insecure: "I know" })
      const driver = yield* TransportSuite.fromLayer(open)
      const { address } = yield* door(driver)
      const connection = yield* driver.dial(address)
      connection.destroy()
    }))

  it.live("the address at which actors listen needs an address of this host, a range of ports, and a host that other actors can dial", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [NodeTransport.TcpOptions, string]> = [
        [{ host: "localhost" }, "\"localhost\" is none"],
        [{ host: "0.0.0.0", insecure: "I know" }, "say which one by `advertise`"],
        [{ host: "::", insecure: "I know" }, "say which one by `advertise`"],
        [{ advertise: "a_b" }, "others cannot dial \"a_b\""],
        [{ advertise: "0.0.0.0" }, "others cannot dial \"0.0.0.0\""],
        [{ ports: [0, 10] }, "the range of ports [0,10] is none"],
        [{ ports: [20, 10] }, "the range of ports [20,10] is none"]
      ]
      for (const [options, message] of wrong) {
        assert.include(yield* problemOf(NodeTransport.layerTcp(options)), message)
      }
    }))

  it.live("a range of ports gives each listening actor one port, and its error says when no port is free", () =>
    Effect.gen(function*() {
      const taken = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => void server.close())
      )
      const port = portOf(taken)
      const driver = yield* TransportSuite.fromLayer(NodeTransport.layerTcp({ ports: [port, port] }))
      const error = yield* Effect.flip(driver.listen(actor(), (guest) => guest.destroy()))
      assert.include(error.message, `every port from ${port} to ${port} is taken`)
      const wider = yield* TransportSuite.fromLayer(
        NodeTransport.layerTcp({ ports: [port, Math.min(port + 50, 65_535)] })
      )
      assert.isAbove((yield* door(wider)).port, port)
    }))

  it.live("G234: errors name PEM files of TLS that cannot be read or do not match, and do not show the files' content", () =>
    Effect.gen(function*() {
      const files = yield* filesOf(host)
      const other = yield* filesOf(Certificates.sign({ name: "m", hosts, by: authority }))
      const body = Fs.readFileSync(other.key, "utf8").split("\n")[1]!
      const tls = (wrong: Partial<NodeTransport.TlsOptions>) =>
        problemOf(NodeTransport.layerTls({ host: "127.0.0.1", ...files, ...wrong }))
      const mixed = yield* tls({ key: other.key })
      assert.include(mixed, "do not go together")
      assert.notInclude(mixed, body)
      const missing = Path.join(Os.tmpdir(), "furrow-no-such-file")
      for (const what of ["ca", "cert", "key"] as const) {
        assert.include(yield* tls({ [what]: missing }), `the file \`${what}\` cannot be read`)
      }
    }))
})
