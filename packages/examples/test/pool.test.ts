/** Tests the pool of docs/from-workers.md over real processes that spin, crash, are killed and are ended by others. */
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import { Actor, type Pool } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import { Effect, Fiber, Logger } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type * as Counting from "./fixtures/counting.ts"
import * as Pages from "./pages.ts"

type Counters = Pool.Pool<typeof Counting.count>
type Page = { readonly Counters: Pool.PoolClass<Counters, "Counters", typeof Counting.count, never> }

/** The folder is inside this package, so that the actors find the packages they import. */
const folder = Path.join(import.meta.dirname, "..", `.pool-${process.pid}`)
const evidence = (name: string) => Folder.lines(Path.join(folder, name)).map(Number)
const broken = Path.join(folder, "broken")
const shared = Os.tmpdir()
let counting: typeof Counting
let page: Page

beforeAll(async () => {
  Fs.mkdirSync(Path.join(folder, "tmp"), { recursive: true })
  process.env["TMPDIR"] = Path.join(folder, "tmp")
  const { files } = Pages.all().find(({ path }) => path === "docs/from-workers.md")!
  Fs.writeFileSync(Path.join(folder, "counters.ts"), files.find(({ name }) => name === "counters.ts")!.text)
  Fs.copyFileSync(Path.join(import.meta.dirname, "fixtures", "counting.ts"), Path.join(folder, "counting.ts"))
  counting = await import(Path.join(folder, "counting.ts")) as typeof Counting
  page = await import(Path.join(folder, "counters.ts")) as Page
})

beforeEach(() => {
  for (const name of ["starts", "broken", "ending", "cleaned", ...Object.keys(counting.jobs)]) {
    Fs.rmSync(Path.join(folder, name), { force: true })
  }
})

afterAll(() => {
  process.env["TMPDIR"] = shared
  Fs.rmSync(folder, { recursive: true, force: true })
})

interface Crew {
  /** Runs a task, which returns `below` and the pid of its worker. */
  readonly run: (below: number, options?: Pool.TaskOptions) => Effect.Effect<
    { readonly found: number; readonly pid: number },
    Actor.ActorError | Pool.PoolFull | Pool.TaskTimeout
  >
  /** Waits until the pool has its full number of ready workers, and returns their pids. */
  readonly full: Effect.Effect<ReadonlyArray<number>, Eventually.NotInTime>
  /** Waits until the pool has noticed the end of every dead worker. */
  readonly noticed: Effect.Effect<void, Eventually.NotInTime>
}

/** Runs a program with a pool; a process that is left fails the test. */
const withPool = <A, E>(
  size: number,
  program: (crew: Crew) => Effect.Effect<A, E, Actor.ActorRuntime>,
  after: Effect.Effect<void> = Effect.void
) => {
  const crew = Effect.map(page.Counters, (pool: Counters): Crew => ({
    run: (below, options) => pool.run(counting.count({ below }), options),
    full: Eventually.succeeds(
      Effect.map(pool.statistics, ({ workers }) => {
        assert.deepStrictEqual(workers.map(({ state }) => state), Array.from({ length: size }, () => "idle" as const))
        return workers.map(({ actor }) => actor!.pid)
      }),
      { what: `${size} idle workers` }
    ),
    noticed: Effect.asVoid(Eventually.succeeds(
      Effect.map(pool.statistics, ({ workers }) => {
        for (const { actor } of workers) assert.isTrue(actor === undefined || Processes.isAlive(actor.pid))
      }),
      { what: "a pool without dead workers" }
    ))
  }))
  return Leaks.withoutLeaks(
    Effect.flatMap(crew, program).pipe(
      Effect.provide(page.Counters.layer({ size })),
      Effect.andThen(after),
      Effect.provide([NodeActor.layer, Logger.layer([])])
    )
  )
}

/** Fails an effect that takes longer than a number of milliseconds. */
const within = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.tap(effect, () => Effect.sync(() => assert.isBelow(performance.now() - start, millis)))
  })

/** The bound allows for a start beside spinning workers. A task behind a spinning worker would exceed any bound. */
const prompt = <A, E, R>(effect: Effect.Effect<A, E, R>) => within(20_000, effect)

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect, { concurrency: "unbounded" })

/** Runs tasks that do not end by themselves, and waits until all of them have begun. */
const begin = ({ run }: Crew, job: "spin" | "sleep" | "cleanUp" | "nap", count = 1) =>
  Effect.gen(function*() {
    const begun = evidence(job).length + count
    const tasks = yield* Effect.replicateEffect(Effect.forkChild(run(counting.jobs[job])), count)
    yield* Eventually.holds(`${count} tasks have begun`, () => evidence(job).length >= begun)
    return tasks
  })

/**
 * Interrupts the tasks. The callers of the tasks wait for the half second of `letGo`, and never for the end of a
 * worker.
 */
const giveUp = (tasks: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) => within(5000, Fiber.interruptAll(tasks))

const starts = () => evidence("starts").length

/** Waits for a period without starts, which never comes if workers start again and again. */
const quiet = Eventually.succeeds(
  Effect.suspend(() => {
    const before = starts()
    return Effect.flip(Eventually.holds("a start", () => starts() > before, { within: "1500 millis" }))
  }),
  { what: "a while without a start", within: "20 seconds" }
)

describe("The pool of docs/pool.md", { timeout: 60_000 }, () => {
  it.live("the pool of docs/from-workers.md ends workers that spin, fails the calls that wait too long behind them, and answers later calls", () =>
    withPool(3, (crew) =>
      Effect.gen(function*() {
        const tasks = yield* begin(crew, "spin", 3)
        const late = within(5000, Effect.flip(crew.run(7, { within: "500 millis" })))
        assert.deepStrictEqual((yield* times(2, late)).map(({ _tag }) => _tag), ["TaskTimeout", "TaskTimeout"])
        yield* giveUp(tasks)
        const stuck = evidence("spin")
        const answers = yield* times(12, prompt(crew.run(7)))
        for (const { found, pid } of answers) {
          assert.strictEqual(found, 7)
          assert.notInclude(stuck, pid)
        }
        yield* Processes.gone(stuck)
        yield* crew.full
      })))

  it.live("the pool of docs/from-workers.md ends the workers of endless tasks after each way in which a worker can die, and answers later calls", () =>
    withPool(4, (crew) =>
      Effect.gen(function*() {
        const { full, run } = crew
        const killed = (signal: NodeJS.Signals) =>
          Effect.map(run(7), ({ pid }) => {
            process.kill(pid, signal)
            return [pid]
          })
        const crashed = Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(run(counting.jobs.crash)))._tag, "RemoteActorError")
          return evidence("crash")
        })
        const dismissed = Effect.gen(function*() {
          const [task] = yield* begin(crew, "nap")
          const [pid] = evidence("nap")
          yield* Actor.runInActor(counting.dismiss({ pid: pid! }))
          assert.notStrictEqual((yield* Fiber.join(task!)).pid, pid)
          return [pid!]
        })
        const spun = Effect.flatMap(begin(crew, "spin", 2), giveUp)
        const gone: Array<number> = []
        for (const trouble of [killed("SIGKILL"), crashed, killed("SIGTERM"), dismissed]) {
          yield* full
          const tasks = times(4, Effect.forEach(Array.from({ length: 10 }), () => prompt(run(7))))
          const [pids, answers] = yield* Effect.all([trouble, tasks, spun], { concurrency: 3 })
          assert.isTrue(answers.flat().every(({ found }) => found === 7))
          gone.push(...pids)
        }
        gone.push(...evidence("spin"))
        // The crashed task may be repeated, so it costs two workers.
        assert.strictEqual(gone.length, 5 + 8)
        const answers = yield* times(12, prompt(run(7)))
        for (const { pid } of answers) assert.notInclude(gone, pid)
        yield* Processes.gone(gone)
        yield* full
      })))

  it.live("the pool of docs/from-workers.md gives no task to a worker whose cleanup exceeds its bound, and lets the cleanup finish", () =>
    withPool(1, (crew) =>
      Effect.gen(function*() {
        yield* giveUp(yield* begin(crew, "cleanUp"))
        const first = evidence("cleanUp")
        assert.notInclude(first, (yield* prompt(crew.run(7))).pid)
        yield* Processes.gone(first)
        assert.deepStrictEqual(evidence("cleaned"), first)
      })))

  it.live("the pool of docs/from-workers.md ends when all of its workers have ended, including a worker with an endless task", () =>
    withPool(
      2,
      (crew) => Effect.andThen(crew.full, Effect.flatMap(begin(crew, "spin"), giveUp)),
      Effect.sync(() => {
        assert.strictEqual(evidence("spin").length, 1)
        assert.deepStrictEqual(evidence("starts").filter(Processes.isAlive), [])
      })
    ))

  it.live("the pool of docs/from-workers.md answers the next task although every idle worker was killed", () =>
    withPool(5, ({ full, noticed, run }) =>
      Effect.gen(function*() {
        const before = yield* full
        for (const pid of before) process.kill(pid, "SIGKILL")
        yield* Processes.gone(before)
        // A process ends a moment before its connection does, so a task in that moment could fail.
        yield* noticed
        assert.notInclude(before, (yield* prompt(run(7))).pid)
        yield* times(10, prompt(run(7)))
        yield* full
      })))

  it.live("the pool of docs/from-workers.md keeps a worker that ends a cancelled task in time, has a defect, or refuses a call", () =>
    withPool(1, (crew) =>
      Effect.gen(function*() {
        yield* giveUp(yield* begin(crew, "sleep"))
        const first = evidence("sleep")
        assert.strictEqual((yield* Effect.flip(crew.run(0.5)))._tag, "PayloadInvalid")
        assert.strictEqual((yield* Effect.flip(crew.run(counting.jobs.bug)))._tag, "RemoteActorError")
        assert.include(first, (yield* prompt(crew.run(7))).pid)
        assert.deepStrictEqual(evidence("starts"), first)
        // A task with a defect is not tried again.
        assert.deepStrictEqual(evidence("bug"), first)
      })))

  it.live("the pool of docs/from-workers.md does not restart endlessly while its module cannot be imported, and answers after the module is mended", () =>
    withPool(2, (crew) =>
      Effect.gen(function*() {
        const { full, run } = crew
        const before = yield* full
        Fs.writeFileSync(broken, "")
        for (const pid of before) process.kill(pid, "SIGKILL")
        yield* Processes.gone(before)
        for (const _ of [1, 2, 3]) assert.strictEqual((yield* prompt(Effect.flip(run(7))))._tag, "SpawnFailed")
        yield* quiet
        // Two workers start first, then three attempts for each of the two slots, and at most as many for each task.
        assert.isAtMost(starts(), 2 + 2 * 3 + 3 * 3)
        Fs.rmSync(broken)
        yield* times(10, prompt(run(7)))
        const busy = yield* begin(crew, "sleep")
        yield* prompt(run(7))
        yield* giveUp(busy)
        yield* full
      })))
})
