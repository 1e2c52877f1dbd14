import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { count, isPrime } from "./fixtures/arithmetic.ts"
import { beside, exit, hoard } from "./fixtures/dying.ts"
import { delegate, hold, ticks } from "./fixtures/evidence.ts"
import { evidence, timed, withActors } from "./support.ts"

const runs = (file: string, label: string) =>
  Eventually.holds(`${label} runs`, () => Folder.lines(file).includes(`${label} runs`))

const lost = (error: unknown): ActorError.ActorLost => {
  assert.instanceOf(error, ActorError.ActorLost)
  return error as ActorError.ActorLost
}

describe("An actor killed by a signal is lost to its callers and its owner", () => {
  it.live("G7: an actor killed by a signal fails every open call and stream at once, and `portal.wait` returns its exit", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const portal = yield* Actor.startScoped("victim", { expose: [hold, ticks, isPrime] })
      const calls = yield* Effect.forEach(
        [1, 2, 3],
        (n) => Effect.forkChild(Effect.flip(portal.run(hold({ file, label: `call ${n}`, millis: 0 }))))
      )
      const stream = yield* portal.stream(ticks({ file, label: "stream", millis: 0 })).pipe(
        Stream.runDrain,
        Effect.flip,
        Effect.forkChild
      )
      const waiting = yield* Effect.forkChild(portal.wait)
      yield* runs(file, "call 3")
      process.kill(portal.actor.pid, "SIGKILL")
      const [errors, millis] = yield* timed(Effect.forEach(calls, Fiber.join))
      assert.isBelow(millis, 3000)
      for (const error of errors) {
        assert.deepStrictEqual(lost(error).how, { _tag: "Signalled", signal: "SIGKILL" })
        assert.match(
          lost(error).message,
          /^victim@\d+ is lost: its process was killed by SIGKILL\. It was serving hold /
        )
      }
      assert.deepStrictEqual(lost(yield* Fiber.join(stream)).how, { _tag: "Signalled", signal: "SIGKILL" })
      const ended = yield* Fiber.join(waiting)
      assert.isTrue(ended._tag === "Lost" && ended.error._tag === "ActorLost")
      const late = yield* Effect.flip(portal.run(isPrime({ n: 7 })))
      assert.deepStrictEqual(lost(late).how, { _tag: "Signalled", signal: "SIGKILL" })
    })))

  it.live("an actor killed by a signal fails its nursery, which ends the nursery's other actors", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const error = yield* Effect.flip(Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(hold({ file, label: "other", millis: 0 }))
        const victim = yield* Actor.start("victim", { expose: [isPrime] })
        yield* runs(file, "other")
        process.kill(victim.actor.pid, "SIGKILL")
        return yield* Effect.never
      })))
      assert.deepStrictEqual(lost(error).how, { _tag: "Signalled", signal: "SIGKILL" })
      assert.deepStrictEqual(Folder.lines(file), ["other runs", "other ended by root: nursery failed"])
    })))

  it.live("G1: an actor that is killed in the middle of a tree ends together with the actors below it, and its caller gets ActorLost", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const call = yield* Effect.forkChild(Effect.flip(Actor.runInActor(delegate({ file, label: "mid", millis: 0 }))))
      yield* runs(file, "mid/inner")
      const [middle] = Processes.titled("furrow[delegate@")
      const [inner] = Processes.titled("furrow[hold@")
      process.kill(middle!.pid, "SIGKILL")
      assert.deepStrictEqual(lost(yield* Fiber.join(call)).how, { _tag: "Signalled", signal: "SIGKILL" })
      yield* Processes.gone([inner!.pid])
    })))
})

describe("An actor that exits by itself is lost", () => {
  it.live("an actor that exits is lost with its exit code and its last lines on stderr", () =>
    withActors(Effect.gen(function*() {
      const error = lost(yield* Effect.flip(Actor.runInActor(exit({ code: 3 }))))
      assert.deepStrictEqual(error.how, { _tag: "Exited", code: 3 })
      assert.deepStrictEqual(error.stderr, ["about to leave", "last words"])
      assert.match(
        error.message,
        /^exit@\d+ is lost: its process exited with code 3\. It was serving exit .*\. Its own code called process\.exit\(3\) at .*dying\.ts:\d+: .*\nits last lines on stderr:\n {2}\| about to leave\n {2}\| last words$/
      )
    })))

  it.live("an actor that exits with code 0 by itself is lost", () =>
    withActors(Effect.gen(function*() {
      const error = lost(yield* Effect.flip(Actor.runInActor(exit({ code: 0 }))))
      assert.deepStrictEqual(error.how, { _tag: "Exited", code: 0 })
    })))

  it.live("the error ActorLost of an actor that exits holds no lines of stderr if the actor inherits the stderr of its parent", () =>
    withActors(Effect.gen(function*() {
      const error = lost(yield* Effect.flip(Actor.runInActor(exit({ code: 3 }), { stderr: "inherit" })))
      assert.deepStrictEqual([error.how, error.stderr], [{ _tag: "Exited", code: 3 }, []])
    })))
})

describe("An uncaught error outside of a handler ends the actor", () => {
  for (const how of ["throw", "reject"] as const) {
    it.live(`an uncaught error outside of a handler (${how}) is the actor's failure, the actor's finalizers run, and the actor exits with 70`, () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const portal = yield* Actor.startScoped("careless", { expose: [beside, isPrime] })
        const call = yield* Effect.flip(portal.run(beside({ file, how })))
        assert.instanceOf(call, ActorError.RemoteActorError)
        assert.match(
          (call as ActorError.RemoteActorError).message,
          /^RangeError in careless@\d+.*: nobody catches this$/
        )
        assert.deepStrictEqual(Folder.lines(file), ["finalizer ran"])
        const ended = yield* portal.wait
        if (ended._tag !== "Failed") return assert.fail(ended._tag)
        assert.deepInclude(ended.error.boxed, { type: "RangeError", message: "nobody catches this" })
        assert.include(ended.error.remoteStack, "fixtures/dying.ts")
        assert.strictEqual(ended.error.origin.name, "careless")
        // A call after the death fails with the same description of how the process ended.
        const late = yield* Effect.flip(portal.run(isPrime({ n: 7 })))
        assert.match(late.message, /nobody catches this/)
      })))
  }
})

describe("An actor that exceeds its memory limit is lost", () => {
  it.live("G106: an actor that exceeds its memory limit is lost with the limit in the error and on stderr, and its siblings go on", () =>
    withActors(Effect.gen(function*() {
      const other = yield* Actor.startScoped("other", { expose: [count] })
      const error = lost(yield* Effect.flip(Actor.runInActor(hoard(), { memoryLimit: 64 })))
      assert.deepStrictEqual(error.how, { _tag: "OutOfMemory", limit: 64 })
      assert.include(error.stderr.join("\n"), "heap out of memory")
      assert.strictEqual(yield* Stream.runCount(other.stream(count({ to: 1000 }))), 1000)
    })))
})
