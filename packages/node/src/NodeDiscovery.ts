/**
 * A discovery driver for the names that the programs of one user share on one host; the driver needs no background
 * process and no server.
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
 * The option of a host's discovery driver: the folder of the driver's socket. The default folder of the socket for a
 * host's names is `$XDG_RUNTIME_DIR/furrow`, or `furrow-<uid>` among the temporary files.
 *
 * @category models
 * @since 0.2.0
 */
export interface HostOptions {
  readonly folder?: string | undefined
}

/**
 * A Layer of the discovery driver for all programs of one user on one host: `NodeDiscovery.layerHost`, or
 * `NodeDiscovery.layerHost({ folder: "/run/shop" })`. `NodeDiscovery.layerHost` does not work on Windows.
 *
 * The first program of a user becomes the holder of the host's names, and answers the user's other programs over a
 * private socket. When the program that holds a host's names ends, even by SIGKILL, another program continues with the
 * same names. The program that holds a host's names writes the state of the names to files before each answer.
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
