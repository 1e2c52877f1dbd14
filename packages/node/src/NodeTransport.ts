/**
 * How the actors of a tree on this machine reach each other: over Unix sockets in a private folder, or over tcp on the
 * loopback. Both are plans like any other transport's, and every actor knows them without importing anything.
 *
 * @since 0.1.0
 */
import { type Builtin, optional, type PortableData } from "@furrow/actor/ActorProcess"
import type { OptionalLayer } from "@furrow/actor/ActorRuntime"
import { Credentials } from "@furrow/actor/Credentials"
import { Transport, TransportDriver } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Drivers from "./internal/drivers.ts"
import * as RuntimeFolder from "./internal/runtimeFolder.ts"

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

/** No module: these are found where they are. */
const module = "furrow:node"

/** The root's driver: what the tree leaves is removed when the last actor has ended, or with the process. */
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
 * Tcp on 127.0.0.1, at a free port of each actor. Any user of the machine can dial it; the proof of membership refuses
 * dialers that do not belong to the tree.
 *
 * @example
 * ```ts
 * const platform = MemoryActor.layer.pipe(Layer.provide(NodeTransport.layerTcp))
 * yield* Effect.provide(program, platform) // true
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layerTcp: Layer.Layer<Transport> = Layer.sync(Transport, () => {
  const data = { module, key: "tcp", settings: "" }
  return {
    parts: [{
      module,
      key: "tcp",
      data: Effect.succeed(data),
      layer: Layer.succeed(TransportDriver, Drivers.tcp)
    }]
  }
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
 * const make = NodeTransport.builtin({ module: "furrow:node", key: "tcp", settings: "" })
 * const { run, tree } = spec
 * make?.("", { run, tree, secret: Redacted.make(spec.secret) }).dials("/ip4/127.0.0.1/tcp/4711") // true
 * NodeTransport.builtin({ module: "tls.ts", key: "tls", settings: "" }) // undefined
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const builtin = (data: PortableData): Builtin | undefined => {
  if (data.module !== module) return undefined
  return data.key === "unix"
    ? (base, { run }) => Drivers.unix(RuntimeFolder.treeFolder(base, run))
    : () => Drivers.tcp
}
