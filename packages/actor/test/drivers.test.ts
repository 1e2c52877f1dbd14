/** The drivers of a tree in memory, held to the contracts that any driver is held to. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Discovery from "@furrow/actor/Discovery"
import * as Tree from "@furrow/actor/internal/supervision/Tree"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as DiscoverySuite from "@furrow/testing/DiscoverySuite"
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

describe("The registrar of a tree", () => {
  const make = DiscoverySuite.fromLayer(Discovery.layerTree)
  for (const { run, title } of DiscoverySuite.contract(make)) it.live(title, () => run)
})

/** As a program writes it around the tree's own: a copy, with one function replaced. */
const claims: Array<string> = []
const Counted = Layer.effect(
  Discovery.Discovery,
  Effect.map(Discovery.Discovery, (below) => ({
    open: (tree: Discovery.DiscoveryTree) =>
      Effect.map(below.open(tree), (directory) => ({
        ...directory,
        claim: (entry: Discovery.Entry) =>
          Effect.tap(directory.claim(entry), () => Effect.sync(() => claims.push(entry.actor.name)))
      }))
  }))
).pipe(Layer.provide(Discovery.layerTree))

describe("A Discovery of the program's around the registrar", () => {
  for (const { run, title } of DiscoverySuite.contract(DiscoverySuite.fromLayer(Counted))) it.live(title, () => run)

  it.effect("sees every start of a tree", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Actor.startScoped("counted-by-the-program", { expose: [] }))
      assert.include(claims, "counted-by-the-program")
    }).pipe(Effect.provide(MemoryActor.layer.pipe(Layer.provide(Counted)))))
})
