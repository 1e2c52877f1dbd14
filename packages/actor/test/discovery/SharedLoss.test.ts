/** Trees that lose each other, or the engine at which they meet: what fails, when, and what is true again afterwards. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry } from "@furrow/actor"
import { ActorUnreachable, NameTaken } from "@furrow/actor/ActorError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { forest, type Tree } from "../support/Forest.ts"
import { pass, settle, until } from "../support/Time.ts"

const double = Actor.fn("double", { module: import.meta.url, payload: { n: Schema.Int }, success: Schema.Int })(
  ({ n }) => Effect.succeed(n * 2)
)

const start = (tree: Tree, name: string, options: { readonly unique?: boolean } = {}) =>
  tree.run(Actor.startScoped(name, { expose: [double], ...options }))

/** What a watcher of one name hears. */
const watching = (tree: Tree, name: string) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const told = Stream.runForEach(Registry.watch({ name }), (change) =>
      Effect.sync(() =>
        heard.push(
          change._tag === "Snapshot"
            ? `all ${change.entries.map(({ tree }) => tree ?? "own").join(" ")}`.trim()
            : change._tag === "Up"
            ? `up ${change.entry.tree ?? "own"}`
            : `${change.why} ${change.entry.tree ?? "own"}`
        )
      ))
    yield* Effect.forkScoped(tree.run(told))
    yield* settle
    return heard
  })

describe("A tree keeps running when an outage cuts it off from its engine or another tree, and is listed again after the outage", () => {
  it.effect("G263: actors of a tree that is cut off from the engine leave the lists of other trees when its lease expires, and return afterwards", () =>
    Effect.gen(function*() {
      const { cut, heal, plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      const heard = yield* watching(left, "bert")
      yield* until(5_000)(start(right, "bert"))
      yield* pass(500)
      assert.deepStrictEqual(heard, ["all", "up right"])
      cut("right")
      yield* pass(11_000, 500)
      assert.deepStrictEqual(heard, ["all", "up right"])
      yield* pass(5_000, 500)
      assert.deepStrictEqual(heard, ["all", "up right", "stale right"])
      heal("right")
      yield* pass(8_000, 500)
      assert.deepStrictEqual(heard, ["all", "up right", "stale right", "up right"])
    }))

  it.effect("G264: a start returns while the engine is out of reach, and other trees see its actor once the engine is back", () =>
    Effect.gen(function*() {
      const { cut, heal, plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      const heard = yield* watching(left, "bert")
      cut("right")
      const fiber = yield* Effect.forkChild(start(right, "bert"))
      yield* pass(50)
      assert.isDefined(fiber.pollUnsafe())
      yield* pass(20_000, 500)
      assert.deepStrictEqual(heard, ["all"])
      heal("right")
      yield* pass(8_000, 500)
      assert.deepStrictEqual(heard, ["all", "up right"])
    }))

  it.effect("G264: the list of other trees survives an outage of the engine, and every watcher gets one snapshot after the outage", () =>
    Effect.gen(function*() {
      const { cut, heal, plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* until(5_000)(start(right, "bert"))
      yield* pass(500)
      const heard = yield* watching(left, "bert")
      cut("left")
      yield* pass(30_000, 500)
      assert.strictEqual(
        yield* until(5_000)(left.run(Effect.scoped(Effect.flatMap(
          Registry.wait([double], "bert"),
          (bert) => bert.run(double({ n: 2 }))
        )))),
        4
      )
      assert.deepStrictEqual(heard, ["all right"])
      heal("left")
      yield* pass(8_000, 500)
      assert.deepStrictEqual(heard, ["all right", "all right"])
    }))

  it.effect("G264: trees publish all their actors again at an engine that has lost everything", () =>
    Effect.gen(function*() {
      const { plant, wipe } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* until(5_000)(start(right, "bert"))
      yield* pass(500)
      const heard = yield* watching(left, "bert")
      yield* wipe
      yield* pass(16_000, 500)
      assert.strictEqual(heard.at(-1)?.endsWith("right"), true)
      const listed = yield* left.run(Registry.list({ name: "bert" }))
      assert.deepStrictEqual(listed.map(({ tree }) => tree), ["right"])
    }))

  it.effect("G263: other trees stop listing the actors of a tree as soon as it ends", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* pass(500)
      const heard = yield* watching(left, "right")
      assert.deepStrictEqual(heard, ["all right"])
      const ending = yield* Effect.forkChild(right.end)
      yield* pass(200)
      yield* Fiber.join(ending)
      assert.deepStrictEqual(heard, ["all right", "stale right"])
    }))
})

describe("A name that an actor has alone has one holder among all trees", () => {
  it.effect("G265: a start with a unique name fails when the engine does not answer, and holds no name", () =>
    Effect.gen(function*() {
      const { cut, heal, plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      cut("left")
      const failed = yield* until(20_000)(Effect.flip(start(left, "only", { unique: true })))
      assert.instanceOf(failed, ActorUnreachable)
      heal("left")
      yield* pass(16_000, 500)
      assert.strictEqual((yield* until(5_000)(start(right, "only", { unique: true }))).name, "only")
    }))

  it.effect("G265: no other tree gets a unique name before its holder is fenced, and the former holder cannot take the name back", () =>
    Effect.gen(function*() {
      const { cut, heal, plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* until(5_000)(start(left, "only", { unique: true }))
      yield* pass(500)
      const heard = yield* watching(right, "only")
      cut("left")
      yield* pass(11_000, 500)
      assert.instanceOf(yield* until(5_000)(Effect.flip(start(right, "only", { unique: true }))), NameTaken)
      yield* pass(5_000, 500)
      const second = yield* until(5_000)(start(right, "only", { unique: true }))
      heal("left")
      yield* pass(20_000, 500)
      const seen = yield* right.run(Registry.list({ name: "only" }))
      assert.deepStrictEqual(seen.map(({ actor }) => actor.uuid), [second.actor.uuid])
      assert.deepStrictEqual(heard, ["all left", "stale left", "up own"])
      // It is free again: the one that lost it is found again.
      yield* until(10_000)(second.cancel("enough"))
      yield* pass(10_000, 500)
      const again = yield* right.run(Registry.list({ name: "only" }))
      assert.deepStrictEqual(again.map(({ tree }) => tree), ["left"])
    }))

  it.effect("G265: when many trees start an actor with one unique name at once, one tree gets the name", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const trees = yield* Effect.forEach(Array.from({ length: 12 }, (_, n) => `tree-${n}`), (name) => plant(name))
      const results = yield* until(10_000)(Effect.forEach(
        trees,
        (tree) => Effect.result(start(tree, "only", { unique: true })),
        { concurrency: "unbounded" }
      ))
      assert.strictEqual(results.filter(({ _tag }) => _tag === "Success").length, 1)
      assert.isTrue(results.every((one) => one._tag === "Success" || one.failure._tag === "NameTaken"))
    }))
})

describe("Trees with different secrets", () => {
  it.effect("G266: a tree with another secret is listed at the engine, but cannot reach other trees and cannot be reached by them", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right", { secret: new Uint8Array(32).fill(9) })
      yield* until(5_000)(start(right, "bert"))
      yield* pass(500)
      const error = yield* until(10_000)(Effect.flip(left.run(Registry.find([double], "bert"))))
      assert.instanceOf(error, ActorUnreachable)
      assert.match(error.message, /secret/)
    }))

  it.effect("G267: a lookup at an address fails with ActorUnreachable if no actor answers, no transport can dial, or the root has ended", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right", { secret: new Uint8Array(32).fill(9) })
      const asked = (address: string) => until(10_000)(Effect.flip(left.run(Registry.at(address))))
      const [address] = yield* until(5_000)(right.run(Registry.addresses))
      assert.match((yield* asked(address!)).message, /secret/)
      yield* until(5_000)(right.end)
      for (const wrong of [address!, "/ip4/127.0.0.1/tcp/4711", "nonsense"]) {
        assert.instanceOf(yield* asked(wrong), ActorUnreachable, wrong)
      }
    }))
})
