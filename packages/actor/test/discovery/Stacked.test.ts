/** Trees at several engines: one Discovery over another, and trees that meet though they share no engine. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Registry } from "@furrow/actor"
import { ActorUnreachable, NameTaken } from "@furrow/actor/ActorError"
import * as Discovery from "@furrow/actor/Discovery"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Engine, engine, forest, type Tree } from "../support/Forest.ts"
import { pass, until } from "../support/Time.ts"

const module = import.meta.url

const double = Actor.fn("double", { module, payload: { n: Schema.Int }, success: Schema.Int })(({ n }) =>
  Effect.succeed(n * 2)
)

/** Calls the actor of a reference: its answer, or why it cannot be reached. */
const calls = Actor.fn("calls", {
  module,
  payload: { whom: Actor.ref([double]) },
  success: Schema.Union([Schema.Int, Schema.String])
})(({ whom }) =>
  Effect.scoped(Effect.flatMap(Actor.portal(whom), (other) => other.run(double({ n: 4 })))).pipe(
    Effect.match({ onFailure: (error) => `${error._tag}: ${error.message}`, onSuccess: (n): number | string => n })
  )
)

const start = (tree: Tree, name: string, options: { readonly unique?: boolean } = {}) =>
  until(10_000)(tree.run(Actor.startScoped(name, { expose: [double, calls], ...options })))

const roots = (tree: Tree) =>
  Effect.map(
    tree.run(Registry.list()),
    (entries) => entries.filter(({ path }) => path.length === 1).map(({ actor }) => actor.name).toSorted()
  )

const query = (tree: Tree, name: string) => Effect.map(tree.run(Registry.query(name)), Option.getOrThrow)

/** Engines `x` and `y`, a tree at each, and a tree at both. */
const bridge = Effect.gen(function*() {
  const { plant } = yield* forest
  const [x, y] = [yield* engine, yield* engine]
  return {
    plant,
    x,
    y,
    both: yield* plant("both", { engines: [x, y] }),
    atX: yield* plant("atX", { engines: [x] }),
    atY: yield* plant("atY", { engines: [y] })
  }
})

describe("A tree publishes its actors and names at two engines", () => {
  it.effect("G292: a tree at two engines sees the trees of each engine, is seen by them, and shows them no tree of the other engine", () =>
    Effect.gen(function*() {
      const { atX, atY, both } = yield* bridge
      yield* pass(1_000)
      assert.deepStrictEqual(yield* roots(both), ["atX", "atY", "both"])
      assert.deepStrictEqual(yield* roots(atX), ["atX", "both"])
      assert.deepStrictEqual(yield* roots(atY), ["atY", "both"])
      yield* start(both, "anna")
      yield* pass(500)
      for (const tree of [atX, atY]) {
        const anna = yield* until(10_000)(tree.run(Registry.wait([double], "anna", { within: "5 seconds" })))
        assert.strictEqual(yield* until(5_000)(anna.run(double({ n: 2 }))), 4)
      }
    }))

  it.effect("G292: a tree that two engines list is listed once, until both engines have lost it", () =>
    Effect.gen(function*() {
      const { both, plant, x, y } = yield* bridge
      yield* plant("second", { engines: [x, y] })
      const lists = Effect.map(both.run(Registry.list({ name: "second" })), ({ length }) => length)
      yield* pass(1_000)
      assert.strictEqual(yield* lists, 1)
      x.cut("second")
      yield* pass(20_000, 500)
      assert.strictEqual(yield* lists, 1)
      y.cut("second")
      yield* pass(20_000, 500)
      assert.strictEqual(yield* lists, 0)
      for (const { heal } of [x, y]) heal("second")
      yield* pass(20_000, 500)
      assert.strictEqual(yield* lists, 1)
    }))

  it.effect("G292: a unique name of a tree at two engines is held at both engines, or at neither engine if one of them refuses it", () =>
    Effect.gen(function*() {
      const { atX, atY, both } = yield* bridge
      const first = yield* start(both, "only", { unique: true })
      for (const tree of [atX, atY]) {
        const error = yield* Effect.flip(start(tree, "only", { unique: true }))
        assert.instanceOf(error, NameTaken)
      }
      yield* until(10_000)(first.cancel("enough"))
      yield* start(atY, "only", { unique: true })
      assert.instanceOf(yield* Effect.flip(start(both, "only", { unique: true })), NameTaken)
      // The engine that had no objection has the name for others.
      yield* start(atX, "only", { unique: true })
    }))

  it.effect("G292: a start with a unique name fails while one of two engines is out of reach, and leaves the name free at the other engine", () =>
    Effect.gen(function*() {
      const { atX, both, y } = yield* bridge
      y.cut("both")
      const error = yield* until(20_000)(Effect.flip(start(both, "only", { unique: true })))
      assert.instanceOf(error, ActorUnreachable)
      yield* start(atX, "only", { unique: true })
      y.heal("both")
      yield* pass(20_000, 500)
    }))
})

describe("Trees that share no engine reach each other only at an address", () => {
  it.effect("G292: a reference to an actor of an unknown tree is refused with a reason, and opens a portal if the trees share an engine", () =>
    Effect.gen(function*() {
      const { atX, atY, both, plant, y } = yield* bridge
      yield* start(atY, "carl")
      const bert = yield* start(atX, "bert")
      yield* pass(500)
      const refused = yield* until(20_000)(bert.run(calls({ whom: yield* query(both, "carl") })))
      assert.match(
        String(refused),
        /^ActorUnreachable: .*belongs to another tree, which has ended or is not known here/
      )
      const near = yield* plant("near", { engines: [y] })
      const dora = yield* start(near, "dora")
      assert.strictEqual(yield* until(20_000)(dora.run(calls({ whom: yield* query(both, "carl") }))), 8)
    }))

  it.effect("G292: trees of different engines reach each other at an address, and do not list each other's actors", () =>
    Effect.gen(function*() {
      const { atX, atY } = yield* bridge
      yield* start(atY, "carl")
      const [address] = yield* until(5_000)(atY.run(Registry.addresses))
      const answer = yield* until(20_000)(atX.run(Effect.gen(function*() {
        const there = yield* Registry.at(address!)
        const carl = yield* there.wait([double], "carl", { within: "5 seconds" })
        return yield* carl.run(double({ n: 3 }))
      })))
      assert.strictEqual(answer, 6)
      assert.notInclude(yield* roots(atX), "atY")
    }))
})

/** The same engine, by a driver of its own for each Discovery. */
const twice = ({ seenBy }: Engine): ReadonlyArray<Pick<Engine, "seenBy">> => [{ seenBy }, { seenBy }]

describe("A program that gives one engine to its tree twice fails at once, or fails each start of an actor with a unique name", () => {
  it.effect("G293: a program whose two Discoverys have one driver is refused before anything starts", () =>
    Effect.gen(function*() {
      const driver = Layer.succeed(Discovery.DiscoveryDriver, (yield* engine).seenBy("tree"))
      const below = Discovery.layerShared().pipe(Layer.provide(driver))
      const stacked = Discovery.layerShared().pipe(Layer.provide([below, driver]))
      const error = yield* Effect.flip(Effect.provide(Actor.current, MemoryActor.layer.pipe(Layer.provide(stacked))))
      assert.match(error.message, /two Discovery.layerShared of this program stand over one engine/)
    }))

  it.effect("G293: a program whose two drivers lead to one engine logs a warning, and each start of an actor with a unique name fails", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      yield* Effect.gen(function*() {
        const { plant } = yield* forest
        const at = yield* engine
        const tree = yield* plant("tree", { engines: twice(at) })
        const error = yield* Effect.flip(start(tree, "only", { unique: true }))
        assert.match(error.message, /two Discovery.layerShared of this program stand over one engine/)
        yield* pass(20_000, 500)
        const told = lines.filter((line) => line.includes("this tree is not published"))
        assert.strictEqual(told.length, 1, lines.join("\n"))
        const other = yield* plant("other", { engines: [at] })
        yield* pass(1_000)
        assert.include(yield* roots(other), "tree")
      }).pipe(Effect.provide(Logger.layer([logger])))
    }))
})
