/**
 * NATS as the engine of leases, election and names that programs share.
 *
 * @since 0.2.0
 */
import { DiscoveryDriver } from "@furrow/actor/Discovery"
import type { NodeConnectionOptions } from "@nats-io/transport-node"
import * as Layer from "effect/Layer"
import * as Driver from "./internal/driver.ts"

/**
 * Settings of the driver.
 *
 * @category models
 * @since 0.2.0
 */
export interface NatsOptions {
  /** The servers of one cluster, as `host:port`. */
  readonly servers: string | ReadonlyArray<string>
  /** The bucket of NATS KV, which is made where it is absent. Letters, digits, `_` and `-`. Default: `furrow`. */
  readonly bucket?: string | undefined
  /** On how many servers of the cluster a bucket is kept that is made here. Default: 1. */
  readonly replicas?: number | undefined
  /** Authentication, TLS and anything else of a connection, as `@nats-io/transport-node` has it. Default: nothing. */
  readonly connection?: Omit<NodeConnectionOptions, "servers"> | undefined
}

/**
 * An engine for all programs that ask one NATS server or cluster with JetStream (2.9 or later).
 *
 * Nothing is asked of the server before the first operation, so a program starts also while the server is down. From 2.11 on the
 * server tells of leases that have expired. An earlier one is asked every second by programs that follow or wait for names. A log
 * line says which it is.
 *
 * The clock of the server decides which leases have expired. Tokens grow also beyond a bucket that was lost.
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
