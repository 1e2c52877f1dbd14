/** Names in a tree: from the root, from its children, from theirs. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Counter, increment, Old } from "../fixtures/counter.ts"
import { collectEvents } from "../support/Events.ts"
import * as Puppets from "../support/Puppets.ts"
import { drained, pass, settle } from "../support/Time.ts"
import * as N from "./fixtures/neighbours.ts"

const inTree = <A, E>(test: Effect.Effect<A, E, Actor.ActorRuntime | Scope.Scope>) =>
  Effect.scoped(test).pipe(drained, Effect.provide(MemoryActor.layer({ expose: [N.poke] })))

const start = (name: string) => Actor.start(name, { expose: N.neighbours })
const names = Effect.map(Registry.list(), (entries) => entries.map(({ actor }) => actor.name).toSorted().join(" "))

/** A root with a child, a grandchild and one below that: a > b > c. */
const deep = Effect.gen(function*() {
  const a = yield* start("a")
  const grow = yield* Effect.forkChild(a.run(N.hosts({ name: "b", unique: false })))
  const b = yield* Registry.wait(N.neighbours, "b")
  yield* Effect.forkChild(b.run(N.hosts({ name: "c", unique: false })))
  const c = yield* Registry.wait(N.neighbours, "c")
  return { a, b, c, grow }
})

describe("The registry finds, lists and watches the actors of a tree", () => {
  it.effect("the registry finds, queries and lists actors from the root, from children and from deeper actors", () =>
    Actor.nursery(Effect.gen(function*() {
      const { a, b, c } = yield* deep
      yield* start("z")
      for (const from of [a, b, c]) {
        for (const name of ["a", "b", "c", "z", "root"]) {
          const answer = yield* from.run(N.lookup({ name }))
          if (name === from.name) assert.match(answer, /ActorUnreachable: .* an actor needs no portal to itself/)
          else assert.strictEqual(answer, name, `${from.name} finds ${name}`)
          assert.strictEqual(yield* from.run(N.query({ name })), `${name} exposes true`)
        }
        assert.strictEqual(yield* from.run(N.lookup({ name: "nobody" })), "nobody")
        assert.strictEqual(yield* from.run(N.query({ name: "nobody" })), "nobody")
        assert.strictEqual(yield* from.run(N.listing()), "a b c root z")
      }
      assert.strictEqual(yield* names, "a b c root z")
    })).pipe(inTree))

  it.effect("Registry.wait waits for an actor that is started later, and stops watching when it has found the actor", () =>
    Actor.nursery(Effect.gen(function*() {
      const { a, c } = yield* deep
      const waiting = yield* Effect.forkChild(Effect.all([
        Effect.flatMap(Registry.wait([N.poke], "late"), (portal) => portal.run(N.poke())),
        a.run(N.awaits({ name: "late", millis: 5_000 })),
        c.run(N.awaits({ name: "late", millis: 5_000 }))
      ], { concurrency: 3 }))
      yield* pass(500)
      assert.isUndefined(waiting.pollUnsafe())
      yield* start("late")
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["late", "late", "late"])
      yield* settle
      const { peers } = yield* Actor.statistics
      assert.deepStrictEqual(
        peers.map(({ channel }) => channel.dialogs),
        peers.map(({ actor }) => actor.name === "b" ? 1 : 0)
      )
      assert.strictEqual((yield* a.statistics).channel.dialogs, 1)
    })).pipe(inTree))

  it.effect("G221: Registry.find finds the one actor that serves an endpoint among ten actors of its name", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Actor.start("crowd", { expose: [N.poke] })
      for (let i = 0; i < 9; i++) yield* Actor.start("crowd", { expose: [N.listing] })
      const found = yield* Registry.find([N.poke], "crowd")
      assert.strictEqual(yield* Option.getOrThrow(found).run(N.poke()), "crowd")
    })).pipe(inTree))

  it.effect("Registry.wait waits no longer than its option `within`, and its error names this bound", () =>
    Actor.nursery(Effect.gen(function*() {
      const a = yield* start("a")
      const waiting = yield* Effect.forkChild(Effect.all([
        Effect.flip(Registry.wait([N.poke], "nobody", { within: "2 seconds" })),
        a.run(N.awaits({ name: "nobody", millis: 2_000 }))
      ], { concurrency: 2 }))
      yield* pass(1_900)
      assert.isUndefined(waiting.pollUnsafe())
      yield* pass(200)
      const [here, there] = yield* Fiber.join(waiting)
      assert.strictEqual(here.message, `"nobody" cannot be reached: no actor of that name was ready within 2s`)
      assert.strictEqual(there, `ActorUnreachable: ${here.message}`)
    })).pipe(inTree))

  it.effect("Registry.find finds the actor of a Service by the Service's class, and by the name under which the actor was started", () =>
    Effect.gen(function*() {
      const counter = Option.getOrThrow(yield* Registry.find(Counter))
      assert.strictEqual(yield* counter.run(increment({ by: 1 })), 101)
      assert.isTrue(Option.isNone(yield* Registry.find(Counter, "other")))
      // Another Service of that name is somebody else.
      assert.isTrue(Option.isNone(yield* Registry.find(Old, "Counter")))
      assert.strictEqual(yield* (yield* Registry.wait(Counter)).run(increment({ by: 1 })), 102)
      // By what it exposes it is found as well.
      const again = Option.getOrThrow(yield* Registry.find([{ endpoint: increment.endpoint }], "Counter"))
      assert.strictEqual(again.name, "Counter")
    }).pipe(Effect.provide(Counter.layer), inTree))

  it.effect("Registry.find fails with EndpointUnknown for an actor that exposes other endpoints, and lists these endpoints", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* Actor.start("a", { expose: [N.poke] })
      for (const look of [Registry.find([N.absent], "a"), Registry.wait([N.absent], "a")]) {
        const error = yield* Effect.flip(
          look as Effect.Effect<unknown, Actor.ActorError, Actor.ActorRuntime | Scope.Scope>
        )
        assert.match(error.message, /^a@\d+ does not expose absent; it exposes poke\. /)
      }
      // Of namesakes the one that fits, though another one is newer.
      yield* Actor.start("twin", { expose: [N.poke] })
      yield* Actor.start("twin", { expose: [N.works] })
      const twin = Option.getOrThrow(yield* Registry.find([N.poke], "twin"))
      assert.strictEqual(yield* twin.run(N.poke()), "twin")
    })).pipe(inTree))

  it.effect("of several actors with one name, Registry.find finds the actor that became ready last, and never the actor that asks", () =>
    Actor.nursery(Effect.gen(function*() {
      yield* start("twin")
      const second = yield* start("twin")
      const found = Option.getOrThrow(yield* Registry.find(N.neighbours, "twin"))
      assert.strictEqual(found.actor.uuid, second.actor.uuid)
      assert.strictEqual(yield* second.run(N.lookup({ name: "twin" })), "twin")
    })).pipe(inTree))

  it.effect("Registry.watch gives every listed actor, then each added or removed actor, at any depth", () =>
    Actor.nursery(Effect.gen(function*() {
      const { c } = yield* deep
      const far = yield* Effect.forkChild(c.run(N.watches({ name: "x", count: 4 })))
      const near = yield* Effect.forkChild(
        Stream.runCollect(Stream.take(Stream.map(Registry.watch({ name: "x" }), ({ _tag }) => _tag), 4))
      )
      yield* settle
      const x = yield* start("x")
      yield* x.cancel()
      yield* start("x")
      assert.strictEqual(yield* Fiber.join(far), "all 0 Up Down Up")
      assert.deepStrictEqual(yield* Fiber.join(near), ["Snapshot", "Up", "Down", "Up"])
    })).pipe(inTree))
})

describe("The registry frees the name of an actor when the actor has ended", () => {
  it.effect("a name that one actor holds alone is refused to all other actors, and is free after the end of its holder", () =>
    Actor.nursery(Effect.gen(function*() {
      const { a, c } = yield* deep
      const holder = yield* Actor.start("x", { expose: [N.poke], unique: true })
      const refused = yield* Effect.flip(Actor.start("x", { expose: [N.poke] }))
      assert.instanceOf(refused, ActorError.NameTaken)
      assert.match(String(refused), /^NameTaken: the name "x" is taken by x@\d+: choose another, or share it$/)
      for (const unique of [true, false]) {
        assert.match(yield* a.run(N.hosts({ name: "x", unique })), /^NameTaken: the name "x" is taken by x@/)
        assert.match(yield* c.run(N.hosts({ name: "x", unique })), /^NameTaken: /)
      }
      assert.match(yield* c.run(N.hosts({ name: "a", unique: true })), /^NameTaken: the name "a" is taken by a@/)
      yield* holder.cancel()
      yield* Effect.forkChild(c.run(N.hosts({ name: "x", unique: true })))
      assert.strictEqual(yield* (yield* Registry.wait([N.poke], "x")).run(N.poke()), "x")
    })).pipe(inTree))

  it.effect("a name is free as soon as its holder has ended, for any actor at any depth", () =>
    Actor.nursery(Effect.gen(function*() {
      const { a, b, c } = yield* deep
      for (const from of [a, b, c]) {
        assert.strictEqual(yield* from.run(N.cycles({ name: "x", times: 8 })), "never refused", from.name)
      }
      for (let n = 0; n < 8; n++) {
        yield* (yield* Actor.start("x", { expose: [N.poke], unique: true })).cancel()
      }
    })).pipe(inTree))

  for (const way of ["die", "reap"] as const) {
    it.effect(`a name is free once a call to its holder has failed because the process is gone (${way})`, () => {
      const theatre = Puppets.make()
      return Effect.scoped(Effect.gen(function*() {
        const only = Actor.startScoped("only", { expose: N.neighbours, unique: true })
        for (let n = 0; n < 3; n++) {
          const first = yield* only
          const again = yield* Effect.forkChild(
            Effect.andThen(Effect.flip(first.run(N.awaits({ name: "nobody", millis: 60_000 }))), only)
          )
          yield* settle
          theatre.puppet("only")[way]({ code: null, signal: "SIGKILL" })
          const second = yield* Fiber.join(again)
          assert.strictEqual(yield* second.run(N.poke()), "only")
          yield* second.cancel()
        }
      })).pipe(drained, Effect.provide(theatre.layer))
    })
  }

  it.effect("an interrupted or failed start of an actor leaves the name of the actor free", () =>
    Actor.nursery(Effect.gen(function*() {
      for (let turns = 0; turns < 40; turns++) {
        const starting = yield* Effect.forkChild(Actor.start("x", { expose: [N.poke], unique: true }))
        yield* Effect.promise(async () => {
          for (let n = 0; n < turns; n++) await (n % 4 === 3 ? new Promise<void>((r) => setImmediate(r)) : undefined)
        })
        const exit = starting.pollUnsafe()
        yield* Fiber.interrupt(starting)
        if (exit?._tag === "Success") yield* exit.value.cancel()
        assert.strictEqual(yield* names, "root", `${turns} turns`)
        yield* (yield* Actor.start("x", { expose: [N.poke], unique: true })).cancel()
      }
    })).pipe(inTree))
})

describe("The registry removes the entries of ended actors", () => {
  it.effect("the registry removes the entry of an actor that is cancelled, or ends with its nursery", () =>
    Actor.nursery(Effect.gen(function*() {
      const { a, grow } = yield* deep
      assert.strictEqual(yield* names, "a b c root")
      yield* Fiber.interrupt(grow)
      assert.strictEqual(yield* names, "a root")
      yield* Actor.nursery(start("y"))
      assert.strictEqual(yield* names, "a root")
      yield* a.cancel()
      assert.strictEqual(yield* names, "root")
    })).pipe(inTree))

  it.effect("the registry removes a lost actor with all actors below it, and none of them reappears", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      for (const victim of ["a", "b"]) {
        const scope = yield* Scope.make()
        const a = yield* Scope.provide(Actor.startScoped("a", { expose: N.neighbours }), scope)
        yield* Effect.forkChild(Effect.exit(a.run(N.hosts({ name: "b", unique: false }))))
        const b = yield* Registry.wait(N.neighbours, "b")
        yield* Effect.forkChild(Effect.exit(b.run(N.hosts({ name: "c", unique: false }))))
        yield* Registry.wait(N.neighbours, "c")
        theatre.puppet(victim).die({ code: null, signal: "SIGKILL" })
        yield* pass(200)
        assert.strictEqual(yield* names, victim === "a" ? "root" : "a root")
        yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      }
    }).pipe(Effect.scoped, drained, Effect.provide(theatre.layer))
  })

  it.effect("an actor whose layer fails while it starts is never listed in the registry", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const watching = yield* Effect.forkChild(
        Stream.runForEach(Registry.watch(), (change) =>
          Effect.sync(() => void seen.push(change._tag === "Snapshot" ? "all" : change.entry.actor.name)))
      )
      yield* settle
      const broken = Actor.fn("broken", { module: "", layer: Layer.effectDiscard(Effect.die("broken")) })(() =>
        Effect.void
      )
      const error = yield* Effect.flip(Actor.nursery(Actor.start("x", { expose: [broken], unique: true })))
      assert.instanceOf(error, ActorError.SpawnFailed)
      yield* settle
      assert.deepStrictEqual([seen, yield* names], [["all"], "root"])
      yield* Fiber.interrupt(watching)
    }).pipe(inTree))

  it.effect("an actor that is ending is not found in the registry, and keeps its name until it is gone", () =>
    Actor.nursery(Effect.gen(function*() {
      const events = yield* collectEvents
      const a = yield* start("a")
      const x = yield* Actor.start("x", { expose: N.neighbours, unique: true })
      yield* Effect.forkChild(Effect.exit(x.run(N.works({ cleanup: 1_000 }))))
      yield* settle
      const ending = yield* Effect.forkChild(x.cancel())
      yield* pass(200)
      assert.strictEqual(yield* a.run(N.lookup({ name: "x" })), "nobody")
      assert.isTrue(Option.isNone(yield* Effect.scoped(Registry.find([N.poke], "x"))))
      assert.instanceOf(yield* Effect.flip(Actor.start("x", { expose: [N.poke] })), ActorError.NameTaken)
      yield* pass(1_000)
      yield* Fiber.join(ending)
      yield* (yield* Actor.start("x", { expose: [N.poke], unique: true })).cancel()
      assert.isFalse(events.some(({ _tag }) => _tag === "RegistryStale"))
    })).pipe(inTree))
})
