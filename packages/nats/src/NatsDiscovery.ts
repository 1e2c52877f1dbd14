/**
 * NATS as the engine for leases, election and names that several programs share.
 *
 * @since 0.2.0
 */
import { DiscoveryDriver } from "@furrow/actor/Discovery"
import type { NodeConnectionOptions } from "@nats-io/transport-node"
import * as Layer from "effect/Layer"
import * as Driver from "./internal/driver.ts"

/**
 * The settings of the NATS driver.
 *
 * @category models
 * @since 0.2.0
 */
export interface NatsOptions {
  /** The servers of one NATS cluster, as `host:port`. */
  readonly servers: string | ReadonlyArray<string>
  /**
   * The bucket of NATS KV that the driver uses, and creates if it does not exist. The name of the bucket consists of
   * letters, digits, `_` and `-`. Default: `furrow`.
   */
  readonly bucket?: string | undefined
  /** The number of servers in the NATS cluster that keep a bucket which this driver creates. Default: 1. */
  readonly replicas?: number | undefined
  /**
   * Authentication, TLS and other settings of a connection, as `@nats-io/transport-node` defines them. By default the
   * connection has no such settings.
   */
  readonly connection?: Omit<NodeConnectionOptions, "servers"> | undefined
}

/**
 * An engine for all programs that use one NATS server or cluster with JetStream (2.9 or later).
 *
 * The driver sends nothing to NATS before its first operation, so a program starts even if the server is down. A NATS
 * server of version 2.11 or later reports expired leases. An earlier NATS server is polled every second by programs
 * that follow names or wait for names. A log line says whether the server reports expired leases or is polled.
 *
 * The clock of the NATS server decides which leases have expired. The tokens of names keep growing even after the loss
 * of a bucket.
 *
 * @example
 * ```ts check
 * const engine = NatsDiscovery.layer({ servers: ["nats-1:4222", "nats-2:4222", "nats-3:4222"], replicas: 3 })
 * const leases = Discovery.layerLeases().pipe(Layer.provide(engine))
 * yield* Effect.provide(Discovery.elect("billing")(Effect.succeed(42)), leases) // 42
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  { bucket = "furrow", connection, replicas = 1, servers }: NatsOptions
): Layer.Layer<DiscoveryDriver> => {
  const options: NodeConnectionOptions = {
    ...connection,
    servers: typeof servers === "string" ? servers : [...servers]
  }
  return Layer.effect(DiscoveryDriver, Driver.make({ bucket, replicas, connection: options }))
}
