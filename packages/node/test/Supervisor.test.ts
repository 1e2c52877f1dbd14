/** Tests supervisors of real processes that are killed from outside. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Supervisor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Counter, Mail, pid, pids, Store, Web } from "./fixtures/supervised.ts"
import { withActors } from "./support.ts"

const four = [Web, Mail, Counter, Store] as const

const pidsOfAll = Effect.gen(function*() {
  const [store, counter, web, mail] = [yield* Store, yield* Counter, yield* Web, yield* Mail]
  return {
    Store: yield* store.run(pid()),
    Counter: yield* counter.run(pid()),
    Web: yield* web.run(pid()),
    Mail: yield* mail.run(pid())
  }
})

/** Kills a process, and waits until its supervisor has noticed. */
const kill = (pid: number) =>
  Effect.gen(function*() {
    const before = (yield* Actor.statistics).supervisors[0]!.deaths
    process.kill(pid, "SIGKILL")
    yield* Eventually.succeeds(
      Effect.map(Actor.statistics, ({ supervisors }) => assert.isAbove(supervisors[0]!.deaths, before)),
      { what: "the supervisor notices a death" }
    )
  })

const intensity = { restarts: 5, within: "2 minutes" } as const

const strategies: ReadonlyArray<readonly [Supervisor.Strategy, ReadonlyArray<string>]> = [
  ["dependants", ["Counter", "Web"]],
  ["one-for-one", ["Counter"]],
  ["rest-for-one", ["Counter", "Web", "Mail"]],
  ["one-for-all", ["Store", "Counter", "Web", "Mail"]]
]

describe("A supervisor of processes", () => {
  for (const [strategy, replaced] of strategies) {
    it.live(
      `G150: a supervisor with the strategy ${strategy} replaces ${
        replaced.join(", ")
      } when the Service Counter is killed, three times`,
      () =>
        withActors(
          Effect.gen(function*() {
            let before = yield* pidsOfAll
            for (let i = 0; i < 3; i++) {
              yield* kill(before.Counter)
              const after = yield* pidsOfAll
              const changed = (["Store", "Counter", "Web", "Mail"] as const).filter((key) => after[key] !== before[key])
              assert.deepStrictEqual(changed, replaced)
              const chain = yield* Effect.flatMap(Web, (web) => web.run(pids()))
              assert.deepStrictEqual(chain, [after.Web, after.Counter, after.Store])
              before = after
            }
          }).pipe(Effect.provide(Supervisor.layer({ strategy, intensity, hold: "30 seconds" }, four)))
        ),
      120_000
    )
  }

  it.live(
    "G156: a supervisor of processes gives up after too many restarts, and its error names its children, deaths and exits",
    () =>
      withActors(Effect.gen(function*() {
        const Storm = Layer.effectDiscard(Effect.forkScoped(Effect.forever(Effect.gen(function*() {
          const mail = yield* Mail
          yield* kill(yield* mail.run(pid()))
        }))))
        const App = Storm.pipe(
          Layer.provide(Supervisor.layer({ intensity: { restarts: 2, within: "1 minute" } }, four))
        )
        const error = yield* Effect.flip(Actor.launch(App))
        assert.strictEqual(error._tag, "GaveUp")
        assert.match(
          error.message,
          /^"Mail" and those with it died 3 times within 60000 ms: its supervisor gives up\. ("Mail": Mail@\d+ is lost: its process was killed by SIGKILL\b[^;]*(; )?){3}$/
        )
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      })),
    120_000
  )

  it.live(
    "G155: a supervisor fails the running call to a killed actor, and the next call waits for the restarted actor",
    () =>
      withActors(
        Effect.gen(function*() {
          const web = yield* Web
          const first = yield* web.run(pid())
          const calls = yield* Effect.forkChild(
            Effect.forEach(Array.from({ length: 20 }), () => Effect.exit(web.run(pids())), { concurrency: 4 })
          )
          process.kill(first, "SIGKILL")
          for (const exit of yield* Fiber.join(calls)) {
            if (exit._tag === "Success") continue
            assert.match(String(exit.cause), /ActorLost/)
          }
          assert.notStrictEqual(yield* web.run(pid()), first)
        }).pipe(Effect.provide(Supervisor.layer({ intensity, hold: "30 seconds" }, four)))
      ),
    120_000
  )
})
