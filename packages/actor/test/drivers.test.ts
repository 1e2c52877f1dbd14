/** The drivers of a tree in memory, held to the contracts that any driver is held to. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Discovery from "@furrow/actor/Discovery"
import * as LocalActor from "@furrow/actor/internal/local/LocalActor"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as Spawner from "@furrow/actor/Spawner"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as DiscoverySuite from "@furrow/testing/DiscoverySuite"
import * as SpawnerSuite from "@furrow/testing/SpawnerSuite"
import * as TransportSuite from "@furrow/testing/TransportSuite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { startBelow } from "./fixtures/below.ts"

/** The spawner of a root in memory. */
const memorySpawner: SpawnerSuite.MakeSpawner = Effect.gen(function*() {
  const context = yield* Layer.buildWithScope(MemoryActor.layer, yield* Effect.scope)
  return (yield* Effect.provide(LocalActor.current, context)).spawner
})

describe("Actors in memory", () => {
  for (const { run, title } of SpawnerSuite.contract(memorySpawner, { abilities: [] })) it.live(title, () => run)
})

/** As a program writes it around the spawner of its platform, which would start processes. */
const starts: Array<string> = []
const Noted = Spawner.Spawner.portable("noted", { module: import.meta.url }, () =>
  Layer.effect(
    Spawner.SpawnerDriver,
    Effect.map(Spawner.NativeSpawner, (native) => ({
      ...native,
      spawn: (request) =>
        Effect.map(native.spawn(request), (handle) => {
          starts.push(handle.actor.name)
          return { ...handle }
        })
    }))
  ))
const Processes = Layer.succeed(Spawner.Spawner, {
  plan: undefined,
  native: () => Effect.die("a tree in memory starts no processes")
})
const NotedProcesses = Noted.pipe(Layer.provide(Processes))

describe("A program's own spawner wraps the spawner of actors in memory", () => {
  const memory = memorySpawner.pipe(Effect.map((spawner) =>
    Layer.succeed(Spawner.Spawner, {
      plan: undefined,
      native: () =>
        Effect.succeed({
          spawner,
          pid: 0,
          refusal: undefined,
          authenticator: undefined,
          killAll: () => {},
          stopAll: () => {},
          continueAll: () => {}
        })
    })
  ))
  const make = Effect.flatMap(memory, (native) => SpawnerSuite.fromLayer(Noted.pipe(Layer.provide(native))))
  for (const { run, title } of SpawnerSuite.contract(make, { abilities: [] })) it.live(title, () => run)

  it.effect("a spawner that wraps actors in memory starts every actor of a tree, at any depth", () =>
    Effect.gen(function*() {
      yield* Actor.runInActor(startBelow(), { name: "above-in-memory" })
      assert.includeMembers(starts, ["above-in-memory", "below-in-memory"])
    }).pipe(Effect.provide(MemoryActor.layer.pipe(Layer.provide(NotedProcesses)))))
})

const hub = Effect.sync(() => MemoryTransport.hub())

describe("The transport in memory keeps the contract of a transport", () => {
  for (const { run, title } of TransportSuite.contract(hub)) it.live(title, () => run)
})

describe("A connection that was dialled in memory keeps the contract of a connection", () => {
  for (const { run, title } of ConnectionSuite.contract(TransportSuite.dialled(hub))) it.live(title, () => run)
})

describe("The registrar of a tree passes the test suite that every Discovery must pass", () => {
  const make = DiscoverySuite.fromLayer(Discovery.layerTree)
  for (const { run, title } of DiscoverySuite.contract(make)) it.live(title, () => run)
})

/** As a program writes it around the tree's own: a copy, with one function replaced. */
const claims: Array<string> = []
const Counted = Layer.effect(
  Discovery.Discovery,
  Effect.map(Discovery.Discovery, (below) => ({
    open: (local: Discovery.DiscoveryTree) =>
      Effect.map(below.open(local), (directory) => ({
        ...directory,
        claim: (entry: Discovery.Entry) =>
          Effect.tap(directory.claim(entry), () => Effect.sync(() => claims.push(entry.actor.name)))
      }))
  }))
).pipe(Layer.provide(Discovery.layerTree))

describe("A program's own Discovery wraps the registrar of its tree", () => {
  for (const { run, title } of DiscoverySuite.contract(DiscoverySuite.fromLayer(Counted))) it.live(title, () => run)

  it.effect("a program's own Discovery around the registrar of its tree sees every start in the tree", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Actor.startScoped("counted-by-the-program", { expose: [] }))
      assert.include(claims, "counted-by-the-program")
    }).pipe(Effect.provide(MemoryActor.layer.pipe(Layer.provide(Counted)))))
})
