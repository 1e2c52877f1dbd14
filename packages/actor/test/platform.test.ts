/** The platform as Layers, in memory: what is supplied is used in every actor, and what is wrong with it is named. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, type ActorError, type ActorRuntime, MemoryActor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hello } from "./discovery/fixtures/Mesh.ts"
import { meets, poke } from "./discovery/fixtures/neighbours.ts"
import { Counter, increment } from "./fixtures/counter.ts"
import * as P from "./fixtures/platform.ts"
import { collectEvents } from "./support/Events.ts"
import { captureLogs } from "./support/Logs.ts"
import { drained, pass, settle } from "./support/Time.ts"
import { framed, reader } from "./support/Wire.ts"

const supplied = MemoryActor.layer.pipe(Layer.provide(P.Hub({ label: "mine" })))

const failure = (layer: Layer.Layer<Actor.ActorRuntime, ActorRuntime.RuntimeLayerError>) =>
  Effect.flip(Effect.scoped(Layer.build(layer)))

/** Two actors that have met: both listen, or one of them does. */
const met = Effect.gen(function*() {
  const a = yield* Actor.start("a", { expose: [meets, poke] })
  const b = yield* Actor.start("b", { expose: [meets, poke] })
  assert.strictEqual(yield* a.run(meets({ to: b.ref })), "b")
})

describe("A program may supply a transport of its own", () => {
  it.effect("a program's own transport is built once in each process, and actors dial with it", () =>
    Effect.gen(function*() {
      yield* P.fresh
      yield* Effect.provide(Actor.nursery(met), supplied)
      assert.deepStrictEqual(P.seen.built, ["mine", "mine", "mine"])
      assert.strictEqual(P.seen.dialled, 1)
      assert.strictEqual(P.seen.secrets.size, 1)
    }).pipe(drained))

  it.effect("G68: a program's own transport admits no peer without proof, although it knows nothing of proofs", () =>
    Effect.gen(function*() {
      yield* P.fresh
      yield* Actor.nursery(Effect.gen(function*() {
        yield* met
        const address = P.seen.addresses.at(-1)!
        const stranger = yield* P.hub.dial(address)
        const { read, words } = reader()
        let ended = false
        stranger.start({
          data: read,
          drain: () => {},
          end: () => {
            ended = true
          }
        })
        stranger.write([framed(hello("stranger"))])
        yield* settle
        assert.deepStrictEqual(words.map(({ _tag }) => _tag), ["Refuse"])
        yield* pass(3000)
        assert.isTrue(ended)
      }))
    }).pipe(drained, Effect.provide(supplied)))

  it.effect("a program's own transport gets another secret in another tree, even if both trees use one Layer", () =>
    Effect.gen(function*() {
      yield* P.fresh
      yield* Effect.all([
        Effect.provide(Actor.nursery(met), supplied),
        Effect.provide(Actor.nursery(met), Layer.fresh(supplied))
      ])
      assert.strictEqual(P.seen.secrets.size, 2)
    }).pipe(drained))

  it.effect("a setting of a program's own transport that does not match its schema is refused, and the error names the transport", () =>
    Effect.gen(function*() {
      const wrong = P.Hub({ label: 7 as unknown as string })
      const error = yield* failure(MemoryActor.layer.pipe(Layer.provide(wrong)))
      assert.deepInclude(error, { _tag: "RuntimeLayerError", what: "transport", key: "hub", step: "settings" })
      assert.match(error.message, /^the transport "hub" of file:.*platform\.ts cannot be built \(step: settings\): /)
      assert.strictEqual(error.reason, `Expected string\n  at ["label"]`)
    }))
})

describe("An ambient Layer", () => {
  const around = (label: string) => MemoryActor.layer({ ambient: P.Around({ label }) })

  it.effect("an ambient Layer surrounds the program and every handler, and is released before its actor is gone", () =>
    Effect.gen(function*() {
      yield* P.fresh
      yield* Effect.provide(
        Actor.nursery(Effect.gen(function*() {
          assert.strictEqual(yield* P.Where, "here")
          const a = yield* Actor.start("a", { expose: [P.where] })
          assert.strictEqual(yield* a.run(P.where()), "here")
          yield* a.cancel("done")
          assert.deepStrictEqual(P.seen.ambient, ["here built", "here built", "here released"])
        })),
        around("here")
      )
      assert.deepStrictEqual(P.seen.ambient, ["here built", "here built", "here released", "here released"])
    }).pipe(drained))

  it.effect("a wrong setting of an ambient Layer is refused, the error names its field, and no part of the platform is built", () =>
    Effect.gen(function*() {
      yield* P.fresh
      const wrong = P.Around({ label: "here", near: { by: "one" as unknown as number } })
      const error = yield* failure(MemoryActor.layer({ ambient: [P.Around({ label: "first" }), wrong] }))
      assert.deepInclude(error, { _tag: "RuntimeLayerError", what: "ambient", key: "around", step: "settings" })
      assert.strictEqual(error.reason, `Expected number\n  at ["near"]["by"]`)
      assert.deepStrictEqual(P.seen.ambient, [])
    }))

  it.effect("ambient Layers are built in the order of the option `ambient`, so the last of two Layers wins", () =>
    Effect.gen(function*() {
      yield* P.fresh
      const both = MemoryActor.layer({ ambient: [P.Around({ label: "first" }), P.Around({ label: "last" })] })
      assert.strictEqual(yield* Effect.provide(Actor.runInActor(P.where()), both), "last")
    }).pipe(drained))

  it.effect("an ambient Layer that cannot be built in an actor fails the start with SpawnFailed, which names the Layer, and the actor is gone", () =>
    Effect.gen(function*() {
      yield* P.fresh
      const error = yield* Effect.flip(
        Effect.provide(Actor.runInActor(P.where()), MemoryActor.layer({ ambient: P.Brittle }))
      )
      assert.deepInclude(error, { _tag: "SpawnFailed", step: "layer" })
      assert.match(error.message, /the ambient "brittle" of file:.*platform\.ts cannot be built .*it holds once/)
    }).pipe(drained))

  it.effect("G72: an ambient Layer whose release never ends delays its actor no longer than the bound of the cleanup, and the owner is told", () =>
    Effect.gen(function*() {
      yield* P.fresh
      const { layer, lines } = captureLogs()
      yield* Effect.gen(function*() {
        const events = yield* collectEvents
        yield* Actor.nursery(Effect.gen(function*() {
          const a = yield* Actor.start("a", { expose: [P.where] })
          const cancelling = yield* Effect.forkChild(a.cancel("done"))
          yield* pass(4800)
          assert.isDefined(cancelling.pollUnsafe())
        }))
        const told = events.flatMap((event) => event._tag === "ActorCleanupFailed" ? [event.failure.message] : [])
        assert.match(told.join(), /the release of its platform did not end within/)
        assert.isAtLeast(lines.filter(({ level }) => level === "Error").length, 1)
      }).pipe(Effect.provide(MemoryActor.layer({ ambient: P.Lasting })), Effect.provide(layer))
    }).pipe(drained))
})

describe("A program may supply a Discovery of its own", () => {
  const engine = MemoryActor.layer.pipe(Layer.provide(P.Engine))
  const switched = <A, E, R>(use: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => void (P.engine.down = true)),
      () => use,
      () => Effect.sync(() => void (P.engine.down = false))
    )

  it.effect("a failing Discovery fails a start and a lookup of a name in the same way in the root and in an actor", () =>
    Effect.gen(function*() {
      const { layer, lines } = captureLogs()
      yield* Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start("a", { expose: [P.startsOne, P.listsAll] })
        assert.strictEqual(yield* a.run(P.listsAll()), "a root")
        yield* switched(Effect.gen(function*() {
          const here = yield* Effect.flip(Actor.start("b", { expose: [P.where] }))
          assert.deepInclude(here, { _tag: "ActorUnreachable", why: "timeout" })
          const expected = `${here._tag}: ${here.message}`
          assert.strictEqual(yield* a.run(P.startsOne()), expected)
          assert.strictEqual(yield* a.run(P.listsAll()), expected)
        }))
        assert.strictEqual(yield* a.run(P.startsOne()), "started")
        // The end of an actor is told to the Discovery too. That it throws there is logged, and hurts nobody.
        yield* switched(a.cancel("done"))
        yield* settle
      })).pipe(Effect.provide(engine), Effect.provide(layer))
      assert.isAtLeast(lines.filter(({ message }) => String(message).includes("take note")).length, 1)
    }).pipe(drained))

  it.effect("a program's own Discovery is asked by every actor of the tree, and asks the tree's own registrar in turn", () =>
    Effect.gen(function*() {
      yield* Actor.nursery(Effect.gen(function*() {
        yield* Actor.start("a", { expose: [P.where] })
        assert.deepStrictEqual((yield* Registry.list()).map(({ actor }) => actor.name).sort(), ["a", "root"])
      }))
    }).pipe(drained, Effect.provide(engine)))
})

describe("Actor.startScoped of a Service", () => {
  it.effect("Actor.startScoped of a Service starts its actor under the requested name, and the actor lives as long as the Scope", () =>
    Effect.gen(function*() {
      let portal: Actor.Portal<Counter> | undefined
      yield* Effect.scoped(Effect.gen(function*() {
        portal = yield* Actor.startScoped(Counter, { name: "c1" })
        assert.strictEqual(portal.name, "c1")
        assert.strictEqual(yield* portal.run(increment({ by: 1 })), 101)
      }))
      const late = yield* Effect.flip(portal!.run(increment({ by: 1 })))
      assert.deepInclude(late as ActorError.ActorError, { _tag: "ChannelClosed", side: "local" })
    }).pipe(drained, Effect.provide(MemoryActor.layer)))

  it.effect("each call of `layer` of a Service gives a Layer that starts an actor of its own", () =>
    Effect.gen(function*() {
      const pids = new Set<number>()
      const pid = Effect.map(Counter, ({ actor }) => void pids.add(actor.pid))
      yield* Effect.provide(Effect.andThen(pid, pid), Counter.layer)
      yield* Effect.provide(pid, Counter.layer({ name: "second" }))
      assert.strictEqual(pids.size, 2)
    }).pipe(drained, Effect.provide(MemoryActor.layer)))
})
