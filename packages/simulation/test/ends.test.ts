import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Simulation from "@furrow/testing/Simulation"
import * as Effect from "effect/Effect"
import { job, never } from "../src/actors.ts"
import * as Check from "../src/Check.ts"
import { leave } from "../src/peers.ts"
import * as Program from "../src/Program.ts"
import { run } from "../src/Run.ts"
import { Brief } from "../src/services.ts"

const hanging = job({ work: { key: 1, wait: 0, end: "hang", cleanup: 0 } })

describe("An actor under random schedules ends in time, and its open calls fail before its exit is reported", () => {
  it.live("G78, G119: the open calls of an actor fail before the actor's exit is reported, however late its last words arrive", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const portal = yield* Actor.startScoped("a", { expose: [job, leave] })
        const exits = yield* Effect.all([
          Effect.exit(portal.run(hanging)),
          // The other call has begun before, because a call after the end would be refused.
          Effect.delay(Effect.exit(portal.run(leave({ key: 2, cleanup: 0 }))), 200)
        ], { concurrency: 2 })
        const { _tag } = yield* portal.wait
        return [...exits.map(Simulation.how), _tag]
      })
      const check = ({ exit }: Simulation.Run<ReadonlyArray<string>, unknown>) => {
        const heard = exit?._tag === "Success" ? exit.value : []
        const isTold = heard.join() === "Fail ContextCancelled,Fail ContextCancelled,Returned"
        return isTold ? [] : [`they heard ${heard.join(", ")}`]
      }
      const { runs } = yield* Simulation.explore(program, { seeds: 100, faults: { late: 0.6 }, check })
      assert.strictEqual(runs, 100)
    }))

  it.live("G87, G93: the exit of an actor whose main returns at once is Returned, however soon its last word follows its Ready", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const { _tag } = yield* (yield* Actor.startScoped(Brief, { name: "brief" })).wait
        return _tag
      })
      const check = ({ exit }: Simulation.Run<string, unknown>) => {
        const heard = exit?._tag === "Success" ? exit.value : "no exit"
        return heard === "Returned" ? [] : [`its owner heard ${heard}`]
      }
      const { runs } = yield* Simulation.explore(program, { seeds: 150, faults: { preempt: 0.1 }, check })
      assert.strictEqual(runs, 150)
    }))

  it.live("G72, G119: an actor that ends itself ends within its bound although a cleanup never ends", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const world = yield* Simulation.World
        const portal = yield* Actor.startScoped("a", { expose: [leave] })
        yield* Effect.forkChild(Effect.exit(portal.run(leave({ key: 1, cleanup: never }))))
        yield* portal.wait
        return yield* world.now
      })
      const check = ({ exit }: Simulation.Run<number, unknown>) =>
        exit?._tag === "Success" && exit.value < 7_000 ? [] : ["it took longer than Timeouts.finalizers"]
      const { runs } = yield* Simulation.explore(program, { seeds: 20, check })
      assert.strictEqual(runs, 20)
    }))

  it.live(
    "G19, G29: the end of an actor hides no failure of a stream whose items have all been sent",
    () =>
      Effect.gen(function*() {
        for (let seed = 1; seed <= 300; seed++) {
          const problems = Check.problems(yield* run(Program.generate(seed, ["stream", "retire", "end"])))
          assert.deepStrictEqual(problems, [], `seed ${seed}`)
        }
      }),
    60_000
  )

  it.live("G29: a stream that fails while its connection is full delivers all its items first", () =>
    Effect.gen(function*() {
      const step = { wait: 0, actor: 0, a: 0, b: 0, c: 0 }
      const program: Program.Program = {
        schedule: 722296932,
        actors: 1,
        owner: "scope",
        steps: [{ ...step, kind: "stream", c: 5 }, { ...step, kind: "bytes", b: 2 }],
        calm: [[3, 12], [15, 54]]
      }
      const result = yield* run(program)
      assert.isTrue(result.events.some(({ _tag }) => _tag === "Failing"))
      assert.deepStrictEqual(Check.problems(result), [])
    }))
})
