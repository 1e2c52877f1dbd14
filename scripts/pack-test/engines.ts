/**
 * Uses the engines as npm installs them with their dependencies. Without a server the operations of an engine fail with
 * a typed error.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Discovery } from "@furrow/actor"
import * as SqlDiscovery from "@furrow/sql/SqlDiscovery"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import assert from "node:assert/strict"

/** A port of the loopback at which no server listens. */
const port = 1

/**
 * The package is imported without types, because declarations of @nats-io fail under `exactOptionalPropertyTypes`. A
 * user needs `skipLibCheck`, which this project does not set.
 */
const nats: string = "@furrow/nats/NatsDiscovery"
const NatsDiscovery = await import(nats) as {
  readonly layer: (options: { readonly servers: string }) => Layer.Layer<Discovery.DiscoveryDriver>
}

const engines = [
  SqlDiscovery.layer.pipe(Layer.provide(PgClient.layer({ host: "127.0.0.1", port, username: "none" }))),
  NatsDiscovery.layer({ servers: `127.0.0.1:${port}` })
]
for (const engine of engines) {
  const renewed = Effect.flatMap(Discovery.DiscoveryDriver, ({ renew }) => renew({ id: "one", ttlMillis: 1_000 }))
  const error: unknown = await Effect.runPromise(Effect.flip(Effect.provide(renewed, engine)))
  assert.ok(error instanceof Discovery.DiscoveryDriverError, String(error))
  console.log(`an engine without a server: ${error.message}`)
}
