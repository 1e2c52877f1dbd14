/**
 * Tests the duties of every `DiscoveryDriver`: one holder for a key, growing tokens, the expiry of a lease that is
 * not renewed, and hints at changes.
 *
 * To test a new engine, pass to `contract` a function that makes the driver of the engine. Each test case of this
 * suite uses names of its own, so the engine may hold other names.
 *
 * @since 0.2.0
 */
import { DiscoveryDriver, type Held, type Lease } from "@furrow/actor/Discovery"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Assert from "node:assert/strict"
import * as Crypto from "node:crypto"
import type { Case, Contract } from "./Contract.ts"
import * as Eventually from "./Eventually.ts"
import { equal, settled } from "./internal/recorder.ts"

type Driver = DiscoveryDriver["Service"]

/**
 * Makes the driver of an engine; the Scope of the effect closes the driver's connection to the engine.
 *
 * @category models
 * @since 0.2.0
 */
export type MakeDriver = Effect.Effect<Driver, unknown, Scope.Scope>

/**
 * Makes a `DiscoveryDriver` from its Layer. The effect of `fromLayer` fails when the Layer of the driver cannot be
 * built.
 *
 * @example
 * ```ts
 * const make = DriverSuite.fromLayer(Discovery.layerDriverMemory)
 * DriverSuite.contract(make).length // 11
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const fromLayer = <E>(layer: Layer.Layer<DiscoveryDriver, E>): MakeDriver =>
  Effect.flatMap(
    Effect.scope,
    (scope) => Effect.map(Layer.buildWithScope(layer, scope), (context) => Context.get(context, DiscoveryDriver))
  )

/** The milliseconds of a lease that must not expire during a test case. */
const longMillis = 60_000
const shortMillis = 300

/** The longest time that a test case waits for the expiry of a lease, because an engine may expire leases in sweeps. */
const patience = { within: "10 seconds" } as const

interface Opened {
  readonly driver: Driver
  /** Makes a key that no other test case uses. */
  readonly key: (name: string) => string
  /** Begins a lease that no other test case uses. */
  readonly lease: (ttlMillis?: number) => Effect.Effect<Lease, unknown>
}

const granted = ({ driver }: Opened, key: string, lease: Lease, value = "value") =>
  Effect.map(driver.create(key, value, lease), (created) => {
    Assert.ok(created._tag === "Granted", `the answer is ${created._tag}`)
    return created.token
  })

const keysOf = (held: ReadonlyArray<Held>) => held.map(({ key }) => key)

const isGone = ({ driver }: Opened, key: string) =>
  Eventually.succeeds(
    Effect.flatMap(driver.get(key), (held) => Option.isNone(held) ? Effect.void : Effect.fail("it is held")),
    { ...patience, what: "the key goes with its lease" }
  )

type Body = (opened: Opened) => Effect.Effect<unknown, unknown, Scope.Scope>

const cases: Record<string, Body> = {
  "a lease is new where it was never renewed, and kept afterwards": ({ driver }) =>
    Effect.gen(function*() {
      const lease = { id: Crypto.randomUUID(), ttlMillis: longMillis }
      equal([yield* driver.renew(lease), yield* driver.renew(lease)], [false, true])
    }),
  "a key is granted to one lease, and another lease hears its holder": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const [one, two] = [yield* lease(), yield* lease()]
      const token = yield* granted(opened, key("a"), one, "of one")
      const held: Held = { key: key("a"), value: "of one", token, lease: one.id }
      equal(yield* driver.create(key("a"), "of two", two), { _tag: "Taken", by: held })
      equal(yield* driver.get(key("a")), Option.some(held))
      equal(yield* driver.get(key("other")), Option.none())
    }),
  "a key of the same lease is granted again, with a larger token and the new value": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const one = yield* lease()
      const first = yield* granted(opened, key("a"), one, "first")
      const second = yield* granted(opened, key("a"), one, "second")
      Assert.ok(second > first, `${second} after ${first}`)
      equal(Option.map(yield* driver.get(key("a")), ({ value }) => value), Option.some("second"))
    }),
  "tokens grow over holders and keys": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const tokens: Array<number> = []
      for (let i = 0; i < 5; i++) {
        const token = yield* granted(opened, key(`${i % 2}`), yield* lease())
        tokens.push(token)
        yield* driver.remove(key(`${i % 2}`), token)
      }
      equal(tokens, tokens.toSorted((a, b) => a - b))
      equal(new Set(tokens).size, tokens.length)
    }),
  "a key is let go of by its token alone": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const one = yield* lease()
      const old = yield* granted(opened, key("a"), one)
      const token = yield* granted(opened, key("a"), one)
      yield* driver.remove(key("a"), old)
      Assert.ok(Option.isSome(yield* driver.get(key("a"))), "an old token has removed it")
      yield* driver.remove(key("a"), token)
      yield* driver.remove(key("a"), token)
      equal(yield* driver.get(key("a")), Option.none())
      yield* granted(opened, key("a"), yield* lease())
    }),
  "one of a hundred leases that ask at once is granted a key": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const leases = yield* Effect.forEach(Array.from({ length: 100 }), () => lease(), { concurrency: 10 })
      const answers = yield* Effect.forEach(leases, (lease) => driver.create(key("a"), lease.id, lease), {
        concurrency: "unbounded"
      })
      equal(answers.filter(({ _tag }) => _tag === "Granted").length, 1)
    }),
  "a lease that is not renewed goes with its keys, and can hold none until it is": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const short = yield* lease(shortMillis)
      yield* granted(opened, key("a"), short)
      yield* isGone(opened, key("a"))
      equal(yield* driver.create(key("a"), "late", short), { _tag: "Expired" })
      equal(yield* driver.renew(short), false)
      yield* granted(opened, key("a"), yield* lease())
    }),
  "a lease that is renewed keeps its keys": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const renewed = yield* lease(20 * shortMillis)
      const left = yield* lease(shortMillis)
      yield* granted(opened, key("kept"), renewed)
      yield* granted(opened, key("left"), left)
      equal(yield* driver.renew({ ...renewed, ttlMillis: longMillis }), true)
      yield* isGone(opened, key("left"))
      Assert.ok(Option.isSome(yield* driver.get(key("kept"))), "it is gone, too")
    }),
  "the keys of a prefix are listed in order, from any of them on": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const one = yield* lease()
      for (const name of ["b", "a", "c"]) yield* granted(opened, key(name), one)
      const all = yield* driver.list(key(""))
      equal(keysOf(all.held), ["a", "b", "c"].map(key))
      equal(all.next, undefined)
      equal(keysOf((yield* driver.list(key(""), key("a"))).held), ["b", "c"].map(key))
      equal((yield* driver.list(key("nothing"))).held, [])
    }),
  "many keys are listed in pages that hold each of them once": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      const one = yield* lease()
      const names = Array.from({ length: 1_200 }, (_, i) => key(String(i).padStart(5, "0")))
      yield* Effect.forEach(names, (name) => granted(opened, name, one), { concurrency: 50, discard: true })
      const found: Array<string> = []
      let after: string | undefined
      do {
        const page = yield* driver.list(key(""), after)
        found.push(...keysOf(page.held))
        after = page.next
      } while (after !== undefined)
      equal(found, names)
    }),
  "a key that comes, goes or expires is hinted at": (opened) =>
    Effect.gen(function*() {
      const { driver, key, lease } = opened
      let hints = 0
      yield* Effect.forkScoped(Stream.runForEach(driver.changes(key("")), () => Effect.sync(() => hints++)))
      yield* settled
      const hinted = (what: string, change: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function*() {
          const before = hints
          yield* change
          yield* Eventually.holds(`it hints that ${what}`, () => hints > before, patience)
        })
      const one = yield* lease()
      let token = 0
      yield* hinted(
        "a key has come",
        Effect.map(granted(opened, key("a"), one), (given) => {
          token = given
        })
      )
      yield* hinted("a key has gone", Effect.suspend(() => driver.remove(key("a"), token)))
      const short = yield* lease(shortMillis)
      yield* hinted("a key of a short lease has come", granted(opened, key("b"), short))
      yield* hinted("it has expired", Effect.void)
    })
}

/**
 * Returns the test cases for an engine; the effect `make` makes the driver of the engine. A test case ends by itself
 * within seconds, and fails when the engine does not do what the title says.
 *
 * @example
 * ```ts check
 * const make = DriverSuite.fromLayer(Discovery.layerDriverMemory)
 * for (const { run, title } of DriverSuite.contract(make)) it.live(title, () => run)
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const contract = (make: MakeDriver): Contract =>
  Object.entries(cases).map(([title, body]): Case => ({
    title,
    run: Effect.asVoid(Effect.scoped(Effect.flatMap(make, (driver) => {
      const prefix = `suite-${Crypto.randomUUID()}/`
      return body({
        driver,
        key: (name) => `${prefix}${name}`,
        lease: (ttlMillis = longMillis) => {
          const lease = { id: Crypto.randomUUID(), ttlMillis }
          return Effect.as(driver.renew(lease), lease)
        }
      })
    })))
  }))
