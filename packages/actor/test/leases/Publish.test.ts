/** Names that are published at an engine, and followed: an outage costs time and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import * as Discovery from "@furrow/actor/Discovery"
import { make } from "@furrow/actor/internal/leases/MemoryDriver"
import { differences } from "@furrow/actor/internal/leases/Publish"
import { Schema } from "effect"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { pass, settle } from "../support/Time.ts"

type Driver = Discovery.DiscoveryDriver["Service"]

const ttlMillis = 15_000

/** An engine that loses everything, or is out of reach, when it is told to. */
const broken = Effect.gen(function*() {
  let driver = yield* make()
  let isOut = false
  const asked = <A, E>(ask: () => Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => isOut ? Effect.never : ask())
  const seen: Driver = {
    create: (key, value, lease) => asked(() => driver.create(key, value, lease)),
    renew: (lease) => asked(() => driver.renew(lease)),
    remove: (key, token) => asked(() => driver.remove(key, token)),
    get: (key) => asked(() => driver.get(key)),
    list: (prefix, after) => asked(() => driver.list(prefix, after)),
    changes: (prefix) => Stream.suspend(() => driver.changes(prefix))
  }
  return {
    driver: seen,
    out: (is: boolean) => Effect.sync(() => void (isOut = is)),
    wipe: Effect.map(make(), (empty) => void (driver = empty))
  }
})

const leases = (driver: Driver) =>
  Discovery.layerLeases().pipe(Layer.provide(Layer.succeed(Discovery.DiscoveryDriver, driver)))

const told = (change: Discovery.PublishedChange): string => {
  switch (change._tag) {
    case "Snapshot":
      return `all ${change.published.map(({ name, value }) => `${name}=${value}`).join(" ")}`
    case "Put":
      return `put ${change.published.name}=${change.published.value}`
    case "Remove":
      return `remove ${change.name}`
  }
}

/** Everything that a process of its own hears. */
const following = (driver: Driver, prefix: string) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const follow = Stream.runForEach(Discovery.follow(prefix), (change) => Effect.sync(() => heard.push(told(change))))
    yield* Effect.forkScoped(Effect.provide(follow, leases(driver)))
    yield* settle
    return heard
  })

const publishing = (driver: Driver, name: string, value: string) =>
  Effect.forkChild(
    Effect.provide(Effect.scoped(Effect.andThen(Discovery.publish(name, value), Effect.never)), leases(driver))
  )

describe("A published name reaches its followers through an engine", () => {
  it.effect("G240: a follower first gets the list of published names, then each name that is published, and each removal when a Scope closes", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const early = yield* following(driver, "web/")
      const one = yield* publishing(driver, "web/1", "a")
      yield* publishing(driver, "db/1", "b")
      yield* pass(500, 100)
      const late = yield* following(driver, "web/")
      yield* Fiber.interrupt(one)
      yield* pass(500, 100)
      assert.deepStrictEqual(early, ["all ", "put web/1=a", "remove web/1"])
      assert.deepStrictEqual(late, ["all web/1=a", "remove web/1"])
    }))

  it.effect("G240: a published name has one publisher at a time, and the next publisher takes over after the former one", () =>
    Effect.gen(function*() {
      const driver = yield* make()
      const heard = yield* following(driver, "web/")
      const first = yield* publishing(driver, "web/1", "first")
      yield* pass(100, 100)
      yield* publishing(driver, "web/1", "second")
      yield* pass(60_000, 1_000)
      yield* Fiber.interrupt(first)
      yield* pass(1_000, 100)
      assert.deepStrictEqual(heard.filter((line) => line.startsWith("put")), ["put web/1=first", "put web/1=second"])
    }))

  it.effect("G240: a published name is published again at an engine that has lost everything", () =>
    Effect.gen(function*() {
      const { driver, wipe } = yield* broken
      yield* publishing(driver, "web/1", "a")
      yield* pass(20_000, 500)
      yield* wipe
      yield* pass(ttlMillis, 500)
      assert.deepStrictEqual((yield* driver.list("publish/")).held.map(({ value }) => value), ["a"])
    }))

  it.effect("G240: a published name survives an outage of its engine, and its followers get a snapshot after the outage", () =>
    Effect.gen(function*() {
      const { driver, out } = yield* broken
      const heard = yield* following(driver, "web/")
      yield* publishing(driver, "web/1", "a")
      yield* pass(5_000, 500)
      yield* out(true)
      yield* pass(3 * ttlMillis, 500)
      yield* out(false)
      yield* pass(2 * ttlMillis, 500)
      assert.deepStrictEqual(heard.slice(0, 2), ["all ", "put web/1=a"])
      assert.isTrue(heard.slice(2).some((line) => line.startsWith("all ")), heard.join(", "))
      assert.include(heard.at(-1), "web/1=a")
    }))

  const Name = Schema.Literals(["a", "b", "c", "d"])
  const State = Schema.Record(Name, Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))))
  const stateOf = (state: typeof State.Type) =>
    new Map(
      Object.entries(state).map(([name, token]) => [name, { name, value: `${token}`, token: token as number }])
    )
  it.prop(
    "G240: the differences that a follower gets always lead from one published state to the next",
    {
      before: State,
      after: State
    },
    ({ after, before }) => {
      const state = new Map(stateOf(before))
      for (const change of differences(stateOf(before), stateOf(after))) {
        if (change._tag === "Put") state.set(change.published.name, change.published)
        else if (change._tag === "Remove") state.delete(change.name)
      }
      const sorted = (map: ReadonlyMap<string, unknown>) => Array.from(map).sort(([a], [b]) => a < b ? -1 : 1)
      assert.deepStrictEqual(sorted(state), sorted(stateOf(after)))
    }
  )
})
