/** Election: one at a time, interrupted at the fence, with a token that grows. */
import { assert, describe, it } from "@effect/vitest"
import * as Discovery from "@furrow/actor/Discovery"
import { make } from "@furrow/actor/internal/leases/MemoryDriver"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { pass, settle, within } from "../support/Time.ts"

type Driver = Discovery.DiscoveryDriver["Service"]

class Broken extends Data.TaggedError("Broken") {}

/** An engine that can be out of reach, as seen by one process. */
const reachable = (driver: Driver) => {
  let isOut = false
  const asked = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => isOut ? Effect.never : effect)
  const seen: Driver = {
    ...driver,
    create: (key, value, lease) => asked(driver.create(key, value, lease)),
    renew: (lease) => asked(driver.renew(lease)),
    remove: (key, token) => asked(driver.remove(key, token)),
    get: (key) => asked(driver.get(key))
  }
  return { driver: seen, out: (is: boolean) => Effect.sync(() => void (isOut = is)) }
}

/** One process: it wants to lead, and notes when it does. */
const process = (name: string, driver: Driver, notes: Array<string>) => {
  const leases = Discovery.layerLeases({ id: name }).pipe(
    Layer.provide(Layer.succeed(Discovery.DiscoveryDriver, driver))
  )
  const work = Effect.gen(function*() {
    const { token } = yield* Discovery.Leadership
    notes.push(`${name} leads ${token}`)
    return yield* Effect.never
  }).pipe(Effect.onExit(() => Effect.sync(() => notes.push(`${name} stops`))))
  return Effect.provide(Discovery.elect("billing")(work), leases)
}

/** What the lease holds: fenced at three quarters, gone at the whole. */
const ttlMillis = 15_000

describe("An election chooses one leader among processes", () => {
  it.effect("G237: an election returns the value or the error of its work, and gives its name up", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const leases = Discovery.layerLeases().pipe(Layer.provide(Layer.succeed(Discovery.DiscoveryDriver, driver)))
      const elected = Discovery.elect("billing")
      const token = Effect.map(Discovery.Leadership, ({ name, token }) => `${name} ${token}`)
      assert.strictEqual(yield* Effect.provide(elected(token), leases), "billing 1")
      const exit = yield* Effect.exit(Effect.provide(elected(Effect.fail(new Broken())), leases))
      assert.deepStrictEqual(exit, Exit.fail(new Broken()))
      assert.deepStrictEqual((yield* driver.list("")).held, [])
    }))

  it.effect("G237: an election has one leader at a time, in one process and among several processes, and its tokens grow", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      let leading = 0
      const tokens: Array<number> = []
      const work = Effect.gen(function*() {
        leading++
        assert.strictEqual(leading, 1)
        tokens.push((yield* Discovery.Leadership).token)
        yield* Effect.sleep(10)
        leading--
      })
      const all = Effect.forEach([1, 2, 3, 4], () => {
        const leases = Discovery.layerLeases().pipe(Layer.provide(Layer.succeed(Discovery.DiscoveryDriver, driver)))
        const five = Effect.all(Array.from({ length: 5 }, () => Discovery.elect("billing")(work)), {
          concurrency: "unbounded"
        })
        return Effect.provide(five, leases)
      }, { concurrency: "unbounded" })
      yield* within(60_000)(all)
      assert.strictEqual(tokens.length, 20)
      assert.deepStrictEqual(tokens, Array.from(new Set(tokens)).sort((a, b) => a - b))
    }))

  it.effect("G237: an election goes to the next process at once when the leader is interrupted", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const notes: Array<string> = []
      const a = yield* Effect.forkChild(process("a", driver, notes))
      yield* settle
      const b = yield* Effect.forkChild(process("b", driver, notes))
      yield* pass(60_000, 1_000)
      assert.deepStrictEqual(notes, ["a leads 1"])
      yield* Fiber.interrupt(a)
      yield* settle
      assert.deepStrictEqual(notes, ["a leads 1", "a stops", "b leads 2"])
      yield* Fiber.interrupt(b)
    }))

  it.effect("G238: an election stops a leader that cannot reach its engine before another process can lead, and begins anew later", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const notes: Array<string> = []
      const seen = reachable(driver)
      const a = yield* Effect.forkChild(process("a", seen.driver, notes))
      yield* settle
      const b = yield* Effect.forkChild(process("b", driver, notes))
      yield* pass(30_000, 250)
      yield* seen.out(true)
      yield* pass(ttlMillis * 0.75 - ttlMillis * 0.25 - 500, 250)
      assert.deepStrictEqual(notes, ["a leads 1"])
      yield* pass(ttlMillis * 0.25 + 750, 250)
      assert.deepStrictEqual(notes, ["a leads 1", "a stops"])
      yield* pass(ttlMillis * 0.5, 250)
      assert.deepStrictEqual(notes, ["a leads 1", "a stops", "b leads 2"])
      yield* seen.out(false)
      yield* pass(ttlMillis, 250)
      yield* Fiber.interrupt(b)
      yield* pass(ttlMillis, 250)
      assert.deepStrictEqual(notes.slice(3), ["b stops", "a leads 3"])
      yield* Fiber.interrupt(a)
    }))

  it.effect("G238: a leader whose process was stopped writes no more, because its token is smaller than a token that the resource has seen", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const real = yield* Clock.Clock
      let isFrozen = false
      /** The time of a process that is stopped: nothing of it wakes. */
      const clock: Clock.Clock = {
        ...real,
        sleep: (duration) => Effect.tap(real.sleep(duration), () => isFrozen ? Effect.never : Effect.void),
        monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe()
      }
      /** A resource that refuses what is older than it has seen. */
      let highest = 0
      const written: Array<string> = []
      const write = (by: string, token: number) => {
        const isRight = token >= highest
        highest = Math.max(highest, token)
        written.push(`${by}: ${isRight ? "written" : "refused"}`)
      }
      const tokens = new Map<string, number>()
      const running = (name: string) => {
        const leases = Discovery.layerLeases({ id: name }).pipe(
          Layer.provide(Layer.succeed(Discovery.DiscoveryDriver, driver))
        )
        const work = Effect.gen(function*() {
          const { token } = yield* Discovery.Leadership
          tokens.set(name, token)
          write(name, token)
          return yield* Effect.never
        })
        return Effect.provide(Discovery.elect("billing")(work), leases)
      }
      const a = yield* Effect.forkChild(Effect.provideService(running("a"), Clock.Clock, clock))
      yield* settle
      const b = yield* Effect.forkChild(running("b"))
      yield* pass(10_000, 500)
      isFrozen = true
      yield* pass(2 * ttlMillis, 500)
      // It wakes, and writes before it has looked at the time.
      write("a", tokens.get("a")!)
      assert.deepStrictEqual(written, ["a: written", "b: written", "a: refused"])
      yield* Fiber.interrupt(b)
      yield* Fiber.interrupt(a)
    }))

  it.effect("G237: an election gives up a name that is granted during its interruption", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const notes: Array<string> = []
      const slow: Driver = {
        ...driver,
        create: (key, value, lease) => Effect.tap(driver.create(key, value, lease), () => Effect.sleep(1_000))
      }
      const a = yield* Effect.forkChild(process("a", slow, notes))
      yield* settle
      assert.strictEqual((yield* driver.list("")).held.length, 1)
      const interrupted = yield* Effect.forkChild(Fiber.interrupt(a))
      yield* pass(2_000, 100)
      yield* Fiber.join(interrupted)
      assert.deepStrictEqual([notes, (yield* driver.list("")).held], [[], []])
    }))

  it.effect("G237: an election waits while its engine does not answer, and begins when the engine answers", () =>
    Effect.gen(function*() {
      const notes: Array<string> = []
      const seen = reachable(yield* make())
      yield* seen.out(true)
      const a = yield* Effect.forkChild(process("a", seen.driver, notes))
      yield* pass(60_000, 1_000)
      assert.deepStrictEqual(notes, [])
      yield* seen.out(false)
      yield* pass(ttlMillis, 500)
      assert.deepStrictEqual(notes, ["a leads 1"])
      yield* Fiber.interrupt(a)
    }))
})
