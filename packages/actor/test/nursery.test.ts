import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Nursery } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { short, ticks, work } from "./fixtures/cancelling.ts"
import { delegates, fails, idle } from "./fixtures/failing.ts"
import { isPrime } from "./fixtures/prime.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import * as Puppets from "./support/Puppets.ts"
import { pass, settle, until } from "./support/Time.ts"

const { say } = Journal

describe("A nursery owns the actors that are started in it", () => {
  it.effect("G2: daemons are cancelled when the body of a nursery returns, and reaped before the nursery returns", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.tap(
        Actor.nursery(Effect.gen(function*() {
          const frank = yield* Actor.start("frank", { expose: [idle] })
          yield* Effect.forkChild(frank.run(idle({ name: "frank", cleanup: 300 })))
          yield* Effect.sleep(1000)
          yield* say("body done")
          return "result"
        })),
        (result) => say(`nursery done with a ${result}`)
      ))
      yield* pass(2000)
      assert.strictEqual(yield* Fiber.join(fiber), "result")
      assert.deepStrictEqual(journal, [
        "0 frank starts",
        "1000 body done",
        "1000 frank cancelled by root: nursery done",
        "1300 frank finalized",
        "1300 nursery done with a result"
      ])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("all daemons of a nursery are cancelled in parallel", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        for (const name of ["a", "b", "c"]) {
          const portal = yield* Actor.start(name, { expose: [idle] })
          yield* Effect.forkDetach(Effect.ignore(portal.run(idle({ name, cleanup: 300 }))))
        }
        yield* Effect.sleep(1000)
      })))
      yield* pass(1250)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(100)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal.filter((line) => line.endsWith("finalized")), [
        "1300 a finalized",
        "1300 b finalized",
        "1300 c finalized"
      ])
    }).pipe(inMemory))

  it.effect("runInActor names its actor after the endpoint of the call, and ends the actor when the answer has arrived", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.runInActor(short({ millis: 100 })))
      yield* settle
      assert.deepStrictEqual((yield* Actor.statistics).children.map(({ actor, state }) => [actor.name, state]), [
        ["short", "Running"]
      ])
      yield* pass(100)
      assert.strictEqual(yield* Fiber.join(fiber), 100)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
      assert.deepStrictEqual(journal, ["0 short starts", "100 short done"])
      const named = yield* Effect.forkChild(Actor.runInActor(short({ millis: 100 }), { name: "other" }))
      yield* settle
      assert.strictEqual((yield* Actor.statistics).children[0]!.actor.name, "other")
      yield* pass(100)
      yield* Fiber.join(named)
    }).pipe(inMemory))

  it.effect("G55: a nursery whose body has returned waits for its background jobs", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.tap(
        Actor.nursery(Effect.gen(function*() {
          const job = yield* Actor.forkInActor(short({ millis: 500 }))
          yield* say("body done")
          return job
        })),
        () => say("nursery done")
      ))
      yield* pass(1000)
      const job = yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal, ["0 body done", "0 short starts", "500 short done", "500 nursery done"])
      assert.strictEqual(yield* job.result, 500)
      yield* job.wait
    }).pipe(inMemory))

  it.effect("the result of a job can be read repeatedly, inside and after the nursery", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const job = yield* Actor.forkInActor(short({ millis: 500 }))
        assert.deepStrictEqual([yield* job.result, yield* job.result], [500, 500])
        return job
      })))
      yield* pass(1000)
      assert.strictEqual(yield* (yield* Fiber.join(fiber)).result, 500)
    }).pipe(inMemory))

  it.effect("a job that is cancelled does not fail its nursery", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const job = yield* Actor.forkInActor(work({ cleanup: 200 }))
        yield* Effect.sleep(100)
        yield* job.cancel("enough")
        yield* say("cancelled")
        const error = yield* Effect.flip(job.result)
        assert.instanceOf(error, ActorError.ContextCancelled)
        assert.strictEqual(error.reason, "enough")
        yield* job.wait
        yield* Effect.sleep(100)
        return "fine"
      })))
      yield* pass(1000)
      assert.strictEqual(yield* Fiber.join(fiber), "fine")
      assert.deepStrictEqual(journal, [
        "0 work starts",
        "100 work cancelled by root: enough",
        "300 work finalized",
        "300 cancelled"
      ])
    }).pipe(inMemory))

  it.effect("G55: a nursery waits for the end of an actor that was started with `await: true`", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.tap(
        Actor.nursery(Effect.gen(function*() {
          const joined = yield* Actor.start("joined", { expose: [idle], await: true })
          const daemon = yield* Actor.start("daemon", { expose: [idle] })
          const scope = yield* Effect.scope
          yield* Effect.forkDetach(Effect.andThen(Effect.sleep(2000), joined.cancel("it is time")))
          yield* Effect.forkIn(scope)(daemon.run(idle({ name: "daemon", cleanup: 0 })))
          yield* Effect.sleep(100)
          yield* say("body done")
        })),
        () => say("nursery done")
      ))
      yield* pass(1900)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(200)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(journal, [
        "0 daemon starts",
        "100 body done",
        "100 daemon cancelled by root: interrupted",
        "2000 nursery done"
      ])
    }).pipe(inMemory))

  it.effect("G56: a nursery works in any actor, and its actors are gone before the handler around it answers", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(
        Effect.tap(Actor.runInActor(delegates({ cleanup: 200 })), () => say("answered"))
      )
      yield* pass(500)
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["delegates", "root > delegates > helper"])
      assert.deepStrictEqual(journal.slice(-2), ["300 helper finalized", "300 answered"])
    }).pipe(inMemory))

  it.effect("G56: any fiber inside a nursery may start actors, also many at once", () =>
    Actor.nursery(Effect.gen(function*() {
      const names = Array.from({ length: 10 }, (_, i) => `worker-${i}`)
      const portals = yield* Effect.forEach(names, (name) => Actor.start(name, { expose: [isPrime] }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(portals.map(({ name }) => name), names)
      const answers = yield* Effect.forEach(portals, (portal) => portal.run(isPrime({ n: 7 })), {
        concurrency: "unbounded"
      })
      assert.isTrue(answers.every((answer) => answer))
    })).pipe(inMemory))

  it.effect("G56: names of actors in a nursery need not be unique, and eight actors of one name end together", () =>
    Effect.gen(function*() {
      yield* Actor.nursery(Effect.gen(function*() {
        const dogs = yield* Effect.forEach(Array.from({ length: 8 }), () => Actor.start("doggy", { expose: [isPrime] }))
        assert.strictEqual(new Set(dogs.map(({ actor }) => actor.uuid)).size, 8)
        assert.strictEqual((yield* Actor.statistics).children.length, 8)
      }))
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("the statistics of a nursery show its children, its jobs and whether it is closing", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      let look: Effect.Effect<Nursery.NurserySnapshot> = Effect.never
      const fiber = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        look = (yield* Nursery.Nursery).statistics
        assert.deepStrictEqual(yield* look, { state: "open", children: [], jobs: 0 })
        const frank = yield* Actor.start("frank", { expose: [idle] })
        yield* Actor.forkInActor(short({ millis: 500 }))
        yield* Effect.forkDetach(Effect.ignore(frank.run(idle({ name: "frank", cleanup: 300 }))))
        const { children, jobs, state } = yield* look
        assert.deepStrictEqual([state, children.length, jobs], ["open", 2, 1])
        assert.deepInclude(children[0], { actor: frank.actor, state: "Running" })
      })))
      yield* pass(450)
      assert.strictEqual((yield* look).jobs, 1)
      yield* pass(100)
      const closing = yield* look
      assert.deepStrictEqual([closing.state, closing.jobs], ["closing", 0])
      assert.deepStrictEqual(closing.children.map(({ actor, state }) => [actor.name, state]), [["frank", "Finalizing"]])
      yield* pass(500)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* look, { state: "done", children: [], jobs: 0 })
    }).pipe(inMemory))

  it.effect("G8: a call through a portal fails with ChannelClosed, whose `side` is `local`, after the nursery of the actor has ended", () =>
    Effect.gen(function*() {
      const frank = yield* Actor.nursery(Actor.start("frank", { expose: [isPrime, ticks] }))
      for (
        const call of [frank.run(isPrime({ n: 7 })), Stream.runDrain(frank.stream(ticks({ every: 1, cleanup: 0 })))]
      ) {
        const error = yield* Effect.flip<void | boolean, unknown, never>(call)
        assert.instanceOf(error, ActorError.ChannelClosed)
        assert.strictEqual(error.side, "local")
        assert.match(error.message, /^the portal to frank@\d+ is closed here: /)
      }
      assert.deepInclude(yield* frank.wait, { _tag: "Cancelled", reason: "nursery done", cleanup: [] })
      yield* frank.cancel("again")
      assert.strictEqual((yield* frank.statistics).channel.state, "Closed")
    }).pipe(inMemory))

  it.effect("a call through a portal fails with ChannelClosed, whose `side` is `local`, after the owner has cancelled the actor", () =>
    Actor.nursery(Effect.gen(function*() {
      const frank = yield* Actor.start("frank", { expose: [isPrime] })
      yield* frank.cancel()
      const error = yield* Effect.flip(frank.run(isPrime({ n: 7 })))
      assert.instanceOf(error, ActorError.ChannelClosed)
      assert.strictEqual(error.side, "local")
    })).pipe(inMemory))
})

describe("An interrupted nursery ends its actors", () => {
  it.effect("a deadline over a nursery with a streaming daemon cancels the daemon, and the caller gets only the error of the deadline", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const seen: Array<number> = []
      const region = Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [ticks] })
        yield* frank.stream(ticks({ every: 100, cleanup: 200 })).pipe(
          Stream.runForEach((n) => Effect.sync(() => void seen.push(n)))
        )
      }))
      const fiber = yield* Effect.forkChild(Effect.exit(Effect.timeoutOption(region, 1050)))
      yield* pass(3000, 10)
      const exit = yield* Fiber.join(fiber)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value._tag, "None")
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      assert.deepStrictEqual(journal, [
        "1050 ticks cleanup starts",
        "1050 ticks cleanup done",
        "1250 ticks cleanup finalized"
      ])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("the actors of an interrupted nursery are cancelled at once, even while the finalizers of its body run", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [idle] })
        yield* Effect.forkDetach(Effect.ignore(frank.run(idle({ name: "frank", cleanup: 100 }))))
        yield* Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep(500), say("body finalized")))
      })))
      yield* pass(1000)
      yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(fiber), say("resumed")))
      yield* pass(1000)
      assert.deepStrictEqual(journal, [
        "0 frank starts",
        "1000 frank cancelled by root: nursery interrupted",
        "1100 frank finalized",
        "1500 body finalized",
        "1500 resumed"
      ])
    }).pipe(inMemory))

  it.effect("an outer nursery that fails while its inner nursery runs ends the inner nursery", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.flip(Actor.nursery(Effect.gen(function*() {
        const outer = yield* Actor.start("outer", { expose: [idle] })
        yield* Effect.forkDetach(Effect.ignore(outer.run(idle({ name: "outer", cleanup: 0 }))))
        yield* Actor.forkInActor(fails({ name: "job", after: 1000 }))
        yield* Effect.onExit(
          Actor.nursery(Effect.gen(function*() {
            const inner = yield* Actor.start("inner", { expose: [idle] })
            yield* inner.run(idle({ name: "inner", cleanup: 200 }))
          })),
          () => say("inner nursery done")
        )
      }))))
      yield* pass(2000)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failed")
      assert.deepStrictEqual(journal.slice(2), [
        "1000 outer cancelled by root: nursery failed",
        "1000 inner cancelled by root: interrupted",
        "1200 inner finalized",
        "1200 inner nursery done"
      ])
    }).pipe(inMemory))

  it.effect("interrupting a nursery while an actor starts leaves no actor behind", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      for (let turns = 0; turns < 12; turns++) {
        const fiber = yield* Effect.forkChild(Actor.nursery(Actor.start("frank", { expose: [isPrime] })))
        for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => new Promise((go) => setImmediate(go)))
        yield* until(2000)(Fiber.interrupt(fiber))
        assert.deepStrictEqual(theatre.living(), [])
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      }
    }).pipe(Effect.provide(theatre.layer))
  })
})
