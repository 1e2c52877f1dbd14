/** docs/patterns.md: the patterns that are a few lines of Effect. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Portal, Supervisor } from "@furrow/actor"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { answer, Clerk, lame, Ledger, member, work } from "./fixtures/patterns.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, settle, until, within } from "./support/Time.ts"

const cluster = (names: ReadonlyArray<string>) =>
  Effect.forEach(names, (name) => Actor.start(name, { expose: [member] }), { concurrency: "unbounded" })

describe("A cluster of actors", () => {
  it.effect("a cluster of actors is ready together with its slowest member, keeps the order of its names, and ends together", () =>
    inMemory(Effect.gen(function*() {
      const lines = yield* Journal.fresh
      const names = ["north", "east", "south", "west"]
      yield* within(30_000)(Actor.nursery(Effect.gen(function*() {
        const portals = yield* cluster(names)
        assert.strictEqual(yield* Clock.currentTimeMillis, 1000)
        assert.deepStrictEqual(portals.map(({ actor }) => actor.name), names)
        const answers = yield* Effect.forEach(portals, (portal) => portal.run(member()), { concurrency: "unbounded" })
        assert.deepStrictEqual(answers, names)
        assert.deepStrictEqual(yield* cluster([]), [])
      })))
      assert.deepStrictEqual(lines.toSorted(), names.map((name) => `1000 ${name} ends`).toSorted())
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    })))

  it.effect("an actor of a cluster that fails to start fails the whole cluster, and the other actors end", () =>
    inMemory(Effect.gen(function*() {
      const error = yield* within(30_000)(Effect.flip(Actor.nursery(Effect.all([
        cluster(["north", "east"]),
        Actor.start("lame", { expose: [lame] })
      ], { concurrency: "unbounded" }))))
      assert(error._tag === "SpawnFailed")
      assert.match(error.message, /lame/)
      assert.isBelow(yield* Clock.currentTimeMillis, 1000)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    })))
})

class Unlinked extends Data.TaggedError("Unlinked")<{ readonly exit: Actor.ActorExit }> {}

/** Runs work as long as the actor lives. */
const linked = (portal: Actor.Portal<typeof work>) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(
    effect,
    Effect.flatMap(Portal.monitor(portal), (exit) => Effect.fail(new Unlinked({ exit })))
  )

describe("A link ends some work together with an actor", () => {
  it.effect("G161: a link ends the work when the linked actor ends, and fails with the exit of that actor", () => {
    const theatre = Puppets.make()
    return Effect.provide(
      drained(
        within(30_000)(Actor.nursery(Effect.gen(function*() {
          const lines = yield* Journal.fresh
          const frank = yield* Actor.start("frank", { expose: [work] })
          const gretchen = yield* Actor.start("gretchen", { expose: [work] })
          const hers = yield* Effect.forkChild(Effect.flip(linked(frank)(gretchen.run(work()))))
          yield* settle
          theatre.puppet("frank").die({ signal: "SIGKILL" })
          const error = yield* Fiber.join(hers)
          assert(error._tag === "Unlinked")
          assert.strictEqual(error.exit._tag, "Lost")
          // The far end of the work has ended by then, and the nursery goes on: a monitor has heard of the loss.
          assert.deepStrictEqual(lines, ["0 work starts", "0 work cancelled by root: interrupted"])
          assert.deepStrictEqual(theatre.living().map((label) => label.split("@")[0]), ["gretchen"])
        })))
      ),
      theatre.layer
    )
  })

  it.effect("G161: a link leaves the actor alone when the work ends first", () =>
    inMemory(
      within(30_000)(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [work, answer] })
        assert.strictEqual(yield* linked(frank)(Effect.as(Effect.sleep(100), "done")), "done")
        assert.strictEqual(yield* frank.run(answer({ millis: 1 })), "frank")
      })))
    ))
})

describe("The first answer of several actors wins", () => {
  it.effect("G162: the first answer of several actors wins, after all other actors have been cancelled and have cleaned up", () =>
    inMemory(
      within(30_000)(Actor.nursery(Effect.gen(function*() {
        const lines = yield* Journal.fresh
        const times = [["a", 60_000], ["b", 100], ["c", 5000]] as const
        const asked = yield* Effect.forEach(
          times,
          ([name, millis]) =>
            Effect.map(Actor.start(name, { expose: [answer] }), (portal) => portal.run(answer({ millis })))
        )
        assert.strictEqual(yield* Effect.raceAll(asked), "b")
        yield* Journal.say("answered")
        assert.deepStrictEqual(
          lines.slice(3).map((line) => line.replace(/^\d+ /, "")),
          [
            "b done",
            "b finalized",
            "a cancelled by root: interrupted",
            "c cancelled by root: interrupted",
            "a finalized",
            "c finalized",
            "answered"
          ]
        )
      })))
    ))
})

/** The latest process of each name. */
const processes = new Map<string, ProcessHandle>()
const memory = MemoryActor.layer({
  between: (process) => {
    processes.set(process.actor.name, process)
    return process
  }
})

describe("A supervised worker", () => {
  it.effect("a supervised worker continues at the point that it had reached, with the state that it keeps in another actor", () =>
    Effect.provide(
      drained(
        until(30_000)(Effect.provide(
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* Clerk.calls.next(), { done: 1, since: 1 })
            assert.deepStrictEqual(yield* Clerk.calls.next(), { done: 2, since: 2 })
            processes.get("Clerk")!.signal("SIGKILL")
            yield* settle
            assert.deepStrictEqual(yield* Clerk.calls.next(), { done: 3, since: 1 })
            assert.strictEqual((yield* Clerk).incarnation, 2)
            assert.strictEqual((yield* Ledger).incarnation, 1)
          }),
          Supervisor.layer({}, [Clerk, Ledger])
        ))
      ),
      Layer.orDie(memory)
    ))
})
