/** The drivers of a tree in memory, held to the contracts that any driver is held to. */
import { describe, it } from "@effect/vitest"
import { MemoryActor } from "@furrow/actor"
import * as Tree from "@furrow/actor/internal/supervision/Tree"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as SpawnerSuite from "@furrow/testing/SpawnerSuite"
import * as TransportSuite from "@furrow/testing/TransportSuite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What starts the actors of a root in memory. */
const memorySpawner: SpawnerSuite.MakeSpawner = Effect.gen(function*() {
  const context = yield* Layer.buildWithScope(MemoryActor.layer, yield* Effect.scope)
  return (yield* Effect.provide(Tree.current, context)).spawner
})

describe("Actors in memory", () => {
  for (const { run, title } of SpawnerSuite.contract(memorySpawner, { abilities: [] })) it.live(title, () => run)
})

const hub = Effect.sync(() => MemoryTransport.hub())

describe("Actors that listen in memory", () => {
  for (const { run, title } of TransportSuite.contract(hub)) it.live(title, () => run)
})

describe("A connection that was dialled in memory", () => {
  for (const { run, title } of ConnectionSuite.contract(TransportSuite.dialled(hub))) it.live(title, () => run)
})
