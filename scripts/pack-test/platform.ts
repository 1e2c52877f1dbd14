/**
 * A package outside of the repository with its own Transport, Discovery and Spawner. Every actor of the tree must use
 * these parts, and an error in one of them must name it.
 */
import * as Actor from "@furrow/actor/Actor"
import { SpawnFailed } from "@furrow/actor/ActorError"
import * as ActorRuntime from "@furrow/actor/ActorRuntime"
import { Discovery, layerTree } from "@furrow/actor/Discovery"
import * as Registry from "@furrow/actor/Registry"
import { Transport, TransportDriver } from "@furrow/actor/Transport"
import * as NodeActor from "@furrow/node/NodeActor"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as NodeTransport from "@furrow/node/NodeTransport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import assert from "node:assert/strict"
import { deep, here, look } from "./places.js"
import { Counting, counts, hidden, Loop, secrets, Telemetry } from "./wire.js"

const asked = { claims: 0, lists: 0, watches: 0 }

/** The tree's own registrar, with a count of its uses. */
const CountedDiscovery = Layer.effect(
  Discovery,
  Effect.map(Discovery, (below) => ({
    open: (tree: Parameters<typeof below.open>[0]) =>
      Effect.map(below.open(tree), (directory) => ({
        ...directory,
        claim: (entry: Parameters<typeof directory.claim>[0]) => {
          asked.claims++
          return directory.claim(entry)
        },
        list: (name: string | undefined) => {
          asked.lists++
          return directory.list(name)
        },
        watch: (name: string | undefined) => {
          asked.watches++
          return directory.watch(name)
        }
      }))
  }))
).pipe(Layer.provide(layerTree))

const loop = Loop({ host: "127.0.0.1", label: "a" })
const Bare = ActorRuntime.layer({ name: "shop", ambient: Telemetry({ to: "otel" }) })
const Platform = Bare.pipe(
  Layer.provide(loop),
  Layer.provide(CountedDiscovery),
  Layer.provide(Counting({ tag: "mine" })),
  Layer.provide(NodeSpawner.layer)
)

const reset = () => {
  Object.assign(counts, { listened: 0, dialled: 0, spawned: 0, ambient: 0 })
  Object.assign(asked, { claims: 0, lists: 0, watches: 0 })
  secrets.clear()
}

const tree = Actor.nursery(Effect.gen(function*() {
  yield* Actor.start("x", { expose: [look] })
  const y = yield* Actor.start("y", { expose: [deep] })
  const below = yield* y.run(deep({ other: "x" }))
  assert.deepEqual((yield* Registry.list()).map(({ actor }) => actor.name).sort(), ["shop", "x", "y"])
  return { ...below, root: yield* here }
}))

const usesAll = Effect.gen(function*() {
  reset()
  const { child, grandchild, other, root } = yield* Effect.provide(tree, Platform)
  const all = { root, child, grandchild, other }
  for (const [name, place] of Object.entries(all)) assert.match(place.where, new RegExp(`^otel@${place.pid}$`), name)
  for (const [name, place] of Object.entries(all)) assert.equal(place.ambient, 1, name)
  assert.equal(new Set(Object.values(all).flatMap((place) => place.secrets)).size, 1, "one secret for one tree")
  // Checks the connections: the grandchild has dialled the root (for the registry) and the actor x, and both of them
  // listen.
  assert.ok(root.listened === 1 && other.listened === 1, "the root and x listen")
  assert.ok(grandchild.dialled >= 1 && child.dialled >= 1, "child and grandchild dial")
  // Checks the starts: the spawner has started x and y in the root, and the grandchild in y.
  assert.deepEqual([root.spawned, child.spawned, grandchild.spawned], [2, 1, 0])
  assert.equal(child.spawnedBy, `mine/${root.pid}`)
  assert.equal(grandchild.spawnedBy, `mine/${child.pid}`)
  // Checks that only the root uses the Discovery. The root and the child claimed names for their actors, the root
  // listed names, and the child and the grandchild waited for names.
  assert.deepEqual(asked, { claims: 3, lists: 1, watches: 2 })
  console.log("transport, spawner, discovery and ambient Layer are used in root, child and grandchild")
})

const usedByDefault = Effect.gen(function*() {
  reset()
  yield* Effect.provide(tree, NodeActor.layer({ name: "shop" }).pipe(Layer.provide(loop)))
  assert.ok(counts.listened > 0, "NodeActor.layer uses the transport that it is given")
  reset()
  const both = Transport.merge(NodeTransport.layerUnix, loop)
  const { other } = yield* Effect.provide(tree, NodeActor.layer({ name: "shop" }).pipe(Layer.provide(both)))
  assert.deepEqual([other.listened, other.dialled], [1, 0], "all listen, the first that can is dialled")
  console.log("NodeActor.layer uses what it is given")
})

const twoSecrets = Effect.gen(function*() {
  reset()
  yield* Effect.all([Effect.provide(tree, Platform), Effect.provide(tree, Platform)], { concurrency: 2 })
  assert.equal(secrets.size, 2, "two trees with one const Layer have two secrets")
  console.log("two trees with one Layer have two secrets")
})

const wrong = Effect.gen(function*() {
  const built = (layer: Layer.Layer<Transport>) =>
    Effect.flip(Effect.scoped(Layer.build(NodeActor.layer.pipe(Layer.provide(layer)))))
  const settings = yield* built(Loop({ host: 7 as unknown as string, label: "a" }))
  assert.match(settings.message, /the transport "loop" of file:.*wire\.js cannot be built \(step: settings\)/)
  const layer = yield* built(Loop({ host: "nowhere", label: "a" }))
  assert.match(layer.message, /\(step: layer\): nothing listens on nowhere/)

  const started = (transport: Layer.Layer<Transport>) =>
    Effect.map(
      Effect.flip(Effect.provide(Actor.runInActor(look()), NodeActor.layer.pipe(Layer.provide(transport)))),
      (error) => {
        assert.ok(error instanceof SpawnFailed, String(error))
        return error.message
      }
    )
  assert.match(
    yield* started(hidden()),
    /the transport "hidden" of .*it has no transport of that key once it is imported: make it/
  )
  assert.match(yield* started(Loop({ host: "127.0.0.1", label: "only here" })), /"loop".*it works in the root alone/)
  const module = new URL("./thrower.mjs", import.meta.url).href
  const thrower = Transport.portable("thrower", { module }, () =>
    Layer.succeed(TransportDriver, {
      dials: () => false,
      listen: () => Effect.never,
      dial: () => Effect.never
    }))
  assert.match(
    yield* started(thrower),
    /the transport "thrower" of .*thrower\.mjs .*\(step: import\): .*license expired/
  )
  console.log("a wrong setting, a missing export, a module that throws and a Layer that fails are named")
})

const program = Effect.gen(function*() {
  yield* usesAll
  yield* usedByDefault
  yield* twoSecrets
  yield* wrong
})

/** This function is never called: it checks that a missing part does not compile. */
export const left = () => {
  // @ts-expect-error the Discovery is missing
  NodeActor.runMain(Effect.void, { layer: Bare.pipe(Layer.provide(loop), Layer.provide(NodeSpawner.layer)) })
  // @ts-expect-error the Transport is missing
  NodeActor.runMain(Effect.void, { layer: Bare.pipe(Layer.provide(layerTree), Layer.provide(NodeSpawner.layer)) })
  // @ts-expect-error the platform's own spawner is missing
  NodeActor.runMain(Effect.void, { layer: Bare.pipe(Layer.provide([loop, layerTree, Counting({ tag: "t" })])) })
  // @ts-expect-error a live transport is no plan: it could not travel
  return Layer.succeed(Transport, { listen: () => Effect.never, dial: () => Effect.never })
}

await Effect.runPromise(program)
