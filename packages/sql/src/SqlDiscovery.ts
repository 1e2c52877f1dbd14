/**
 * Makes PostgreSQL the engine for leases, elections and names that several programs share.
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
 * The settings of the discovery driver for PostgreSQL.
 *
 * @category models
 * @since 0.2.0
 */
export interface SqlOptions {
  /**
   * The schema of the PostgreSQL driver's tables, which is also the channel of its notifications: small letters, digits
   * and `_`. Default: `furrow`.
   */
  readonly schema?: string | undefined
  /**
   * True when the PostgreSQL driver may create missing tables. If the setting `migrate` is false, the program or its
   * operator must run the SQL statement that the function `migration` returns. Default: `true`.
   */
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
 * The SQL statement that creates the driver's tables and functions, for a program whose database user may not create
 * them. A repeated run of the statement that creates the tables changes nothing.
 *
 * The database user of a program that does not create the driver's tables needs the privilege `usage` on the schema and
 * on its sequence. The database user of such a program also needs the privileges `select, insert, update, delete` on
 * the tables.
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
 * An engine for all programs that use the same PostgreSQL (14 or later): `SqlDiscovery.layer`, or
 * `SqlDiscovery.layer({ schema: "shop" })`.
 *
 * The driver of PostgreSQL needs a `PgClient` in its context. The driver sends nothing to PostgreSQL before its first
 * operation, so a program starts even if the server is down. An operation of the PostgreSQL driver takes a connection
 * from the pool of the `PgClient`. A program that follows names or waits for names over PostgreSQL keeps a second
 * connection.
 *
 * The clock of the PostgreSQL server decides which leases have expired. The fencing tokens in a new database begin at a
 * number made from the time, so they are larger than those of a lost database.
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
