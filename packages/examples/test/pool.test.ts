/**
 * The pool of docs/from-workers.md, as the page has it, over real processes that spin, crash, are killed and are ended by
 * others.
 */
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import { Actor, Registry, Timeouts } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import type { Scope } from "effect"
import { Effect, Fiber } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type * as Counting from "./fixtures/counting.ts"
import * as Pages from "./pages.ts"

type Run = (below: number) => Effect.Effect<{ readonly found: number; readonly pid: number }, Actor.ActorError>
type MakePool = (size: number) => Effect.Effect<Run, never, Actor.ActorRuntime | Scope.Scope>

/** Inside this package, so that the actors find the packages they import. */
const folder = Path.join(import.meta.dirname, "..", `.pool-${process.pid}`)
const evidence = (name: string) => Folder.lines(Path.join(folder, name)).map(Number)
const broken = Path.join(folder, "broken")
const shared = Os.tmpdir()
let counting: typeof Counting
let makePool: MakePool

beforeAll(async () => {
  Fs.mkdirSync(Path.join(folder, "tmp"), { recursive: true })
  process.env["TMPDIR"] = Path.join(folder, "tmp")
  const page = Pages.all().find(({ path }) => path === "docs/from-workers.md")!
  Fs.writeFileSync(Path.join(folder, "pool.ts"), page.files.find(({ name }) => name === "pool.ts")!.text)
  Fs.copyFileSync(Path.join(import.meta.dirname, "fixtures", "counting.ts"), Path.join(folder, "counting.ts"))
  counting = await import(Path.join(folder, "counting.ts")) as typeof Counting
  makePool = (await import(Path.join(folder, "pool.ts")) as { readonly makePool: MakePool }).makePool
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

/** Runs a program over a pool; whatever is left of it fails the test. */
const withPool = <A, E>(
  size: number,
  program: (run: Run) => Effect.Effect<A, E, Actor.ActorRuntime>,
  after: Effect.Effect<void> = Effect.void
) =>
  Leaks.withoutLeaks(
    Effect.scoped(Effect.flatMap(makePool(size), program)).pipe(
      Effect.andThen(after),
      Timeouts.provide({ cancel: "30 seconds" }),
      Effect.provide(NodeActor.layer)
    )
  )

/** Fails where it takes longer than a call of the pool may. */
const within = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.tap(effect, () => Effect.sync(() => assert.isBelow(performance.now() - start, millis)))
  })

/** A call may wait for a start beside workers that still spin; behind such a worker it would wait for ever. */
const prompt = <A, E, R>(effect: Effect.Effect<A, E, R>) => within(20_000, effect)

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect, { concurrency: "unbounded" })

/** Calls for a job that does not end by itself, once they all have begun. */
const begin = (run: Run, job: "spin" | "sleep" | "cleanUp" | "nap", count = 1) =>
  Effect.gen(function*() {
    const begun = evidence(job).length + count
    const calls = yield* Effect.replicateEffect(Effect.forkChild(run(counting.jobs[job])), count)
    yield* Eventually.holds(`${count} calls have begun`, () => evidence(job).length >= begun)
    return calls
  })

/** Ends the calls. The bound of a cancel outside of the pool would hold their callers up for 30 seconds. */
const giveUp = (calls: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) => within(15_000, Fiber.interruptAll(calls))

/** The pids of all workers, once as many are ready as there are to be. */
const full = (size: number) =>
  Eventually.succeeds(
    Effect.gen(function*() {
      const ready = (yield* Registry.list({ name: "counter" })).map(({ actor }) => actor.pid)
      assert.strictEqual(ready.length, size)
      return ready
    }),
    { what: `${size} workers` }
  )

const starts = () => evidence("starts").length

/** A while without a start: what starts workers again and again never has one. */
const quiet = Eventually.succeeds(
  Effect.suspend(() => {
    const before = starts()
    return Effect.flip(Eventually.holds("a start", () => starts() > before, { within: "1500 millis" }))
  }),
  { what: "a while without a start", within: "20 seconds" }
)

describe("The pool of the page", { timeout: 60_000 }, () => {
  it.live("lets callers of workers that spin go, answers those behind them, and ends these workers", () =>
    withPool(3, (run) =>
      Effect.gen(function*() {
        const calls = yield* begin(run, "spin", 3)
        const late = within(15_000, Effect.flip(Effect.timeout(run(7), "500 millis")))
        assert.deepStrictEqual((yield* times(2, late)).map(({ _tag }) => _tag), ["TimeoutError", "TimeoutError"])
        yield* giveUp(calls)
        const stuck = evidence("spin")
        const answers = yield* times(12, prompt(run(7)))
        for (const { found, pid } of answers) {
          assert.strictEqual(found, 7)
          assert.notInclude(stuck, pid)
        }
        yield* Processes.gone(stuck)
        yield* full(3)
      })))

  it.live("answers every call while workers spin, crash, are killed and are ended by others", () =>
    withPool(4, (run) =>
      Effect.gen(function*() {
        const killed = (signal: NodeJS.Signals) => Effect.map(run(7), ({ pid }) => (process.kill(pid, signal), pid))
        const crashed = Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(run(counting.jobs.crash)))._tag, "RemoteActorError")
          return evidence("crash")[0]!
        })
        const dismissed = Effect.gen(function*() {
          const [call] = yield* begin(run, "nap")
          const [pid] = evidence("nap")
          yield* Actor.runInActor(counting.dismiss({ pid: pid! }))
          assert.notStrictEqual((yield* Fiber.join(call!)).pid, pid)
          return pid!
        })
        const spun = Effect.flatMap(begin(run, "spin", 2), giveUp)
        const gone: Array<number> = []
        for (const trouble of [killed("SIGKILL"), crashed, killed("SIGTERM"), dismissed]) {
          yield* full(4)
          const calls = times(4, Effect.forEach(Array.from({ length: 10 }), () => prompt(run(7))))
          const [pid, answers] = yield* Effect.all([trouble, calls, spun], { concurrency: 3 })
          assert.isTrue(answers.flat().every(({ found }) => found === 7))
          gone.push(pid)
        }
        gone.push(...evidence("spin"))
        assert.isAtLeast(gone.length, 4 + 8)
        const answers = yield* times(12, prompt(run(7)))
        for (const { pid } of answers) assert.notInclude(gone, pid)
        yield* Processes.gone(gone)
        yield* full(4)
      })))

  it.live("answers a caller before the worker that spins has ended, and ends that worker without another call", () =>
    withPool(1, (run) =>
      Effect.gen(function*() {
        yield* giveUp(yield* begin(run, "spin"))
        const stuck = evidence("spin")
        assert.deepStrictEqual(stuck.map(Processes.isAlive), [true])
        yield* Processes.gone(stuck)
        yield* full(1)
      })))

  it.live("lends no worker again that cleans up for longer than the bound, and lets it finish", () =>
    withPool(1, (run) =>
      Effect.gen(function*() {
        yield* giveUp(yield* begin(run, "cleanUp"))
        const first = evidence("cleanUp")
        assert.notInclude(first, (yield* prompt(run(7))).pid)
        yield* Processes.gone(first)
        assert.deepStrictEqual(evidence("cleaned"), first)
      })))

  it.live("is over when all of its workers are, also one that was still spinning", () =>
    withPool(
      2,
      (run) => Effect.andThen(full(2), Effect.flatMap(begin(run, "spin"), giveUp)),
      Effect.sync(() => {
        assert.strictEqual(evidence("spin").length, 1)
        assert.deepStrictEqual(evidence("starts").filter(Processes.isAlive), [])
      })
    ))

  it.live("lends no worker again that is ending", () =>
    withPool(1, (run) =>
      Effect.gen(function*() {
        const { pid } = yield* run(7)
        process.kill(pid, "SIGTERM")
        yield* Eventually.holds("it is ending", () => evidence("ending").includes(pid))
        assert.notStrictEqual((yield* prompt(run(7))).pid, pid)
        yield* Processes.gone([pid])
      })))

  it.live("answers the next call though every idle worker was killed", () =>
    withPool(5, (run) =>
      Effect.gen(function*() {
        const before = yield* full(5)
        for (const pid of before) process.kill(pid, "SIGKILL")
        yield* Processes.gone(before)
        assert.notInclude(before, (yield* prompt(run(7))).pid)
        yield* times(10, prompt(run(7)))
        yield* full(5)
      })))

  it.live("keeps a worker that lets go of its job, or was asked what it cannot be asked", () =>
    withPool(1, (run) =>
      Effect.gen(function*() {
        yield* giveUp(yield* begin(run, "sleep"))
        const first = evidence("sleep")
        assert.strictEqual((yield* Effect.flip(run(0.5)))._tag, "PayloadInvalid")
        assert.include(first, (yield* prompt(run(7))).pid)
        assert.deepStrictEqual(evidence("starts"), first)
      })))

  it.live("replaces a worker after a defect, and does not try again what failed", () =>
    withPool(1, (run) =>
      Effect.gen(function*() {
        const { pid } = yield* run(7)
        assert.strictEqual((yield* Effect.flip(run(counting.jobs.bug)))._tag, "RemoteActorError")
        assert.notStrictEqual((yield* prompt(run(7))).pid, pid)
        assert.strictEqual(starts(), 2)
      })))

  it.live("starts no worker that nobody waits for while its module cannot be imported, and answers once it can", () =>
    withPool(2, (run) =>
      Effect.gen(function*() {
        const before = yield* full(2)
        Fs.writeFileSync(broken, "")
        for (const pid of before) process.kill(pid, "SIGKILL")
        yield* Processes.gone(before)
        for (const _ of [1, 2, 3]) assert.strictEqual((yield* prompt(Effect.flip(run(7))))._tag, "SpawnFailed")
        yield* quiet
        // Two at first; for each loss and each call no more than the pool holds.
        assert.isAtMost(starts(), 2 + 2 * (2 + 3))
        Fs.rmSync(broken)
        yield* times(10, prompt(run(7)))
        const busy = yield* begin(run, "sleep")
        yield* prompt(run(7))
        yield* giveUp(busy)
        yield* full(2)
      })))
})
