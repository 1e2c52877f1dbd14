/**
 * PostgreSQL as the engine of leases, election and names that programs share.
 *
 * @since 0.2.0
 */
import { PgClient } from "@effect/sql-pg/PgClient"
import { optional } from "@furrow/actor/ActorProcess"
import type { OptionalLayer } from "@furrow/actor/ActorRuntime"
import { DiscoveryDriver } from "@furrow/actor/Discovery"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Driver from "./internal/driver.ts"
import * as Migration from "./internal/migration.ts"

/**
 * Settings of the driver.
 *
 * @category models
 * @since 0.2.0
 */
export interface SqlOptions {
  /** The schema of its tables, and the channel of its notifications: small letters, digits and `_`. Default: `furrow`. */
  readonly schema?: string | undefined
  /** The driver makes its tables where they are absent. Otherwise run `migration` by other means. Default: `true`. */
  readonly migrate?: boolean | undefined
}

const schemaNamed = (schema: string | undefined = "furrow"): string => {
  if (/^[a-z_][a-z0-9_]{0,49}$/.test(schema)) return schema
  throw new Error(
    `the schema ${
      JSON.stringify(schema)
    } of SqlDiscovery is no name of small letters, digits and "_" with at most 50 of them`
  )
}

/**
 * The statement that makes the tables and functions of the driver: for a migration of your own, where the program's user may
 * not make them. Run again, it changes nothing.
 *
 * The program's user then needs `usage` on the schema, all of `select, insert, update, delete` on its tables, and `usage` on
 * its sequence.
 *
 * @example
 * ```ts
 * const text = SqlDiscovery.migration({ schema: "shop" })
 * text.includes("create schema if not exists shop") // true
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const migration = ({ schema }: Pick<SqlOptions, "schema"> = {}): string =>
  Migration.migration(schemaNamed(schema))

/**
 * An engine for all programs that ask one PostgreSQL (14 or later): `SqlDiscovery.layer`, or `SqlDiscovery.layer({ schema: "shop" })`.
 *
 * It needs a `PgClient`. Nothing is asked of the server before the first operation, so a program starts also while the server is
 * down. An operation takes a connection from the client's pool. A program that follows or waits for names keeps one more.
 *
 * The clock of the server decides which leases have expired. Tokens grow also beyond a database that was lost.
 *
 * @example
 * ```ts check
 * const engine = SqlDiscovery.layer.pipe(Layer.provide(PgClient.layer({ host: "db.example", database: "shop" })))
 * const leases = Discovery.layerLeases().pipe(Layer.provide(engine))
 * yield* Effect.provide(Discovery.elect("billing")(Effect.succeed(42)), leases) // 42
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layer: OptionalLayer<SqlOptions, DiscoveryDriver, never, PgClient> = optional(
  ({ migrate = true, schema }: SqlOptions) => {
    const settings = { schema: schemaNamed(schema), migrate }
    return Layer.effect(DiscoveryDriver, Effect.flatMap(PgClient, (sql) => Driver.make(sql, settings)))
  },
  {}
)
