/** Tests references to actors between processes: a holder can use the actor, but only what the actor exposes. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry } from "@furrow/actor"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { bump, introduce, introduced, peers, present, pry, self, square, visit } from "./fixtures/peers.ts"
import { entries, inTree, listsOnly, tcpConnections, treeFolder, unixConnections } from "./fixtures/peersTree.ts"
import { Counter, Doubler } from "./fixtures/services.ts"

describe("A reference to an actor opens a portal to this actor", () => {
  it.live("a reference from a parent opens a portal to a sibling, and the sibling's answers and typed errors arrive at the holder of the reference", () =>
    inTree(["a", "b", "p", "p/c"], (tree) =>
      Effect.gen(function*() {
        const { ref } = yield* tree.at("b")
        for (const name of ["a", "c"]) {
          const portal = yield* tree.at(name)
          assert.strictEqual(yield* portal.run(visit({ to: ref, n: 2 })), ref.actor.pid)
          assert.strictEqual(yield* portal.run(visit({ to: ref, n: -2 })), "Negative")
          // The connection stays open for the next visit.
          assert.include(yield* portal.run(peers()), "b")
        }
        const b = yield* tree.at("b")
        // An actor needs no connection to its parent or to itself.
        assert.strictEqual(yield* b.run(visit({ to: ref, n: 2 })), "ActorUnreachable")
        assert.deepStrictEqual(yield* b.run(peers()), ["a", "c"])
        assert.strictEqual(unixConnections(treeFolder(tree.runtime)), 3)
      })))

  it.live("a reference that a child returns over any number of levels works for every holder of the reference", () =>
    inTree(["a", "p", "p/q", "p/q/r"], (tree) =>
      Effect.gen(function*() {
        const a = yield* tree.at("a")
        const r = yield* tree.at("r")
        const ref = yield* r.run(self())
        assert.deepStrictEqual(ref.path, r.ref.path)
        assert.strictEqual(yield* a.run(visit({ to: ref, n: 2 })), r.actor.pid)
        introduced.length = 0
        yield* r.run(present())
        yield* a.run(present())
        assert.deepStrictEqual(introduced.map(({ actor }) => actor), [r.actor, a.actor])
        yield* Effect.scoped(Effect.gen(function*() {
          for (const ref of introduced) {
            const portal = yield* Actor.portal(ref)
            assert.deepStrictEqual(yield* portal.run(square({ n: 3 })), { n: 9, pid: ref.actor.pid })
          }
        }))
      }), { expose: [introduce] }))

  it.live("a reference to a Service reaches the Service with its state for every holder, and no other value is accepted as a reference to a Service", () =>
    inTree(["a", "p", "p/c"], (tree) =>
      Effect.gen(function*() {
        const counter = yield* Counter
        const a = yield* tree.at("a")
        const c = yield* tree.at("c")
        assert.strictEqual(yield* a.run(bump({ to: counter.ref, by: 1 })), 1)
        assert.strictEqual(yield* c.run(bump({ to: counter.ref, by: 10 })), 11)
        assert.strictEqual(yield* Counter.calls.increment({ by: 100 }), 111)
        // A Service that is found by its class is the same actor.
        const found = yield* Registry.wait(Counter)
        assert.deepStrictEqual(found.actor, counter.actor)
        const error = yield* Effect.flip(a.run(bump({ to: c.ref as never, by: 1 })))
        assert.deepInclude(error, { _tag: "PayloadInvalid", side: "caller" })
        assert.include(error.message, "it is no Service, not \"Counter\"")
      }).pipe(Effect.provide(Counter.layer))))

  it.live("G71: a reference gives access only to exposed endpoints, neither to other handlers nor to services of the runtime", () =>
    inTree(["a", "p", "p/c"], (tree) =>
      Effect.gen(function*() {
        const shy = yield* Actor.start("shy", { expose: [square] })
        for (const name of ["a", "c"]) {
          const portal = yield* tree.at(name)
          assert.deepStrictEqual(
            yield* portal.run(pry({ to: shy.ref })),
            Array.from({ length: 5 }, () => "EndpointUnknown")
          )
          assert.strictEqual(yield* portal.run(visit({ to: shy.ref, n: 1 })), shy.actor.pid)
        }
      })))

  it.live("a call by a reference to an actor that has ended fails at once with an error that says so", () =>
    inTree(["a", "p", "p/c"], (tree) =>
      Effect.gen(function*() {
        const a = yield* tree.at("a")
        const c = yield* tree.at("c")
        yield* c.cancel()
        yield* listsOnly(["root", "a", "p"])
        const error = yield* Effect.flip(Effect.scoped(Actor.portal(c.ref)))
        assert.match(error.message, new RegExp(`^c@${c.actor.pid} cannot be reached: .*has no such child any more`))
        assert.strictEqual(yield* a.run(visit({ to: c.ref, n: 1 })), "ActorUnreachable")
        // A later actor with the same name is another actor.
        yield* Actor.start("c", { expose: [square] })
        assert.strictEqual(yield* a.run(visit({ to: c.ref, n: 1 })), "ActorUnreachable")
      })))
})

describe("A Service that uses another Service dials the used Service directly", () => {
  for (const transport of ["unix", "tcp"] as const) {
    it.live(`a Service that uses another Service dials that Service's actor directly over ${transport}, and the parent relays no messages`, () =>
      inTree([], (tree) =>
        Effect.gen(function*() {
          const [counter, doubler] = [yield* Counter, yield* Doubler]
          const before = (yield* counter.statistics).channel.sent.frames
          for (let n = 1; n <= 3; n++) assert.strictEqual(yield* Doubler.calls.increment({ by: 1 }), 2 * n)
          assert.strictEqual((yield* counter.statistics).channel.sent.frames, before)
          if (transport === "unix") {
            assert.deepStrictEqual(entries(treeFolder(tree.runtime)), [`Counter@${counter.actor.pid}.sock`])
            assert.strictEqual(unixConnections(treeFolder(tree.runtime)), 1)
          } else {
            assert.deepStrictEqual(entries(tree.runtime), [])
            assert.strictEqual(tcpConnections([counter.actor.pid, doubler.actor.pid]), 1)
          }
          assert.isTrue([counter, doubler].every(({ actor }) => Processes.isAlive(actor.pid)))
        }).pipe(Effect.provide(Doubler.layer.pipe(Layer.provideMerge(Counter.layer)))), { transport }))
  }
})
