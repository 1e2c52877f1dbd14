/**
 * The program `idleEnd.ts <json>` is one of the two processes between which the benchmark opens many idle connections.
 * The program `idleEnd.ts` answers each message of its parent process with one message.
 */
import { Credentials, Registry, Timeouts } from "@furrow/actor"
import { hello } from "@furrow/actor/internal/channel/Greeting"
import { PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import { current } from "@furrow/actor/internal/local/LocalActor"
import { Transport, TransportDriver } from "@furrow/actor/Transport"
import { NodeActor, NodeTransport } from "@furrow/node"
import { authenticator } from "@furrow/node/internal/authenticate"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Tls from "node:tls"

export interface Settings {
  readonly kind: "furrow" | "bare"
  readonly transport: "unix" | "tcp" | "tls"
  readonly folder: string
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string }
  /** The address of the process to which this process connects; absent in the process that listens. */
  readonly to?: Place
}

export interface Place {
  readonly address: string
  readonly uuid: string
}

/** A message of the parent process: the number of connections that this process has to have. */
export type Wish = number

/**
 * Bytes of memory of one process in the benchmark of idle connections: the bytes in use, and the resident bytes (RSS).
 */
export interface Memory {
  readonly used: number
  readonly resident: number
}

/** The answer of this process to its parent process: the address at which this process listens, or its memory. */
export interface Told {
  readonly place?: Place
  readonly memory?: Memory
}

/** The number of connections that this process dials at the same time. */
const dialsAtOnce = 16

const secret = new Uint8Array(32).fill(7)

/** The connections of this process: the function `open` returns their number, and `dial` adds one connection. */
interface End {
  readonly open: () => number
  readonly dial: () => Promise<void>
}

const ignore = (socket: Net.Socket) => socket.on("data", () => {}).on("error", () => {})

const bareServer = ({ files, folder, transport }: Settings) =>
  new Promise<readonly [End, Place]>((resolve) => {
    let open = 0
    const accept = (socket: Net.Socket) => {
      open++
      ignore(socket)
    }
    const { ca, cert, key } = files
    const server = transport === "tls"
      ? Tls.createServer({
        ca: Fs.readFileSync(ca),
        cert: Fs.readFileSync(cert),
        key: Fs.readFileSync(key),
        minVersion: "TLSv1.3",
        requestCert: true,
        noDelay: true
      } as Tls.TlsOptions, accept)
      : Net.createServer({ noDelay: true }, accept)
    const at = transport === "unix" ? { path: Path.join(folder, "bare.sock") } : { host: "127.0.0.1", port: 0 }
    server.listen(at, () => {
      const found = server.address()
      const address = typeof found === "string" ? found : String(found?.port)
      resolve([{ open: () => open, dial: () => Promise.reject(new Error("this end is dialled")) }, {
        address,
        uuid: ""
      }])
    })
  })

const bareClient = ({ files, to, transport }: Settings): End => {
  let open = 0
  const { ca, cert, key } = files
  const secureContext = transport === "tls"
    ? Tls.createSecureContext({ ca: Fs.readFileSync(ca), cert: Fs.readFileSync(cert), key: Fs.readFileSync(key) })
    : undefined
  const port = { host: "127.0.0.1", port: Number(to!.address) }
  const connect = () =>
    secureContext !== undefined
      ? Tls.connect({ ...port, secureContext, minVersion: "TLSv1.3" })
      : Net.connect(transport === "unix" ? { path: to!.address } : port)
  return {
    open: () => open,
    dial: () =>
      new Promise((resolve, reject) => {
        const socket = connect()
        socket.setNoDelay(true)
        socket.once("error", reject)
        // When the dialler receives its first TLS session ticket, the listener has accepted the dialler's certificate.
        socket.once(transport === "tls" ? "session" : "connect", () => {
          open++
          ignore(socket)
          resolve()
        })
      })
  }
}

const layerOf = ({ files, folder, transport }: Settings) =>
  transport === "unix"
    ? NodeTransport.layerUnix({ folder })
    : transport === "tcp"
    ? NodeTransport.layerTcp
    : NodeTransport.layerTls({ host: "127.0.0.1", ...files })

/** Makes the driver of the transport in this process, as an actor makes its driver. */
const driverOf = (settings: Settings) =>
  Effect.gen(function*() {
    const { parts: [part] } = Context.get(yield* Layer.build(layerOf(settings)), Transport)
    const run = { ...Credentials.make({ tree: "idle", secret }), run: `${process.pid}-dialler` }
    const driver = Layer.provide(part!.layer, Layer.succeed(Credentials.Credentials, run))
    return Context.get(yield* Layer.build(driver), TransportDriver)
  })

/** Starts the root of a tree, which listens for the connections of the dialling process. */
const furrowServer = (settings: Settings) =>
  new Promise<readonly [End, Place]>((resolve) => {
    const layer = NodeActor.layer({
      name: "hub",
      credentials: Credentials.make({ tree: "idle", secret }),
      listen: true
    }).pipe(
      Layer.provide(layerOf(settings)),
      Layer.provide(
        Layer.succeed(
          Timeouts.Timeouts,
          Timeouts.make({ idle: Infinity, connect: "60 seconds", handshake: "60 seconds" })
        )
      )
    )
    const program = Effect.gen(function*() {
      const local = yield* current
      const [address] = yield* Registry.addresses
      resolve([
        { open: () => local.reach!.peers.open.length, dial: () => Promise.reject(new Error("this end is dialled")) },
        { address: address!, uuid: local.info.id.uuid }
      ])
      return yield* Effect.never
    })
    Effect.runFork(Effect.provide(program, layer))
  })

const furrowClient = async (settings: Settings): Promise<End> => {
  const { address, uuid } = settings.to!
  const driver = await Effect.runPromise(
    Effect.provideService(driverOf(settings), Scope.Scope, Scope.makeUnsafe())
  )
  const channels: Array<PeerChannel> = []
  const dialled = Effect.flatMap(driver.dial(address), (connection) =>
    Effect.callback<void, Error>((resume) => {
      const proof = authenticator(secret)
      const { binding } = connection
      const channel = new PeerChannel({
        connection,
        role: "peer",
        handshake: {
          side: "dialler",
          hello: hello({ name: "dialler", uuid: randomUUID(), pid: process.pid }, "peer"),
          auth: binding === undefined ? proof : { ...proof, binding },
          to: uuid
        },
        events: makeEvents()
      })
      channel.onHandshake((result) => {
        if (result._tag !== "Open") return resume(Effect.fail(new Error(JSON.stringify(result))))
        channel.route(() => {})
        channels.push(channel)
        resume(Effect.void)
      })
    }))
  return { open: () => channels.filter(({ isOpen }) => isOpen).length, dial: () => Effect.runPromise(dialled) }
}

const settings = JSON.parse(process.argv[2]!) as Settings
const tell = (told: Told) => process.send!(told)

const made = async (): Promise<End> => {
  if (settings.to !== undefined) return settings.kind === "bare" ? bareClient(settings) : furrowClient(settings)
  const [end, place] = await (settings.kind === "bare" ? bareServer(settings) : furrowServer(settings))
  tell({ place })
  return end
}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Returns the resident bytes of the C heap, from which Node and OpenSSL take their memory. */
const heapOfC = (): number => {
  const [, heap = ""] = Fs.readFileSync("/proc/self/smaps", "utf8").split("[heap]")
  return 1024 * Number(/Rss:\s+(\d+)/.exec(heap)?.[1] ?? 0)
}

/** Returns the memory of this process: the least of five values, each of which is taken after a garbage collection. */
const memory = async (): Promise<Memory> => {
  let least: Memory = { used: Infinity, resident: Infinity }
  for (let n = 0; n < 5; n++) {
    globalThis.gc!()
    await pause(200)
    const { external, heapUsed, rss } = process.memoryUsage()
    least = {
      used: Math.min(least.used, heapUsed + external + heapOfC()),
      resident: Math.min(least.resident, rss)
    }
  }
  return least
}

/**
 * Milliseconds between two forced garbage collections while this process makes its connections. Forced garbage
 * collections keep the heap small while connections are made, because V8 keeps the memory of a heap that has grown.
 */
const collectMillis = 500

const end = await made()
process.on("message", async (wish: Wish) => {
  const collecting = setInterval(() => globalThis.gc!(), collectMillis)
  if (settings.to !== undefined) {
    let missing = wish - end.open()
    const lane = async () => {
      while (missing-- > 0) await end.dial()
    }
    await Promise.all(Array.from({ length: dialsAtOnce }, lane))
  }
  while (end.open() < wish) await pause(20)
  clearInterval(collecting)
  tell({ memory: await memory() })
})
if (settings.to !== undefined) tell({})
