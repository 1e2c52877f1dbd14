/**
 * The ways in which the actors of a tree reach each other: over Unix sockets, over TCP, or over mutual TLS between
 * several hosts. Each transport of Node is a plan, and every actor knows these plans without importing a module.
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
 * The options of Unix sockets: the folder of this user's trees. The default folder of Unix sockets is
 * `$XDG_RUNTIME_DIR/furrow`, or `furrow-<uid>` among the temporary files.
 *
 * The folder of Unix sockets must belong to this user and be closed to all other users, or the transport fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnixOptions {
  readonly folder?: string | undefined
}

/**
 * The module name `furrow:node` in the plans of `@furrow/node`; no file has this name. Every actor knows the transports
 * of `@furrow/node` without an import.
 */
const module = "furrow:node"

/**
 * Makes the driver of Unix sockets in the process of the root. The tree's folder of sockets is removed when the last
 * actor has ended, or at the end of the root's process.
 */
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
 * Lets actors listen at Unix sockets of mode 0600 in a private folder of their tree: `NodeTransport.layerUnix`, or
 * `NodeTransport.layerUnix({ folder: "/run/shop" })`. `NodeTransport.layerUnix` does not work on Windows.
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
    // The root chooses the folder of a tree's sockets, because actors may have another environment.
    Layer.sync(Transport, () => {
      const base = RuntimeFolder.runtimeFolder(folder)
      const data = { module, key: "unix", settings: base }
      return { parts: [{ module, key: "unix", data: Effect.succeed(data), layer: unixOfRoot(base) }] }
    }),
  {}
)

/**
 * The options of the address at which actors listen over TCP or TLS.
 *
 * @category models
 * @since 0.2.0
 */
export interface PlaceOptions {
  /**
   * An IPv4 or IPv6 address of this host, at which actors listen. The default host for actors over TCP is 127.0.0.1.
   */
  readonly host?: string | undefined
  /**
   * The first and the last port of a range, in which each listening actor of the tree takes a free port. By default an
   * actor listens at any free port.
   */
  readonly ports?: readonly [first: number, last: number] | undefined
  /**
   * The address or host name at which other actors dial the actors of this host. The default of the option `advertise`
   * is the value of the option `host`. The option `advertise` is required where the option `host` stands for every
   * address (`0.0.0.0`, `::`).
   */
  readonly advertise?: string | undefined
}

/**
 * The options of the transport over TCP. Beyond the loopback, anyone on the network path can read and change an actor's
 * messages over TCP, because the proof of membership encrypts nothing.
 *
 * @category models
 * @since 0.2.0
 */
export interface TcpOptions extends PlaceOptions {
  /**
   * Allows an actor to listen beyond the loopback without encryption. Without the option `insecure` the Layer of TCP
   * fails for a host beyond the loopback; use the Layer `NodeTransport.layerTls` instead.
   */
  readonly insecure?: "I know" | undefined
}

/**
 * The options of TLS: the host and ports at which actors listen, and the paths of three PEM files. Every actor of the
 * tree reads the PEM files itself, so that no key is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface TlsOptions extends PlaceOptions {
  /** An IPv4 or IPv6 address of this host, at which actors listen over TLS. */
  readonly host: string
  /**
   * The path of the PEM file with the certificates of the trusted authorities. The authorities that the operating
   * system trusts are not used for the tree's TLS.
   */
  readonly ca: string
  /** The path of this host's certificate, which contains the DNS name or IP address that other actors dial. */
  readonly cert: string
  /** The path of the private key of this host's certificate, which must not be encrypted. */
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
 * Tcp: `NodeTransport.layerTcp` lets each actor listen on 127.0.0.1 at a free port, and
 * `NodeTransport.layerTcp({ host: "::1" })` at another address. Any user of the host can dial an actor's TCP port, but
 * the proof of membership refuses strangers.
 *
 * Beyond the loopback `NodeTransport.layerTcp` fails with `RuntimeLayerError`, unless the option `insecure` is
 * `"I know"`, because messages are not encrypted.
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
 * TCP under mutual TLS 1.3, for trees on several hosts. Both ends of a TLS connection between actors show a certificate
 * of an authority in the file that the option `ca` names. The listener's certificate must name the dialled host. Over
 * the encrypted TLS channel each actor also proves its membership of the tree, and the proof is valid only for this
 * channel.
 *
 * `NodeTransport.layerTls` fails with `RuntimeLayerError` where a PEM file cannot be read, where key and certificate do
 * not match, or where host or ports are invalid.
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
    // The root resolves the paths of the PEM files, because actors may have another working directory.
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
 * The default transport of this platform, which is a Unix socket for each actor. On Windows the default transport is
 * TCP.
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
 * Makes a transport of `@furrow/node` in an actor, from the data that the actor's parent sent. Returns `undefined` for
 * the data of a transport from another package.
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
