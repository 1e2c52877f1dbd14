/**
 * Names that the programs of one user share on one host, without a daemon and without an engine.
 *
 * @since 0.2.0
 */
import { optional } from "@furrow/actor/ActorProcess"
import type { OptionalLayer } from "@furrow/actor/ActorRuntime"
import { DiscoveryDriver } from "@furrow/actor/Discovery"
import * as Layer from "effect/Layer"
import * as Path from "node:path"
import * as HostDriver from "./internal/hostDriver.ts"
import * as RuntimeFolder from "./internal/runtimeFolder.ts"

/**
 * The options of names on one host: the folder of their socket. The default folder of the socket for a host's
 * names is `$XDG_RUNTIME_DIR/furrow`, or `furrow-<uid>` among the temporary files.
 *
 * @category models
 * @since 0.2.0
 */
export interface HostOptions {
  readonly folder?: string | undefined
}

/**
 * A Layer of a discovery driver for all programs of this user on this host: `NodeDiscovery.layerHost`, or
 * `NodeDiscovery.layerHost({ folder: "/run/shop" })`. `NodeDiscovery.layerHost` does not work on Windows.
 *
 * The first program of a user holds the names on the host, and answers the user's other programs over a socket that
 * only they can open. When the program that holds the names ends, also by `kill -9`, another one continues with the
 * same names, because the state is written before each answer.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases().pipe(Layer.provide(NodeDiscovery.layerHost))
 * yield* Effect.provide(Discovery.elect("billing")(Effect.succeed(42)), leases) // 42
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layerHost: OptionalLayer<HostOptions, DiscoveryDriver> = optional(
  ({ folder }: HostOptions) =>
    Layer.effect(DiscoveryDriver, HostDriver.make(Path.join(RuntimeFolder.runtimeFolder(folder), "host"))),
  {}
)
