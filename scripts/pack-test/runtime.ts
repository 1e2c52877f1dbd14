/**
 * Checks which runtime the actors of a project use. The first argument is the expected runtime: `bundle` or `modules`.
 * A second argument is the URL of another module with the same endpoint, which an actor imports instead.
 */
import { Actor } from "@furrow/actor"
import { NodeActor, NodeSpawner } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { identity, stack } from "./identity.js"
import { divide, DividedByZero } from "./work.js"

const [expected, elsewhere] = process.argv.slice(2)

/** The same endpoint by name, in a module that imports another file. */
const other = Actor.fn("identity", {
  module: elsewhere ?? import.meta.url,
  success: Schema.Struct({ effect: Schema.String, actor: Schema.String, differ: Schema.Array(Schema.String) })
})(() => Effect.die("this one is not served"))

/** A root whose actors have a guard thread, also where the platform has a better guard. */
const underThreads = NodeActor.layer.pipe(Layer.provide(NodeSpawner.layer({ guard: "thread" })))

NodeActor.runMain(Effect.gen(function*() {
  const found = yield* Actor.runInActor(elsewhere === undefined ? identity() : other())
  assert.deepEqual(found.differ, [])
  for (const url of [found.effect, found.actor]) {
    assert.equal(/\/node_modules\/@furrow\/node\/dist\/runtime\//.test(url) ? "bundle" : "modules", expected, url)
  }
  const thrown = yield* Actor.runInActor(stack())
  assert.match(thrown, /^Error: thrown on purpose\n\s+at thrower \(.*\/identity\.(js|ts):\d+:\d+\)/)
  assert.match(thrown, /at FiberImpl\.runLoop /)
  const error = yield* Effect.flip(Actor.runInActor(divide({ a: 1, b: 0 })))
  assert.ok(error instanceof DividedByZero)
  const alike = yield* Effect.provide(Actor.runInActor(elsewhere === undefined ? identity() : other()), underThreads)
  assert.deepEqual(alike, found)
  console.log(`ran on the ${expected}`)
}))
