import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isPrime } from "./fixtures/arithmetic.ts"
import { hold, ticks } from "./fixtures/evidence.ts"
import { refuse, Refused, stumble } from "./fixtures/later.ts"
import { evidence, timed, withActors } from "./support.ts"

const nobody = Effect.gen(function*() {
  assert.deepStrictEqual(Processes.titled("furrow[").map(Processes.describe), [])
  assert.deepStrictEqual((yield* Actor.statistics).children, [])
})

describe("A nursery of processes", () => {
  it.live("a nursery of processes cancels daemons as well as jobs when a call to one of its actors fails", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const error = yield* Effect.flip(Actor.nursery(Effect.gen(function*() {
        const daemons = yield* Effect.forEach(
          ["d1", "d2", "d3"],
          (name) => Actor.start(name, { expose: [refuse, isPrime] }),
          { concurrency: 3 }
        )
        yield* Effect.forEach(
          ["j1", "j2", "j3"],
          (label) => Actor.forkInActor(hold({ file, label, millis: 0 })),
          { concurrency: 3 }
        )
        yield* Eventually.holds("the jobs run", () => Folder.lines(file).length === 3)
        return yield* daemons[1]!.run(refuse({ who: "d2", after: 0 }))
      })))
      assert.instanceOf(error, Refused)
      assert.deepInclude(error, { who: "d2" })
      assert.deepStrictEqual(Folder.lines(file).slice(3).sort(), [
        "j1 ended by root: nursery failed",
        "j2 ended by root: nursery failed",
        "j3 ended by root: nursery failed"
      ])
      yield* nobody
    })))

  it.live("a nursery of processes fails with the first of several failures as a typed error, to which the other failures are attached", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const exit = yield* Effect.exit(Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(stumble({ file }))
        yield* Actor.forkInActor(refuse({ who: "second", after: 100_000 }))
        yield* Eventually.holds("it hangs", () => Folder.lines(file).length === 1)
        yield* Actor.forkInActor(refuse({ who: "first", after: 0 }))
        return yield* Effect.never
      })))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.deepStrictEqual(exit.cause.reasons.map((reason) => reason._tag), ["Fail"])
      assert.deepInclude(Cause.squash(exit.cause), { _tag: "Refused", who: "first" })
      const others = Context.getOption(Cause.annotations(exit.cause) as Context.Context<any>, ActorError.OtherFailures)
      // A failure that only follows from the cancel does not count.
      assert.deepStrictEqual(
        Option.getOrElse(others, () => []).map(({ message, type }) => `${type}: ${message}`),
        ["RangeError: fell while leaving"]
      )
      yield* nobody
    })))

  it.live("a nursery of processes fails when a job fails late, although calls to its daemons succeed", () =>
    withActors(Effect.gen(function*() {
      const answers: Array<boolean> = []
      const error = yield* Effect.flip(Actor.nursery(Effect.gen(function*() {
        const daemon = yield* Actor.start("daemon", { expose: [isPrime] })
        yield* Actor.forkInActor(refuse({ who: "late", after: 500 }))
        answers.push(yield* daemon.run(isPrime({ n: 7 })))
      })))
      assert.deepInclude(error, { _tag: "Refused", who: "late" })
      assert.deepStrictEqual(answers, [true])
      yield* nobody
    })))

  it.live("a nursery of processes ends at a deadline although one of its daemons sends a stream without end", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      let seen = 0
      const [done, millis] = yield* timed(Effect.timeoutOption(
        Actor.nursery(Effect.gen(function*() {
          const daemon = yield* Actor.start("ticker", { expose: [ticks] })
          yield* Stream.runForEach(
            daemon.stream(ticks({ file, label: "ticker", millis: 0 })),
            () => Effect.sync(() => seen++)
          )
        })),
        "3 seconds"
      ))
      assert.isTrue(Option.isNone(done))
      assert.isAbove(seen, 1000)
      assert.isBelow(millis, 6000)
      assert.strictEqual(Folder.lines(file).length, 1)
      yield* nobody
    })))

  it.live("G56: a nursery of processes owns many actors with the same name, and ends them together", () =>
    withActors(Effect.gen(function*() {
      const pids = yield* Actor.nursery(Effect.gen(function*() {
        const doggies = yield* Effect.forEach(
          Array.from({ length: 8 }),
          () => Actor.start("doggy", { expose: [isPrime] }),
          { concurrency: 8 }
        )
        assert.strictEqual(new Set(doggies.map(({ actor }) => actor.uuid)).size, 8)
        assert.strictEqual(Processes.titled("furrow[doggy@").length, 8)
        return doggies.map(({ actor }) => actor.pid)
      }))
      assert.deepStrictEqual(pids.filter(Processes.isAlive), [])
      yield* nobody
    })))

  it.live("a nursery waits for an actor with the option await until the actor is cancelled", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Actor.nursery(Effect.gen(function*() {
        const kept = yield* Actor.start("kept", { expose: [isPrime], await: true })
        yield* Effect.forkDetach(Effect.gen(function*() {
          yield* Eventually.holds("the body has returned", () => Folder.lines(file).length === 1)
          assert.strictEqual(yield* kept.run(isPrime({ n: 7 })), true)
          yield* kept.cancel("not needed any more")
        }))
        yield* Effect.sync(() => Folder.append(file, "returned"))
      }))
      yield* nobody
    })))

  it.live("a nursery that is interrupted while several actors start leaves no process", () =>
    withActors(Effect.gen(function*() {
      for (const moment of [30, 150, 300]) {
        const region = yield* Effect.forkChild(
          Actor.nursery(Effect.forEach(
            ["a", "b", "c", "d"],
            (name) => Actor.start(name, { expose: [isPrime] }),
            { concurrency: 4 }
          )),
          { startImmediately: true }
        )
        yield* Eventually.pause(moment)
        yield* Fiber.interrupt(region)
        assert.deepStrictEqual(Processes.titled("childMain").concat(Processes.titled("furrow[")), [])
        yield* nobody
      }
    })))
})
