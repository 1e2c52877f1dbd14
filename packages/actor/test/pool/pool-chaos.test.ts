/** Pools in memory whose workers die at random while tasks of every kind come and go: nothing hangs, and all is counted. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { bug, half, hold, noted, redo, ticks, twice, work } from "../fixtures/pooled.ts"
import * as Journal from "../support/Journal.ts"
import { captureLogs } from "../support/Logs.ts"
import * as Puppets from "../support/Puppets.ts"
import { drained, pass, within } from "../support/Time.ts"
import { begin, type Crew, type Options, withCrew } from "./Pools.ts"

/** Runs, each with another seed; more of them with FURROW_POOL_SEEDS. */
const seeds = Number(process.env["FURROW_POOL_SEEDS"] ?? 12)
const firstSeed = Number(process.env["FURROW_POOL_FIRST_SEED"] ?? 1)
const stepsOfRun = 120

const random = (seed: number) => {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const one = <A>(of: ReadonlyArray<A>): A => of[below(of.length)]!
  return { below, one, chance: (share: number) => next() < share }
}

type Random = ReturnType<typeof random>

const optionsOf = ({ below, chance, one }: Random): Options => {
  const max = 1 + below(4)
  return {
    size: chance(0.3) ? max : { min: below(max + 1), max, idle: one([100, 1000, 30_000]) },
    concurrency: one([1, 1, 2, 3, Infinity]),
    queue: one([0, 2, 5, Infinity, Infinity]),
    letGo: one([0, 100, 500]),
    recycle: { tasks: one([1, 3, 9, Infinity]), age: one([300, 5000, Infinity]) },
    startAttempts: one([1, 3, 3])
  }
}

/** One task of some kind, on which a reader, a body or an item may fail, too. */
const taskOf = (pool: Crew, { below, chance, one }: Random): Effect.Effect<unknown, unknown> => {
  const options = {
    key: chance(0.4) ? one(["a", "b", "c"]) : undefined,
    within: chance(0.4) ? one([0, 10, 100, 1000]) : undefined,
    retries: one([0, 1, 1, 3])
  }
  const millis = below(300)
  switch (below(10)) {
    case 0:
      return pool.run(half({ n: below(10) }), options)
    case 1:
      return pool.run(bug(), options)
    case 2:
      return pool.run(hold({ millis }), options)
    case 3:
      return pool.run(noted({ name: "it", millis, cleanup: below(800) }), options)
    case 4:
      return Stream.runDrain(
        pool.stream(ticks({ to: 5, millis: 20 }), { key: options.key }).pipe(Stream.take(1 + below(6)))
      )
    case 5:
      return pool.open(twice(), ({ stream }) => Effect.andThen(stream.send("hay"), stream.receive), options)
    case 6:
      return pool.use((worker) => Effect.andThen(worker.run(work({ millis })), worker.run(half({ n: 4 }))), options)
    case 7:
    case 8:
      return pool.run(redo({ millis }), options)
    default:
      return pool.run(work({ millis }), options)
  }
}

const harm = (theatre: Puppets.Theatre, { chance, one }: Random): void => {
  const living = theatre.living()
  if (living.length === 0) return
  const puppet = theatre.puppet(one(living).split("@")[0]!)
  if (chance(0.6)) puppet.die({ signal: "SIGKILL" })
  else if (chance(0.3)) puppet.reap({ code: 1 })
  else if (chance(0.5)) puppet.unplug()
  else puppet.uncaught(new Error("nobody caught it"))
}

type Outcome = "succeeded" | "failed" | "interrupted" | "timedOut" | "refused"

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const tag = exit.cause.reasons.flatMap((reason) => reason._tag === "Fail" ? [(reason.error as any)._tag] : [])[0]
  return tag === "PoolFull" ? "refused" : tag === "TaskTimeout" ? "timedOut" : "failed"
}

/** A caller may be interrupted in the moment in which its task fails: these count as one. */
const counted = ({ failed, interrupted, ...rest }: Record<Outcome, number>) => ({
  ...rest,
  ended: failed + interrupted
})

const run = (seed: number) =>
  Effect.gen(function*() {
    const dice = random(seed)
    const theatre = Puppets.make()
    const logs = captureLogs()
    yield* Journal.fresh
    const options = optionsOf(dice)
    yield* withCrew(options, (pool) =>
      Effect.gen(function*() {
        const fibers: Array<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = []
        const heard = { succeeded: 0, failed: 0, interrupted: 0, timedOut: 0, refused: 0 }
        const works: Array<Fiber.Fiber<unknown, unknown>> = []
        for (let step = 0; step < stepsOfRun; step++) {
          if (dice.chance(0.6)) {
            for (let n = dice.below(4); n > 0; n--) {
              const task = yield* begin(taskOf(pool, dice))
              works.push(task)
              fibers.push(yield* begin(Fiber.await(task)))
            }
          }
          if (dice.chance(0.15) && works.length > 0) yield* begin(Fiber.interrupt(dice.one(works)))
          if (dice.chance(0.12)) harm(theatre, dice)
          if (dice.chance(0.7)) yield* pass(dice.below(60), 20)
        }
        for (
          let passed = 0;
          passed < 60_000 && fibers.some((fiber) => fiber.pollUnsafe() === undefined);
          passed += 200
        ) {
          yield* pass(200, 100)
        }
        // Workers may still let go of tasks that were out of time.
        yield* pass(2000)
        const statistics = yield* pool.statistics
        const waiting = fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length
        const picture = `seed ${seed} ${JSON.stringify(options)}: ${JSON.stringify(statistics.workers)}`
        assert.strictEqual(waiting, 0, `${waiting} tasks hang, ${picture}`)
        assert.deepStrictEqual([statistics.running, statistics.waiting], [0, 0], picture)
        for (const fiber of fibers) {
          const exit = yield* Fiber.join(fiber)
          heard[outcomeOf(exit)]++
          assert.notMatch(
            Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
            /number of tasks|its age|was idle/,
            picture
          )
        }
        assert.deepStrictEqual(counted(statistics.tasks), counted(heard), picture)
        // Once nobody is harmed a task is answered.
        const next = yield* begin(pool.run(work({ millis: 0 })))
        yield* pass(2000)
        const exit = next.pollUnsafe()
        assert.isTrue(exit !== undefined && Exit.isSuccess(exit), `${String(exit)}, ${picture}`)
      })).pipe(
        drained,
        Effect.provide(theatre.layer),
        Effect.provide(logs.layer)
      )
    assert.deepStrictEqual(theatre.living(), [], `seed ${seed}`)
  })

describe("A pool goes on while its workers die at random", () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    it.effect(
      `G169: a pool whose workers die at random ends every task, counts it as its caller does, and continues, seed ${seed}`,
      () => within(300_000)(run(seed)),
      60_000
    )
  }
})
