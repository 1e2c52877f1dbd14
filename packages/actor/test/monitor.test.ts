import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Portal } from "@furrow/actor"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { causes, Poller, strings } from "./fixtures/lives.ts"
import { all, company, leave, monitors, nest, spell, waits } from "./fixtures/monitors.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, until } from "./support/Time.ts"

const start = (name: string) => Actor.start(name, { expose: [...all, nest] })
type Member = Effect.Success<ReturnType<typeof start>>

/** An actor below another one: it lives as long as the test. */
const below = (parent: Member, name: string) =>
  Effect.gen(function*() {
    const started = yield* Deferred.make<Actor.ActorRef<typeof all[number]>>()
    yield* parent.stream(nest({ name })).pipe(
      Stream.runForEach((ref) => Deferred.succeed(started, ref)),
      Effect.ignore,
      Effect.forkScoped
    )
    return yield* Actor.portal(yield* Deferred.await(started))
  })

const inTheatre = <A, E>(
  theatre: Puppets.Theatre,
  test: Effect.Effect<A, E, Actor.Nursery | Actor.ActorRuntime | Scope.Scope>
) => Effect.exit(Actor.nursery(test)).pipe(drained, Effect.provide(theatre.layer))

/** Ways for an actor to end, and the words in which everybody is told. */
const ends: ReadonlyArray<
  readonly [string, (frank: Member, puppet: Puppets.Puppet) => Effect.Effect<unknown>, RegExp]
> = [
  ["returns", (frank) => Effect.ignore(frank.run(leave())), /^Returned$/],
  ["is cancelled", (frank) => frank.cancel("enough"), /^Cancelled by root: enough$/],
  [
    "fails",
    (_, puppet) => Effect.sync(() => puppet.uncaught(new TypeError("out of ink"))),
    /^Failed: out of ink$/
  ],
  [
    "is lost",
    (_, puppet) => Effect.sync(() => puppet.die({ signal: "SIGKILL" }, ["last line"])),
    /^Lost: frank@1 is lost: its process was killed by SIGKILL\nits last lines on stderr:\n {2}\| last line$/
  ]
]

describe("The end of an actor has one exit for the owner, the peers and the monitors", () => {
  for (const [how, end, expected] of ends) {
    it.effect(`G120: an actor that ${how} has the same exit for its owner, its peers, and monitors in this and in other processes`, () => {
      const theatre = Puppets.make()
      return Effect.map(
        inTheatre(
          theatre,
          Effect.gen(function*() {
            const frank = yield* start("frank")
            const peer = yield* start("peer")
            const deep = yield* below(peer, "deep")
            const own = (exit: Effect.Effect<Actor.ActorExit, Actor.ActorError>) => Effect.map(exit, spell)
            const heard = yield* Effect.forEach([
              own(frank.wait),
              Effect.map(Portal.monitor(frank), spell),
              Effect.map(Portal.monitor(frank.ref), spell),
              peer.run(waits({ who: frank.ref })),
              peer.run(monitors({ who: frank.ref })),
              deep.run(waits({ who: frank.ref })),
              deep.run(monitors({ who: frank.ref }))
            ], (effect) => Effect.forkChild(effect))
            yield* pass(100)
            yield* Effect.forkChild(end(frank, theatre.puppet("frank")))
            yield* pass(1000)
            const told = yield* Effect.forEach(heard, (fiber) => Fiber.join(fiber))
            assert.strictEqual(new Set(told).size, 1, told.join("\n"))
            assert.match(told[0]!, expected)
          }).pipe(Effect.scoped)
        ),
        // A monitor of the owner has handled the end: the nursery does not fail with it.
        (exit) => assert.isTrue(Exit.isSuccess(exit), String(exit))
      )
    })
  }

  it.effect("G120: an actor whose parent ended first has the exit of the parent", () => {
    const theatre = Puppets.make()
    return Effect.map(
      inTheatre(
        theatre,
        Effect.gen(function*() {
          const [orderly, killed, peer] = yield* Effect.all([start("orderly"), start("killed"), start("peer")])
          const [a, b] = yield* Effect.all([below(orderly, "a"), below(killed, "b")])
          const heard = yield* Effect.forEach(
            [a.ref, b.ref].flatMap((who) => [
              Effect.map(Portal.monitor(who), spell),
              peer.run(monitors({ who }))
            ]),
            (effect) => Effect.forkChild(effect)
          )
          const kept = yield* Effect.forkChild(Portal.monitor(killed))
          yield* pass(100)
          yield* Effect.forkChild(orderly.cancel("enough"))
          theatre.puppet("killed").die({ signal: "SIGKILL" })
          yield* pass(1000)
          assert.deepStrictEqual(yield* Effect.forEach(heard, (fiber) => Fiber.join(fiber)), [
            "Cancelled by root: enough",
            "Cancelled by root: enough",
            ...Array<string>(2).fill("Lost: b@5 is lost: its connection closed (killed@2 above it is lost)")
          ])
          yield* Fiber.join(kept)
        }).pipe(Effect.scoped)
      ),
      (exit) => assert.isTrue(Exit.isSuccess(exit), String(exit))
    )
  })
})

describe("A monitor of an actor waits for the exit of the actor", () => {
  it.effect("G120: a monitor makes no connection, has no power over its actor, and is told of the actor's end just before the owner", () =>
    Actor.nursery(Effect.gen(function*() {
      const [frank, peer] = yield* Effect.all([start("frank"), start("peer")])
      const watching = yield* Effect.forkChild(peer.run(monitors({ who: frank.ref })))
      const own = yield* Effect.forkChild(Portal.monitor(frank.ref))
      yield* pass(100)
      assert.deepStrictEqual(yield* peer.run(company()), [])
      yield* Fiber.interrupt(watching)
      yield* Fiber.interrupt(own)
      assert.deepStrictEqual(yield* frank.run(company()), [])
      yield* frank.cancel("enough")
      assert.strictEqual(yield* peer.run(monitors({ who: frank.ref })), "Cancelled by root: enough")
      assert.strictEqual(spell(yield* Portal.monitor(frank.ref)), "Cancelled by root: enough")
      const later = Effect.flatMap(start("later"), (portal) => portal.cancel("enough"))
      yield* Effect.repeat(later, { times: 99 })
      assert.match(
        yield* peer.run(monitors({ who: frank.ref })),
        /^ActorUnreachable: frank@\d+ .*has no such child any more$/
      )
      const gone = yield* Effect.flip(Portal.monitor(frank.ref))
      assert.deepInclude(gone, { _tag: "ActorUnreachable", why: "gone" })
      // A portal remembers.
      assert.strictEqual(spell(yield* Portal.monitor(frank)), "Cancelled by root: enough")
    })).pipe(drained, Effect.provide(MemoryActor.layer)))

  const hears = (who: "owner" | "owner by a reference" | "peer" | "owner that left", survives: boolean) => {
    const theatre = Puppets.make()
    return Effect.map(
      inTheatre(
        theatre,
        Effect.gen(function*() {
          const [frank, peer] = yield* Effect.all([start("frank"), start("peer")])
          const monitor = who === "peer"
            ? peer.run(monitors({ who: frank.ref }))
            : Portal.monitor(who === "owner by a reference" ? frank.ref : frank)
          const watching = yield* Effect.forkChild(
            monitor as Effect.Effect<unknown, Actor.ActorError, Actor.ActorRuntime>
          )
          yield* pass(100)
          if (who === "owner that left") yield* Fiber.interrupt(watching)
          theatre.puppet("frank").die({ signal: "SIGKILL" })
          yield* pass(200)
          return "went on"
        })
      ),
      (exit) => assert.strictEqual(Exit.isSuccess(exit) && exit.value === "went on", survives, String(exit))
    )
  }

  it.effect("G121: a monitor of the owner handles the loss of an actor, which does not fail the nursery", () =>
    hears("owner", true))
  it.effect("G121: a monitor that the owner makes by a reference handles the loss of an actor, which does not fail the nursery", () =>
    hears("owner by a reference", true))
  it.effect("G121: the loss of an actor fails its nursery even if a peer, which is not the owner, monitors the actor", () =>
    hears("peer", false))
  it.effect("G121: the loss of an actor fails its nursery if the owner's monitor of the actor was interrupted before", () =>
    hears("owner that left", false))

  for (const monitored of [true, false]) {
    it.effect(`G121: the failure of a Service's actor fails Actor.launch unless the Layer's owner monitors the actor (case: the owner ${monitored ? "monitors" : "only waits"})`, () =>
      Effect.gen(function*() {
        const journal = yield* Journal.fresh
        const heard: Array<string> = []
        const watched = Layer.effectDiscard(Effect.gen(function*() {
          const poller = yield* Poller
          const watch = monitored ? Portal.monitor(poller) : poller.wait
          yield* Effect.forkScoped(Effect.map(watch, (exit) => heard.push(spell(exit))))
        })).pipe(Layer.provide(Poller.layer))
        const launched = yield* Effect.forkChild(Effect.exit(Actor.launch(watched)))
        yield* until(1000)(Effect.whileLoop({
          while: () => !journal.some((line) => line.endsWith("main starts")),
          body: () => Effect.sleep(50),
          step: () => {}
        }))
        strings.main(causes.dies)
        yield* pass(500)
        if (monitored) assert.deepStrictEqual(heard, ["Failed: out of ink"])
        assert.strictEqual(launched.pollUnsafe() === undefined, monitored)
        yield* Effect.forkChild(Fiber.interrupt(launched))
        yield* pass(500)
      }).pipe(drained, Effect.provide(MemoryActor.layer)))
  }
})
