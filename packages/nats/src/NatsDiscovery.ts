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
 * The settings of the discovery driver for NATS.
 *
 * @category models
 * @since 0.2.0
 */
export interface NatsOptions {
  /** The servers of one NATS cluster, as `host:port`. */
  readonly servers: string | ReadonlyArray<string>
  /**
   * The bucket of NATS KV in which the driver keeps leases and names, and which the driver creates where it does not
   * exist. The name of the driver's bucket consists of letters, digits, `_` and `-`. Default: `furrow`.
   */
  readonly bucket?: string | undefined
  /** The number of servers in the NATS cluster that store a bucket which the driver creates. Default: 1. */
  readonly replicas?: number | undefined
  /**
   * Authentication, TLS and other settings of the connection to NATS, as `@nats-io/transport-node` defines them. By
   * default the connection to NATS has neither authentication nor TLS.
   */
  readonly connection?: Omit<NodeConnectionOptions, "servers"> | undefined
}

/**
 * An engine for all programs that use the same NATS server or cluster with JetStream (2.9 or later).
 *
 * The driver for NATS sends nothing before its first operation, so a program starts even if the server is down. A NATS
 * server of version 2.11 or later reports expired leases. A NATS server before version 2.11 is polled every second by
 * programs that follow names or wait for names. A log line of the driver says whether the NATS server reports expired
 * leases or is polled.
 *
 * The clock of the NATS server decides which leases have expired. The fencing tokens of names keep growing even after
 * the loss of the NATS bucket that holds the names.
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
