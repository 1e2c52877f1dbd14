import { assert, describe, it } from "@effect/vitest"
import { Actor, Timeouts } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { isPrime } from "./fixtures/arithmetic.ts"
import { hold } from "./fixtures/evidence.ts"
import { grow, LeafFailed, wither } from "./fixtures/family.ts"
import { blocked, blockedBelow, litter, stubborn } from "./fixtures/stuck.ts"
import { evidence, timed, withActors } from "./support.ts"

/** Milliseconds to end a blocked actor: the shutdown ladder takes 0.5 s + 0.5 s, and the rest is for a busy host. */
const aboutASecond = 4000

/** Waits until an actor has written `label PID`, and returns its pid. */
const written = (file: string, label: string) =>
  Eventually.holds(`${label} is written`, () => {
    const line = Folder.lines(file).find((line) => line.startsWith(`${label} `))
    return line === undefined ? undefined : Number(line.slice(label.length + 1))
  })

describe("An actor that does not end when its owner asks it to end is killed", () => {
  it.live("G13: a blocked actor is killed within about a second together with its subprocesses, in whatever way its thread is blocked", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const ways = ["spin", "wait", "subprocess"]
      const calls = yield* Effect.forEach(ways, (how) => Effect.forkChild(Actor.runInActor(blocked({ file, how }))))
      const pids = yield* Effect.forEach(ways, (how) => written(file, how))
      const sleeper = yield* Eventually.holds("the subprocess runs", () => Processes.titled("sleep 1000")[0])
      const [, millis] = yield* timed(Effect.forEach(calls, Fiber.interrupt, { concurrency: "unbounded" }))
      assert.isBelow(millis, aboutASecond)
      for (const pid of pids) assert.isFalse(Processes.isAlive(pid), "reaped before the caller resumed")
      yield* Processes.gone([sleeper.pid])
    })))

  it.live("an actor that does not end is first asked to end, then gets SIGTERM, and then SIGKILL", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const rungs: Array<string> = []
      const watching = yield* Actor.events.pipe(
        Stream.runForEach((event) => Effect.sync(() => event._tag === "ActorEnding" && rungs.push(event.rung))),
        Effect.forkChild
      )
      yield* Effect.yieldNow
      const call = yield* Effect.forkChild(Actor.runInActor(blocked({ file, how: "spin" })))
      yield* written(file, "spin")
      yield* Fiber.interrupt(call)
      yield* Eventually.succeeds(
        Effect.sync(() => assert.deepStrictEqual(rungs, ["Asked", "Terminating", "Killed", "Gone"]))
      )
      yield* Fiber.interrupt(watching)
    })))

  it.live("an actor that is stopped by SIGSTOP is killed at the interruption of its call", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const call = yield* Effect.forkChild(Actor.runInActor(hold({ file, label: "stopped", millis: 0 })))
      yield* Eventually.holds("it runs", () => Folder.lines(file).length === 1)
      const { pid } = Processes.titled("furrow[hold@")[0]!
      process.kill(pid, "SIGSTOP")
      yield* Eventually.holds("it is stopped", () => Processes.find(pid)?.state === "T")
      const [, millis] = yield* timed(Fiber.interrupt(call))
      assert.isBelow(millis, aboutASecond)
      assert.isFalse(Processes.isAlive(pid))
    })))

  it.live("an actor with an uninterruptible fiber is killed after the bound for its finalizers", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const call = yield* Effect.forkChild(
        Actor.runInActor(stubborn({ file })).pipe(
          Timeouts.provide({ finalizers: 500 })
        )
      )
      const pid = yield* written(file, "stubborn")
      const [, millis] = yield* timed(Fiber.interrupt(call))
      // Half of the bound is for the actor's answer, and the other half for its last words.
      assert.isAtLeast(millis, 250)
      assert.isBelow(millis, aboutASecond)
      assert.isFalse(Processes.isAlive(pid))
    })))

  it.live("an interrupted caller waits for a stuck actor of another owner only for a bounded time, and the actor is listed as stuck", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Effect.provideService(
        Actor.nursery(Effect.gen(function*() {
          const portal = yield* Actor.start("stuck", { expose: [stubborn, isPrime] })
          const call = yield* Effect.forkChild(portal.run(stubborn({ file })))
          yield* written(file, "stubborn")
          const [, millis] = yield* timed(Fiber.interrupt(call))
          assert.isAtLeast(millis, 300)
          assert.isBelow(millis, aboutASecond)
          assert.strictEqual((yield* portal.statistics).channel.stuck, 1)
          // Only the owner may end the actor, which therefore goes on for other callers.
          assert.strictEqual(yield* portal.run(isPrime({ n: 7 })), true)
        })),
        Timeouts.Timeouts,
        { ...Timeouts.defaults, cancel: 300, finalizers: 300 }
      )
    })))

  it.live("an actor two levels below the root that does not end is killed by its own parent, while the root fails with its own error", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const outcome = Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(blockedBelow({ file, how: "spin" }))
        const pid = yield* written(file, "spin")
        return yield* Effect.fail({ pid, at: performance.now() })
      }))
      const exit = yield* Effect.exit(outcome)
      assert.isTrue(exit._tag === "Failure")
      if (exit._tag !== "Failure") return
      const { at, pid } = Cause.squash(exit.cause) as { readonly pid: number; readonly at: number }
      assert.deepStrictEqual(exit.cause.reasons.map((reason) => reason._tag), ["Fail"])
      assert.isBelow(performance.now() - at, aboutASecond)
      assert.isFalse(Processes.isAlive(pid))
    })))

  it.live("the processes that a killed actor has left behind end together with the actor", () =>
    withActors(Effect.gen(function*() {
      const pid = yield* Actor.runInActor(litter())
      yield* Processes.gone([pid])
    })))
})

describe("A tree of processes", () => {
  it.live(
    "cancelling a tree three levels deep ends the lowest actors first, and takes no longer than the bound of a single actor",
    () =>
      withActors(Effect.gen(function*() {
        const file = yield* evidence
        const tree = yield* Effect.forkChild(Actor.runInActor(grow({ file, depth: 2, width: 2 })))
        const leaves = () => Folder.lines(file).filter((line) => line === "depth 0 runs").length
        yield* Eventually.holds("all leaves run", () => leaves() === 4, { within: "25 seconds" })
        const [, millis] = yield* timed(Fiber.interrupt(tree))
        assert.isBelow(millis, 6000)
        const ended = Folder.lines(file).filter((line) => !line.endsWith("runs"))
        assert.deepStrictEqual([...ended].sort(), [
          ...Array.from({ length: 4 }, () => "depth 0 ended by root: nursery interrupted"),
          "depth 1 left its nursery",
          "depth 1 left its nursery",
          "depth 2 left its nursery"
        ])
        assert.strictEqual(ended.at(-1), "depth 2 left its nursery")
      })),
    60_000
  )

  it.live(
    "a tree with failing leaves passes the typed error of a leaf through every level to the root",
    () =>
      withActors(Effect.gen(function*() {
        const error = yield* Effect.flip(Actor.runInActor(wither({ depth: 2, width: 2 })))
        assert.instanceOf(error, LeafFailed)
        assert.deepInclude(error, { depth: 0 })
      })),
    60_000
  )
})

describe("An interruption during the start of an actor leaves no process", () => {
  it.live(
    "G4: an interruption during the start of an actor leaves no process, at whatever moment of the start the interruption comes",
    () =>
      withActors(Effect.gen(function*() {
        const moments = [0, 1, 2, 5, 10, 20, 35, 50, 75, 100, 130, 160, 200, 250, 300, 350, 400, 500]
        let interrupted = 0
        for (const moment of moments) {
          const call = yield* Effect.forkChild(Actor.runInActor(isPrime({ n: 7 })), { startImmediately: true })
          if (moment > 0) yield* Eventually.pause(moment)
          yield* Fiber.interrupt(call)
          const exit = yield* Fiber.await(call)
          if (exit._tag === "Failure") interrupted++
          // The check does not wait, because no process may be left when the caller goes on.
          const left = Processes.titled("childMain").concat(Processes.titled("furrow["))
          assert.deepStrictEqual(left.map(Processes.describe), [], `after ${moment} ms`)
          assert.deepStrictEqual((yield* Actor.statistics).children, [])
        }
        assert.isAbove(interrupted, 5)
      })),
    60_000
  )
})
