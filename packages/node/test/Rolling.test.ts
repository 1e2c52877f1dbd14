/** Tests rolls and standbys of real processes, under load and under kills. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Supervisor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Counter, Mail, pid, pids, Store, Web } from "./fixtures/supervised.ts"
import { timed, withActors } from "./support.ts"

/** Kills a process, and waits until its supervisor has noticed. */
const kill = (pid: number) =>
  Effect.gen(function*() {
    const { deaths } = (yield* Actor.statistics).supervisors[0]!
    process.kill(pid, "SIGKILL")
    yield* Eventually.succeeds(
      Effect.map(Actor.statistics, ({ supervisors }) => assert.isAbove(supervisors[0]!.deaths, deaths)),
      { what: "the supervisor notices a death" }
    )
  })

/** Waits until the supervisor has a ready standby and nothing else in progress. */
const standbyIsReady = Eventually.succeeds(
  Effect.map(Actor.statistics, ({ supervisors }) => {
    const counter = supervisors[0]!.children.find(({ child }) => child === "Counter")!
    assert.deepStrictEqual([counter.state, counter.behind], ["Up", "Ready"])
  }),
  { what: "a standby is ready" }
)

describe("A roll of processes", () => {
  it.live(
    "G210: a roll of processes under load fails no call of this process, and no call of an actor in another process, which keeps running",
    () =>
      withActors(
        Effect.gen(function*() {
          const [web, counter, store] = [yield* Web, yield* Counter, yield* Store]
          const before = yield* web.run(pids())
          let isOver = false
          let calls = 0
          const caller = (call: Effect.Effect<unknown, unknown>) =>
            Effect.whileLoop({ while: () => !isOver, body: () => call, step: () => void calls++ })
          const users = [web.run(pids()), web.run(pids()), web.run(pids()), counter.run(pids()), store.run(pid())]
          const load = yield* Effect.forkChild(
            Effect.forEach(users as ReadonlyArray<Effect.Effect<unknown, unknown>>, caller, {
              concurrency: "unbounded",
              discard: true
            }),
            { startImmediately: true }
          )
          for (let i = 0; i < 3; i++) yield* Supervisor.roll([Counter, Store], { drain: "30 seconds" })
          isOver = true
          yield* Fiber.join(load)
          const after = yield* web.run(pids())
          assert.strictEqual(after[0], before[0])
          assert.notStrictEqual(after[1], before[1])
          assert.notStrictEqual(after[2], before[2])
          assert.deepStrictEqual([web, counter, store].map(({ incarnation }) => incarnation), [1, 4, 4])
          assert.isAbove(calls, 20)
          assert.strictEqual((yield* Actor.statistics).children.length, 3)
        }).pipe(Effect.provide(Supervisor.layer({ hold: "30 seconds" }, [Web, Counter, Store])))
      ),
    240_000
  )
})

const kills = 50

describe("A standby of processes", () => {
  it.live(
    `G212: a standby takes over after each of ${kills} kills of its actor, fails no waiting call, and is faster than a start`,
    () =>
      withActors(
        Effect.gen(function*() {
          const [web, counter, mail] = [yield* Web, yield* Counter, yield* Mail]
          const first = yield* web.run(pid())
          const takeovers: Array<number> = []
          for (let i = 0; i < kills; i++) {
            yield* standbyIsReady
            yield* kill(yield* counter.run(pid()))
            // One user is in this process and one in another, and both have to find the successor.
            const [, millis] = yield* timed(Effect.andThen(counter.run(pid()), web.run(pids())))
            takeovers.push(Math.round(millis))
          }
          assert.deepStrictEqual([yield* web.run(pid()), web.incarnation], [first, 1])
          assert.isAtLeast(counter.incarnation, kills + 1)
          const starts: Array<number> = []
          for (let i = 0; i < 5; i++) {
            yield* kill(yield* mail.run(pid()))
            const [, millis] = yield* timed(mail.run(pid()))
            starts.push(Math.round(millis))
          }
          const half = takeovers.toSorted((a, b) => a - b)[kills / 2]!
          assert.isBelow(half, Math.min(...starts), `takeovers: ${takeovers.join(" ")}; starts: ${starts.join(" ")}`)
          assert.isBelow(Math.max(...takeovers), 5000)
        }).pipe(Effect.provide(Supervisor.layer({
          hold: "30 seconds",
          backoff: Schedule.spaced("50 millis"),
          strategy: "one-for-one",
          intensity: { restarts: 2 * kills, within: "10 minutes" }
        }, [Store, Supervisor.of(Counter, { standby: 1 }), Web, Mail])))
      ),
    600_000
  )
})
