/** Trees that see each other over an engine: what each finds, how it calls there, and what it hears of losses. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry } from "@furrow/actor"
import { NameTaken } from "@furrow/actor/ActorError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { forest, type Tree } from "../support/Forest.ts"
import { pass, settle, until } from "../support/Time.ts"

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Actor.fn("half", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Odd
})(({ n }) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))

const count = Actor.stream("count", { module: import.meta.url, payload: { to: Schema.Int }, success: Schema.Int })(
  ({ to }) => Stream.range(1, to)
)

const forever = Actor.fn("forever", { module: import.meta.url })(() => Effect.never)

const asks = Actor.fn("asks", {
  module: import.meta.url,
  payload: { whom: Actor.ref([half]) },
  success: Schema.Int
})(({ whom }) => Actor.orDie(Effect.flatMap(Actor.portal(whom), (other) => Effect.orDie(other.run(half({ n: 8 }))))))

const finds = Actor.fn("finds", {
  module: import.meta.url,
  payload: { name: Schema.String },
  success: Schema.Int
})(({ name }) =>
  Actor.orDie(Effect.gen(function*() {
    const found = Option.getOrThrow(yield* Registry.find([half], name))
    return yield* Effect.orDie(found.run(half({ n: 6 })))
  }))
)

const names = (tree: { readonly run: any }): Effect.Effect<ReadonlyArray<string>> =>
  tree.run(Effect.map(Registry.list(), (entries) => entries.map(({ actor }) => actor.name)))

/** Starts an actor in a tree with a name that no other actor of any tree may have. */
const startOnly = (tree: Tree) => until(10_000)(tree.run(Actor.startScoped("only", { expose: [half], unique: true })))

describe("Trees that share an engine find and call each other's actors", () => {
  it.effect("two trees that share an engine list each other's actors, each tree its own actors first", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* until(5_000)(left.run(Actor.startScoped("anna", { expose: [half] })))
      yield* until(5_000)(right.run(Actor.startScoped("bert", { expose: [half] })))
      yield* pass(500)
      assert.deepStrictEqual((yield* names(left)).slice(0, 2), ["anna", "left"])
      assert.deepStrictEqual((yield* names(right)).slice(0, 2), ["bert", "right"])
      assert.deepStrictEqual([...yield* names(left)].toSorted(), ["anna", "bert", "left", "right"])
      assert.deepStrictEqual([...yield* names(right)].toSorted(), ["anna", "bert", "left", "right"])
      const seen = yield* left.run(Registry.query("bert"))
      assert.strictEqual(Option.getOrThrow(seen).tree, "right")
    }))

  it.effect("an actor of another tree is called like an actor of the same tree: values, typed errors, streams, cancels", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* until(5_000)(right.run(Actor.startScoped("bert", { expose: [half, count, forever] })))
      const exit = yield* until(30_000)(left.run(Effect.gen(function*() {
        const bert = yield* Registry.wait([half, count, forever], "bert", { within: "10 seconds" })
        assert.strictEqual(yield* bert.run(half({ n: 4 })), 2)
        assert.deepStrictEqual(yield* Effect.flip(bert.run(half({ n: 3 }))), new Odd({ n: 3 }))
        assert.deepStrictEqual(yield* Stream.runCollect(bert.stream(count({ to: 3 }))), [1, 2, 3])
        const open = yield* Effect.forkChild(bert.run(forever()))
        yield* settle
        yield* Fiber.interrupt(open)
        const waiting = yield* Effect.forkChild(bert.wait)
        yield* settle
        yield* bert.cancel("enough")
        return yield* Fiber.join(waiting)
      })))
      assert(exit._tag === "Cancelled")
      assert.strictEqual(exit.reason, "enough")
    }))

  it.effect("an actor deep in one tree finds and calls an actor deep in another tree, also by a reference", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      yield* until(5_000)(right.run(Actor.startScoped("bert", { expose: [half] })))
      const deep = yield* until(5_000)(left.run(Actor.startScoped("deep", { expose: [finds, asks] })))
      yield* pass(500)
      assert.strictEqual(yield* until(10_000)(deep.run(finds({ name: "bert" }))), 3)
      const ref = Option.getOrThrow(yield* left.run(Registry.query("bert")))
      assert.strictEqual(yield* until(10_000)(deep.run(asks({ whom: ref }))), 4)
    }))

  it.effect("an actor that is listed only for its tree is hidden from other trees, and an actor that is listed for its host is hidden from other hosts", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left", { host: "one" })
      const near = yield* plant("near", { host: "one" })
      const far = yield* plant("far", { host: "two" })
      for (const listed of ["tree", "host", "everyone"] as const) {
        yield* until(5_000)(left.run(Actor.startScoped(listed, { expose: [half], listed })))
      }
      yield* pass(500)
      const seen = (tree: typeof near) =>
        Effect.map(names(tree), (all) => all.filter((name) => ["tree", "host", "everyone"].includes(name)).toSorted())
      assert.deepStrictEqual(yield* seen(left), ["everyone", "host", "tree"])
      assert.deepStrictEqual(yield* seen(near), ["everyone", "host"])
      assert.deepStrictEqual(yield* seen(far), ["everyone"])
    }))

  it.effect("of several actors with one name, actors of the same tree are found first, then actors of the same host", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left", { host: "one" })
      const far = yield* plant("far", { host: "two" })
      const near = yield* plant("near", { host: "one" })
      const start = (tree: typeof left) => until(5_000)(tree.run(Actor.startScoped("twin", { expose: [half] })))
      yield* start(left)
      yield* start(near)
      yield* pass(200)
      yield* start(far)
      yield* pass(500)
      const hosts = yield* left.run(Registry.list({ name: "twin" }))
      assert.deepStrictEqual(hosts.map(({ tree }) => tree ?? "own"), ["own", "near", "far"])
    }))

  it.effect("a unique name has one holder among all trees, until that actor has ended", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      const first = yield* startOnly(left)
      const taken = yield* Effect.flip(startOnly(right))
      assert.instanceOf(taken, NameTaken)
      assert.strictEqual((taken as NameTaken).actor.uuid, first.actor.uuid)
      yield* until(10_000)(first.cancel("enough"))
      const second = yield* startOnly(right)
      assert.strictEqual(yield* until(5_000)(second.run(half({ n: 2 }))), 1)
    }))

  it.effect("G265: a unique name is free at once when the tree of its holder ends", () =>
    Effect.gen(function*() {
      const { plant } = yield* forest
      const left = yield* plant("left")
      const right = yield* plant("right")
      const first = yield* startOnly(left)
      yield* pass(500)
      const taken = yield* Effect.flip(startOnly(right))
      assert.include(taken.message, `taken by only@${first.actor.pid}`)
      yield* until(5_000)(left.end)
      yield* startOnly(right)
    }))
})
