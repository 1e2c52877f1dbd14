/**
 * How the actors of a tree reach each other: over Unix sockets in a private folder, over tcp, or over mutual TLS where they
 * are on several machines. All are plans like any other transport's, and every actor knows them without importing anything.
 *
 * @since 0.1.0
 */
import { type Builtin, optional, type PortableData } from "@furrow/actor/ActorProcess"
import type { OptionalLayer } from "@furrow/actor/ActorRuntime"
import { Credentials } from "@furrow/actor/Credentials"
import { Transport, TransportDriver, TransportError, type TransportPlan } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "node:path"
import * as Drivers from "./internal/drivers.ts"
import { type Place, problemOf } from "./internal/listening.ts"
import * as RuntimeFolder from "./internal/runtimeFolder.ts"
import * as TcpSocket from "./internal/tcpSocket.ts"
import * as TlsSocket from "./internal/tlsSocket.ts"

/**
 * The folder of this user's trees. Default: `$XDG_RUNTIME_DIR/furrow`, or `furrow-<uid>` among the temporary files.
 *
 * It must be ours and open to us alone, or it is refused.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnixOptions {
  readonly folder?: string | undefined
}

/** The name that plans of this package have in the place of a module: every actor knows these transports without an import. */
const module = "furrow:node"

/** The driver of Unix sockets in the root. The tree's folder is removed when the last actor has ended, or with the process. */
const unixOfRoot = (base: string) =>
  Layer.effect(
    TransportDriver,
    Effect.gen(function*() {
      const { run } = yield* Credentials
      const folder = RuntimeFolder.treeFolder(base, run)
      yield* Effect.acquireRelease(
        Effect.sync(() => Drivers.closeWithProcess(folder)),
        (close) => Effect.sync(close)
      )
      return Drivers.unix(folder)
    })
  )

/**
 * Unix sockets, mode 0600, in a private folder of the tree: `NodeTransport.layerUnix`, or
 * `NodeTransport.layerUnix({ folder: "/run/shop" })`. Not on Windows.
 *
 * @example
 * ```ts
 * const platform = MemoryActor.layer.pipe(Layer.provide(NodeTransport.layerUnix))
 * yield* Effect.provide(program, platform) // true
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layerUnix: OptionalLayer<UnixOptions, Transport> = optional(
  ({ folder }: UnixOptions) =>
    // The folder is decided in the root: actors may have another environment.
    Layer.sync(Transport, () => {
      const base = RuntimeFolder.runtimeFolder(folder)
      const data = { module, key: "unix", settings: base }
      return { parts: [{ module, key: "unix", data: Effect.succeed(data), layer: unixOfRoot(base) }] }
    }),
  {}
)

/**
 * The place where actors listen over tcp or TLS.
 *
 * @category models
 * @since 0.2.0
 */
export interface PlaceOptions {
  /** An IPv4 or IPv6 literal of this machine. Default of tcp: 127.0.0.1. */
  readonly host?: string | undefined
  /** The first and the last port of a range: each actor that listens takes a free one. Default: any free port. */
  readonly ports?: readonly [first: number, last: number] | undefined
  /** The literal or name that others dial, which is `host` by default. Needed where that is every host (`0.0.0.0`, `::`). */
  readonly advertise?: string | undefined
}

/**
 * The place of tcp. Beyond the loopback everybody on the way can read and change what actors say: the proof of membership
 * hides nothing.
 *
 * @category models
 * @since 0.2.0
 */
export interface TcpOptions extends PlaceOptions {
  /** Allows an actor to listen beyond the loopback without encryption. Default: the Layer fails there; use `layerTls` instead. */
  readonly insecure?: "I know" | undefined
}

/**
 * The place of TLS, and the paths of three PEM files. Every actor of the tree reads them itself, so that keys never
 * cross.
 *
 * @category models
 * @since 0.2.0
 */
export interface TlsOptions extends PlaceOptions {
  /** An IPv4 or IPv6 literal of this machine. */
  readonly host: string
  /** The path of the certificates of the trusted authorities. The system's own authorities are not trusted. */
  readonly ca: string
  /** The path of this host's certificate, which names the host that others dial as a DNS name or an IP address. */
  readonly cert: string
  /** The path of the private key of the certificate, not encrypted. */
  readonly key: string
}

const driverOf = (check: () => string | undefined, make: () => TransportDriver["Service"]) =>
  Layer.effect(
    TransportDriver,
    Effect.suspend(() => {
      const problem = check()
      return problem === undefined
        ? Effect.sync(make)
        : Effect.fail(new TransportError({ gone: false, reason: problem }))
    })
  )

const planOf = (key: string, settings: string, layer: ReturnType<typeof driverOf>): TransportPlan => ({
  parts: [{ module, key, data: Effect.succeed({ module, key, settings }), layer }]
})

const insecure = (host: string) =>
  `tcp at ${host} leaves this machine: everybody on the way can read and change what actors say. Use ` +
  "NodeTransport.layerTls, or say `insecure: \"I know\"`"

const problemOfTcp = (options: TcpOptions & Place): string | undefined =>
  problemOf(options) ??
    (Address.isLoopbackHost(options.host) || options.insecure === "I know" ? undefined : insecure(options.host))

/**
 * Tcp: `NodeTransport.layerTcp` listens on 127.0.0.1, at a free port of each actor, and
 * `NodeTransport.layerTcp({ host: "::1" })` elsewhere. Any user of the machine can dial it; the proof of membership refuses
 * dialers that do not belong to the tree.
 *
 * Beyond the loopback it fails with `RuntimeLayerError`, unless told `insecure: "I know"`: what actors say is not encrypted.
 *
 * @example
 * ```ts
 * const platform = MemoryActor.layer.pipe(Layer.provide(NodeTransport.layerTcp))
 * yield* Effect.provide(program, platform) // true
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layerTcp: OptionalLayer<TcpOptions, Transport> = optional(
  (options: TcpOptions) =>
    Layer.sync(Transport, () => {
      const place = { ...options, host: options.host ?? TcpSocket.loopback.host }
      return planOf("tcp", JSON.stringify(place), driverOf(() => problemOfTcp(place), () => Drivers.tcp(place)))
    }),
  {}
)

/**
 * Tcp under mutual TLS 1.3, for trees on several machines: both ends show a certificate of one of the authorities in `ca`, and
 * the dialler checks that it names the host that it dialled. Membership is proven on top, bound to the channel.
 *
 * It fails with `RuntimeLayerError` where a file cannot be read, the files do not go together, or the place is none.
 *
 * @example
 * ```ts
 * const { cert, key } = { cert: "/etc/furrow/host.crt", key: "/etc/furrow/host.key" }
 * const tls = NodeTransport.layerTls({ host: "10.0.0.4", ca: "/etc/furrow/ca.crt", cert, key })
 * const { parts } = yield* Effect.provide(Transport.Transport, tls)
 * parts.map(({ key }) => key) // ["tls"]
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layerTls = (options: TlsOptions): Layer.Layer<Transport> =>
  Layer.sync(Transport, () => {
    const { ca, cert, key, ...place } = options
    // The paths are resolved in the root, because actors may have another working directory.
    const files = { ca: Path.resolve(ca), cert: Path.resolve(cert), key: Path.resolve(key) }
    const check = () => {
      try {
        TlsSocket.meansOf(files)
      } catch (error) {
        return (error as Error).message
      }
      return problemOf(place)
    }
    return planOf("tls", JSON.stringify({ place, files }), driverOf(check, () => Drivers.tls(place, files)))
  })

/**
 * The default of this platform: Unix sockets, or tcp on Windows.
 *
 * @example
 * ```ts
 * const { parts } = yield* Effect.provide(Transport.Transport, NodeTransport.layerDefault)
 * parts.length // 1
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layerDefault: Layer.Layer<Transport> = Drivers.hasUnixSockets ? layerUnix : layerTcp

/**
 * Makes one of these transports in an actor, of the data that its parent told it. `undefined` for the data of any other
 * transport.
 *
 * @example
 * ```ts
 * const make = NodeTransport.builtin({ module: "furrow:node", key: "tcp", settings: `{"host":"::1"}` })
 * const { run, tree } = spec
 * make?.(`{"host":"::1"}`, { run, tree, secret: Redacted.make(spec.secret) }).dials("/ip4/127.0.0.1/tcp/4711") // true
 * NodeTransport.builtin({ module: "tls.ts", key: "tls", settings: "" }) // undefined
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const builtin = (data: PortableData): Builtin | undefined => {
  if (data.module !== module) return undefined
  switch (data.key) {
    case "unix":
      return (base, { run }) => Drivers.unix(RuntimeFolder.treeFolder(base, run))
    case "tls":
      return (settings) => {
        const { files, place } = JSON.parse(settings) as { readonly files: TlsSocket.Files; readonly place: Place }
        return Drivers.tls(place, files)
      }
    default:
      return (settings) => Drivers.tcp(settings === "" ? TcpSocket.loopback : JSON.parse(settings) as Place)
  }
}
