import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { work } from "./fixtures/cancelling.ts"
import {
  breed,
  diesTogether,
  Failed,
  fails,
  failsTogether,
  failsWhenCancelled,
  gate,
  idle
} from "./fixtures/failing.ts"
import { isPrime } from "./fixtures/prime.ts"
import { collectEvents } from "./support/Events.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import { pass, settle } from "./support/Time.ts"

/** The companions of a failure: `type: message`, sorted. */
const others = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> => {
  assert(Exit.isFailure(exit))
  const boxed = Context.getOption(
    Cause.annotations(exit.cause) as Context.Context<ActorError.OtherFailures>,
    ActorError.OtherFailures
  )
  return Option.getOrElse(boxed, () => []).map(({ message, type }) => `${type}: ${message}`).sort()
}

const failOf = <E>(exit: Exit.Exit<unknown, E>): E => {
  assert(Exit.isFailure(exit))
  assert.deepStrictEqual(exit.cause.reasons.map(({ _tag }) => _tag), ["Fail"])
  return (exit.cause.reasons[0] as Cause.Fail<E>).error
}

/** Three daemons and three sleeping jobs around a body. */
const crowd = <A, E, R>(
  body: (daemons: ReadonlyArray<Actor.Portal<typeof isPrime | typeof fails>>) => Effect.Effect<A, E, R>
) =>
  Actor.nursery(Effect.gen(function*() {
    const daemons = yield* Effect.forEach(["d1", "d2", "d3"], (name) => Actor.start(name, { expose: [isPrime, fails] }))
    for (const name of ["j1", "j2", "j3"]) yield* Actor.forkInActor(work({ cleanup: 100, name }), { name })
    yield* settle
    return yield* body(daemons)
  }))

describe("A nursery fails with the failure of its work", () => {
  it.effect("G53: a failing job interrupts the running body of its nursery at once, and its error stays typed", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(fails({ name: "job", after: 1000 }))
        yield* Journal.finalized("body", 200, Effect.never)
      }))))
      yield* pass(2000)
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "job" }))
      assert.deepStrictEqual(others(exit), [])
      assert.deepStrictEqual(journal, ["0 body starts", "1000 body cancelled by nobody", "1200 body finalized"])
    }).pipe(inMemory))

  it.effect("a failing job ends its nursery even if its result is never read", () =>
    Effect.gen(function*() {
      const region = Actor.nursery(Effect.as(Actor.forkInActor(fails({ name: "job" })), "body done"))
      assert.deepStrictEqual(failOf(yield* Effect.exit(region)), new Failed({ name: "job" }))
    }).pipe(inMemory))

  it.effect("a nursery fails with the failure of its job, even if the body catches this failure", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const region = Actor.nursery(Effect.gen(function*() {
        const job = yield* Actor.forkInActor(fails({ name: "job", after: 100 }))
        return yield* Effect.orElseSucceed(job.result, () => "caught")
      }))
      const fiber = yield* Effect.forkChild(Effect.exit(region))
      yield* pass(500)
      assert.deepStrictEqual(failOf(yield* Fiber.join(fiber)), new Failed({ name: "job" }))
    }).pipe(inMemory))

  it.effect("a nursery's body that turns the failure of a job into another failure does not hide the failure of the job", () =>
    Effect.gen(function*() {
      const region = Actor.nursery(Effect.gen(function*() {
        const job = yield* Actor.forkInActor(fails({ name: "job" }))
        return yield* Effect.mapError(job.result, () => "mine" as const)
      }))
      const exit = yield* Effect.exit(region)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "job" }))
      assert.deepStrictEqual(others(exit), ["string: mine"])
    }).pipe(inMemory))

  it.effect("a nursery's body that awaits a job and fails with the job's error reports this error once", () =>
    Effect.gen(function*() {
      const events = yield* collectEvents
      const region = Actor.nursery(Effect.flatMap(Actor.forkInActor(fails({ name: "job" })), (job) => job.result))
      const exit = yield* Effect.exit(region)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "job" }))
      assert.deepStrictEqual(others(exit), [])
      yield* settle
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "FailureSuppressed"), [])
    }).pipe(inMemory))

  it.effect("G53: a failing call to one of three daemons is the only error of the nursery, and sleeping jobs are cancelled", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(crowd(([first]) => first!.run(fails({ name: "call" })))))
      yield* pass(500)
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "call" }))
      assert.deepStrictEqual(others(exit), [])
      assert.deepStrictEqual(journal.slice(3).toSorted(), [
        "0 j1 cancelled by root: nursery failed",
        "0 j2 cancelled by root: nursery failed",
        "0 j3 cancelled by root: nursery failed",
        "100 j1 finalized",
        "100 j2 finalized",
        "100 j3 finalized"
      ])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("a failing job among daemons and sleeping jobs is the only error of the nursery, and all other work is cancelled", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(crowd(() =>
        Effect.andThen(
          Actor.forkInActor(fails({ name: "j4", after: 100 })),
          Journal.finalized("body", 0, Effect.never)
        )
      )))
      yield* pass(500)
      assert.isDefined(fiber.pollUnsafe())
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "j4" }))
      assert.deepStrictEqual(others(exit), [])
      assert.deepStrictEqual(journal.filter((line) => /cancelled/.test(line)).toSorted(), [
        "100 body cancelled by nobody",
        "100 j1 cancelled by root: nursery failed",
        "100 j2 cancelled by root: nursery failed",
        "100 j3 cancelled by root: nursery failed"
      ])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("a failing call that the body catches ends no other work of the nursery", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const answer = yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [isPrime, fails] })
        const name = yield* Effect.catchTag(frank.run(fails({ name: "call" })), "Failed", ({ name }) =>
          Effect.succeed(name))
        return [name, yield* frank.run(isPrime({ n: 7 }))] as const
      }))
      assert.deepStrictEqual(answer, ["call", true])
    }).pipe(inMemory))

  it.effect("a nursery's body that dies ends the actors of the nursery, which dies with the same defect", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const defect = new RangeError("local")
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [idle] })
        yield* Effect.forkDetach(Effect.ignore(frank.run(idle({ name: "frank", cleanup: 100 }))))
        yield* settle
        return yield* Effect.die(defect)
      }))))
      yield* pass(500)
      const exit = yield* Fiber.join(fiber)
      assert(Exit.isFailure(exit))
      assert.strictEqual(Cause.squash(exit.cause), defect)
      assert.deepStrictEqual(journal.slice(1), ["0 frank cancelled by root: nursery failed", "100 frank finalized"])
    }).pipe(inMemory))
})

describe("the first failure of a nursery wins, and later failures are kept as data", () => {
  it.effect("G54: the first of two failures is the nursery's failure, and the other failure is kept as an annotation and reported as an event", () =>
    Effect.gen(function*() {
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        // The arrival of a failure decides: this one has a finalizer to run before.
        yield* Actor.forkInActor(fails({ name: "second", after: 1000, cleanup: 100 }))
        yield* Actor.forkInActor(fails({ name: "first", after: 1050 }))
        yield* Effect.never
      }))))
      yield* pass(2000)
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "first" }))
      assert.deepStrictEqual(others(exit), [`Failed: {"_tag":"Failed","name":"second"}`])
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "FailureSuppressed" ? [[event.actor.name, event.text]] : []),
        [["root", `Failed: {"_tag":"Failed","name":"second"}`]]
      )
    }).pipe(inMemory))

  it.effect("the first of 25 failures in one turn of the event loop is the nursery's failure, and the other 24 failures are kept as data", () =>
    Effect.gen(function*() {
      gate.closeUnsafe()
      const events = yield* collectEvents
      const names = Array.from({ length: 25 }, (_, i) => `job ${i}`)
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.andThen(
        Effect.forEach(names, (name) => Actor.forkInActor(failsTogether({ name })), { concurrency: "unbounded" }),
        Effect.never
      ))))
      yield* settle
      gate.openUnsafe()
      yield* settle
      const exit = yield* Fiber.join(fiber)
      const first = failOf(exit)
      assert.instanceOf(first, Failed)
      const text = (name: string) => `Failed: {"_tag":"Failed","name":"${name}"}`
      assert.deepStrictEqual(others(exit), names.filter((name) => name !== first.name).map(text).sort())
      assert.strictEqual(events.filter(({ _tag }) => _tag === "FailureSuppressed").length, 24)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("25 jobs that fail while other jobs are starting end their nursery with one typed failure", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 25 }, (_, i) => `job ${i}`)
      const exit = yield* Effect.exit(Actor.nursery(
        Effect.forEach(names, (name) => Actor.forkInActor(fails({ name })), { concurrency: "unbounded" })
      ))
      assert.instanceOf(failOf(exit), Failed)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("a defect beside the typed failure of a nursery leaves the failure catchable", () =>
    Effect.gen(function*() {
      gate.closeUnsafe()
      const region = Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(failsTogether({ name: "typed" }))
        yield* Actor.forkInActor(diesTogether({ name: "defect" }))
        yield* Actor.forkInActor(failsWhenCancelled({ name: "messy" }))
        yield* Effect.never
      }))
      const fiber = yield* Effect.forkChild(Effect.exit(region))
      const caught = yield* Effect.forkChild(
        Effect.catchTag(region, "Failed", ({ name }) => Effect.succeed(name))
      )
      yield* settle
      gate.openUnsafe()
      yield* settle
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(failOf(exit), new Failed({ name: "typed" }))
      assert.deepStrictEqual(others(exit), ["RangeError: cleanup of messy", "RangeError: defect"])
      assert.strictEqual(yield* Fiber.join(caught), "typed")
    }).pipe(inMemory))

  it.effect("G54: actors that only answered the cancel of their nursery are not among its failures", () =>
    Effect.gen(function*() {
      yield* Journal.fresh
      const events = yield* collectEvents
      const fiber = yield* Effect.forkChild(Effect.exit(crowd(() => Effect.fail("body" as const))))
      yield* pass(1000)
      const exit = yield* Fiber.join(fiber)
      assert.strictEqual(failOf(exit), "body")
      assert.deepStrictEqual(others(exit), [])
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "FailureSuppressed"), [])
    }).pipe(inMemory))

  it.effect("a job that fails while its nursery closes is kept as data beside the body's failure", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(failsWhenCancelled({ name: "job" }))
        yield* settle
        return yield* Effect.fail("body" as const)
      }))))
      yield* pass(1000)
      const exit = yield* Fiber.join(fiber)
      assert.strictEqual(failOf(exit), "body")
      assert.deepStrictEqual(others(exit), ["RangeError: cleanup of job"])
    }).pipe(inMemory))

  it.effect("jobs that fail after the daemons have answered still end the daemons", () =>
    Effect.gen(function*() {
      gate.closeUnsafe()
      const journal = yield* Journal.fresh
      const fiber = yield* Effect.forkChild(Effect.exit(Actor.nursery(Effect.gen(function*() {
        const daemon = yield* Actor.start("daemon", { expose: [isPrime, idle] })
        yield* Effect.forkDetach(Effect.ignore(daemon.run(idle({ name: "daemon", cleanup: 0 }))))
        for (const name of ["a", "b", "c"]) yield* Actor.forkInActor(failsTogether({ name }))
        return yield* daemon.run(isPrime({ n: 7 }))
      }))))
      yield* pass(1000)
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual((yield* Actor.statistics).children.length, 4)
      gate.openUnsafe()
      yield* settle
      const exit = yield* Fiber.join(fiber)
      assert.instanceOf(failOf(exit), Failed)
      assert.strictEqual(others(exit).length, 2)
      assert.deepStrictEqual(journal, ["0 daemon starts", "1000 daemon cancelled by root: nursery failed"])
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  for (const depth of [1, 3]) {
    it.effect(`nested nurseries fail with one typed error, from the innermost nursery, when actors of the innermost nurseries fail (depth: ${depth})`, () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.exit(Actor.runInActor(breed({ depth, name: "leaf" }))))
        yield* pass(500)
        const error = failOf(yield* Fiber.join(fiber))
        assert.instanceOf(error, Failed)
        assert.match(error.name, /^leaf(\.[12])+$/)
        assert.strictEqual(error.name.split(".").length, depth + 1)
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      }).pipe(inMemory))
  }
})
