/**
 * Tests for engines of leases with faults: a server is killed, frozen, cut off or without data, or an owner dies. Each
 * test of an engine's failure leaves a running server for the next test.
 */
import * as Discovery from "@furrow/actor/Discovery"
import type { Case } from "@furrow/testing/Contract"
import * as Eventually from "@furrow/testing/Eventually"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Assert from "node:assert/strict"
import * as Crypto from "node:crypto"
import { elected } from "./elected.ts"
import * as Proxy from "./Proxy.ts"
import type { Server } from "./Server.ts"

/** An engine under test, and a function that reaches the engine at a port, which may be the port of a proxy. */
export interface Engine {
  readonly server: Effect.Effect<Server>
  readonly layer: (port: number) => Layer.Layer<Discovery.DiscoveryDriver, unknown>
  /** The name by which the program `elector.ts` chooses the engine. */
  readonly name: "postgres" | "nats"
}

/**
 * The length of a lease in milliseconds, which is short enough to wait for its end, and long enough for a loaded host.
 */
const ttl = 4_000
const longTtl = 60_000
const patience = { within: "60 seconds" } as const

interface Event {
  readonly who: string
  readonly what: "leads" | "stops"
  readonly token: number
}

interface Given extends Engine {
  readonly up: Server
  readonly name: Engine["name"]
  /** The key in the engine that a test claims, and that no other test uses. */
  readonly key: string
  readonly events: Array<Event>
  readonly leases: (port: number, millis?: number) => Layer.Layer<Discovery.Leases, unknown>
  /**
   * Runs a program that takes part in an election and reaches the engine over the given port, until the program is
   * interrupted.
   */
  readonly elect: (
    who: string,
    port: number,
    millis?: number
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>, never, Scope.Scope>
  readonly driver: Effect.Effect<Discovery.DiscoveryDriver["Service"], unknown, Scope.Scope>
}

const leads = ({ events }: Given, who: string, after = 0) =>
  Eventually.holds(`${who} leads`, () => {
    const last = events.findLast((event) => event.who === who)
    return last?.what === "leads" && last.token > after && last
  }, patience)

const stops = ({ events }: Given, who: string) =>
  Eventually.holds(`${who} stops`, () => events.findLast((event) => event.who === who)?.what === "stops", patience)

/** Checks that only one program leads at a time, and that each leader has a larger token than the leader before. */
const inTurn = ({ events }: Given) => {
  const wrong = events.filter(({ what }, i) => what !== (i % 2 === 0 ? "leads" : "stops"))
  Assert.deepEqual(wrong, [], `two at a time: ${JSON.stringify(events)}`)
  const tokens = events.filter(({ what }) => what === "leads").map(({ token }) => token)
  Assert.deepEqual(tokens, [...new Set(tokens)].toSorted((a, b) => a - b))
}

type Row = (given: Given) => Effect.Effect<unknown, unknown, Scope.Scope>

type Rows = Readonly<Record<string, Row>>

/** Tests in which the engine of a leader fails. */
const leaders: Rows = {
  "a leader that is cut off stops before another leads, and leads no more when the cut has healed": (given) =>
    Effect.gen(function*() {
      const proxy = yield* Proxy.make(given.up.port)
      yield* given.elect("a", proxy.port)
      const { token } = yield* leads(given, "a")
      yield* given.elect("b", given.up.port)
      yield* proxy.hold
      yield* leads(given, "b", token)
      yield* proxy.pass
      // The old leader `a` reaches the server again and renews its lease, which must not take the name from the new
      // leader `b`.
      const leases = yield* given.driver
      yield* Eventually.pause(ttl)
      const held = yield* leases.get(`elect/${given.key}`)
      Assert.equal(Option.map(held, ({ token }) => token).pipe(Option.getOrUndefined), given.events.at(-1)!.token)
      inTurn(given)
      Assert.deepEqual(given.events.map(({ who, what }) => `${who} ${what}`), ["a leads", "a stops", "b leads"])
    }),

  "a leader whose server is frozen for longer than its lease stops, and leads again when it answers": (given) =>
    Effect.gen(function*() {
      yield* given.elect("a", given.up.port)
      const { token } = yield* leads(given, "a")
      yield* given.up.freeze
      yield* stops(given, "a")
      // The engine's server stays frozen for longer than the lease lasts, so the lease has expired before the server
      // answers again.
      yield* Eventually.pause(ttl)
      Assert.equal(given.events.length, 2)
      yield* given.up.thaw
      yield* leads(given, "a", token)
      inTurn(given)
    }),

  "a leader goes on where its server is killed and is back before the lease has ended": (given) =>
    Effect.gen(function*() {
      yield* given.elect("a", given.up.port, longTtl)
      const { token } = yield* leads(given, "a")
      yield* given.up.kill
      yield* given.up.start
      const driver = yield* given.driver
      const held = yield* Eventually.succeeds(Effect.suspend(() => driver.get(`elect/${given.key}`)), patience)
      Assert.equal(Option.getOrUndefined(Option.map(held, ({ token }) => token)), token)
      Assert.deepEqual(given.events.map(({ what }) => what), ["leads"])
    }),

  "a leader whose server is killed for longer than the lease stops, and one leads when it is back": (given) =>
    Effect.gen(function*() {
      yield* given.elect("a", given.up.port)
      const { token } = yield* leads(given, "a")
      yield* given.up.kill
      yield* stops(given, "a")
      yield* Eventually.pause(ttl)
      yield* given.up.start
      yield* leads(given, "a", token)
      inTurn(given)
    }),

  "a connection that is cut is made again, and the leader goes on": (given) =>
    Effect.gen(function*() {
      const proxy = yield* Proxy.make(given.up.port)
      yield* given.elect("a", proxy.port, 20_000)
      const { token } = yield* leads(given, "a")
      yield* proxy.cut
      yield* Eventually.pause(500)
      yield* proxy.pass
      const driver = yield* given.driver
      // The pause of the test is longer than the remaining time of the lease, so the lease can only be held after a
      // renewal.
      yield* Eventually.pause(21_000)
      const held = yield* driver.get(`elect/${given.key}`)
      Assert.equal(Option.getOrUndefined(Option.map(held, ({ token }) => token)), token)
      Assert.deepEqual(given.events.map(({ what }) => what), ["leads"])
    }),

  "a grant whose answer comes too late takes the name from no other": (given) =>
    Effect.gen(function*() {
      const proxy = yield* Proxy.make(given.up.port)
      const driver = yield* given.driver
      // The program `b` holds the name, while the program `a` is connected, has a lease, and waits for the name.
      const b = yield* given.elect("b", given.up.port)
      const { token } = yield* leads(given, "b")
      const a = yield* given.elect("a", proxy.port)
      yield* Eventually.pause(ttl / 4)
      yield* proxy.holdAnswers
      yield* Fiber.interrupt(b)
      // The engine may grant the name to a waiting program that is cut off, and the grant may be outdated before the
      // program knows of it.
      yield* Eventually.pause(ttl)
      yield* proxy.pass
      yield* leads(given, "a", token)
      yield* Fiber.interrupt(a)
      yield* Eventually.succeeds(
        Effect.map(driver.get(`elect/${given.key}`), (held) => Assert.deepEqual(held, Option.none())),
        patience
      )
      inTurn(given)
    })
}

/** Tests in which owners of names fail, or in which many programs want one name. */
const owners: Rows = {
  "one of a hundred that ask over ten connections is granted a name, and all others hear of it": (given) =>
    Effect.gen(function*() {
      const drivers = yield* Effect.all(Array.from({ length: 10 }, () => given.driver), { concurrency: 5 })
      const racers = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) => {
        const lease = { id: Crypto.randomUUID(), ttlMillis: longTtl }
        const driver = drivers[i % 10]!
        return Effect.as(driver.renew(lease), { driver, lease })
      }, { concurrency: 20 })
      const answers = yield* Effect.forEach(racers, ({ driver, lease }) => driver.create(given.key, lease.id, lease), {
        concurrency: "unbounded"
      })
      const tokens = answers.map((answer) =>
        answer._tag === "Granted" ? answer.token : answer._tag === "Taken" ? answer.by.token : 0
      )
      Assert.equal(answers.filter(({ _tag }) => _tag === "Granted").length, 1)
      Assert.equal(new Set(tokens).size, 1)
    }),

  "a name is free at once when its leader ends": (given) =>
    Effect.gen(function*() {
      const a = yield* given.elect("a", given.up.port, longTtl)
      const { token } = yield* leads(given, "a")
      yield* given.elect("b", given.up.port, longTtl)
      yield* Eventually.pause(200)
      const before = performance.now()
      yield* Fiber.interrupt(a)
      yield* leads(given, "b", token)
      Assert.ok(performance.now() - before < longTtl / 4, "b has waited for the lease, or for a look without a hint")
    }),

  "a leader that is killed is followed by another with a larger token": (given) =>
    Effect.gen(function*() {
      const first = yield* elected(given, ttl)
      const token = yield* first.leads(0)
      const second = yield* elected(given, ttl, first.resource)
      yield* first.program.signal("SIGKILL")
      yield* second.leads(token)
    }),

  "a leader that was frozen for longer than its lease has its next write refused by its token": (given) =>
    Effect.gen(function*() {
      const first = yield* elected(given, ttl)
      const token = yield* first.leads(0)
      const second = yield* elected(given, ttl, first.resource)
      yield* first.program.says(/written/, patience)
      yield* first.program.signal("SIGSTOP")
      yield* second.leads(token)
      yield* second.program.says(/written/, patience)
      const before = first.program.stdout().length
      yield* first.program.signal("SIGCONT")
      yield* first.program.says(/stops/, patience)
      Assert.ok(!first.program.stdout().slice(before).includes("written"), first.program.stdout())
      first.isInOrder()
    })
}

/** Tests with programs that run while their engine cannot be reached. */
const outages: Rows = {
  "a follower that was cut off hears a snapshot, and of every name that has gone": (given) =>
    Effect.gen(function*() {
      const proxy = yield* Proxy.make(given.up.port)
      const names = new Map<string, string>()
      let snapshots = 0
      const followed = Stream.runForEach(Discovery.follow(given.key), (change) =>
        Effect.sync(() => {
          if (change._tag === "Snapshot") {
            snapshots++
            names.clear()
            for (const { name, value } of change.published) names.set(name, value)
          } else if (change._tag === "Put") names.set(change.published.name, change.published.value)
          else names.delete(change.name)
        }))
      yield* Effect.forkScoped(Effect.provide(followed, given.leases(proxy.port)))
      const publisher = yield* Layer.build(given.leases(given.up.port, longTtl))
      const published = (name: string, value: string) =>
        Effect.provide(Discovery.publish(`${given.key}/${name}`, value), publisher)
      const going = yield* Scope.make()
      yield* Scope.provide(published("going", "1"), going)
      yield* published("staying", "2")
      yield* Eventually.holds("both are followed", () => names.size === 2, patience)
      yield* proxy.hold
      yield* Scope.close(going, Exit.void)
      yield* published("coming", "3")
      // The proxy passes no bytes between the program and its engine until `proxy.pass`, so the program does not learn
      // yet that the name `going` is gone and the name `coming` is new.
      yield* Eventually.pause(ttl)
      yield* proxy.pass
      const expected = ["coming 3", "staying 2"]
      yield* Eventually.succeeds(
        Effect.sync(() =>
          Assert.deepEqual(
            Array.from(names, ([name, value]) => `${name.slice(given.key.length + 1)} ${value}`).toSorted(),
            expected
          )
        ),
        patience
      )
      Assert.ok(snapshots > 1, "it has heard no second snapshot")
    }),

  "a program starts while its server is down, fails typed meanwhile, and works when it is up": (given) =>
    Effect.gen(function*() {
      yield* given.up.kill
      const driver = yield* given.driver
      const lease = { id: Crypto.randomUUID(), ttlMillis: longTtl }
      const error = yield* Effect.flip(driver.renew(lease))
      Assert.ok(error instanceof Discovery.DiscoveryDriverError, String(error))
      yield* given.up.start
      const kept = yield* Eventually.succeeds(Effect.suspend(() => driver.renew(lease)), patience)
      Assert.equal(kept, false)
    }),

  "an operation that is interrupted while the server is frozen ends at once": (given) =>
    Effect.gen(function*() {
      const driver = yield* given.driver
      const lease = { id: Crypto.randomUUID(), ttlMillis: longTtl }
      yield* driver.renew(lease)
      yield* given.up.freeze
      const before = performance.now()
      const exit = yield* Effect.exit(Effect.timeout(driver.renew(lease), 500))
      Assert.ok(Exit.isFailure(exit))
      Assert.ok(performance.now() - before < 4_000, "it has waited for the server")
      yield* given.up.thaw
    })
}

/** Tests with an engine that has lost all its data. */
const losses: Rows = {
  "a name that was published comes back where the server has lost everything, with a larger token": (given) =>
    Effect.gen(function*() {
      const publisher = yield* Layer.build(given.leases(given.up.port))
      yield* Effect.provide(Discovery.publish(given.key, "here"), publisher)
      const driver = yield* given.driver
      const published = Eventually.succeeds(
        Effect.flatMap(Effect.suspend(() => driver.get(`publish/${given.key}`)), Effect.fromOption),
        patience
      )
      const before = yield* published
      yield* given.up.kill
      yield* given.up.wipe
      yield* given.up.start
      const after = yield* published
      Assert.equal(after.value, "here")
      Assert.ok(after.token > before.token, `${after.token} after ${before.token}`)
    })
}

const groups = { leaders, owners, outages, losses }

/** Registers one group of tests for an engine of leases. */
export const failures = (group: keyof typeof groups, engine: Engine): ReadonlyArray<Case> =>
  Object.entries(groups[group]).map(([title, row]): Case => ({
    title,
    run: Effect.scoped(Effect.gen(function*() {
      const up = yield* engine.server
      const key = `failure-${Crypto.randomUUID()}`
      const events: Array<Event> = []
      const leases = (port: number, millis = ttl) =>
        Discovery.layerLeases({ ttl: millis }).pipe(Layer.provide(engine.layer(port)))
      const work = (who: string) =>
        Effect.flatMap(Discovery.Leadership, ({ token }) => {
          events.push({ who, what: "leads", token })
          return Effect.onInterrupt(Effect.never, () => Effect.sync(() => events.push({ who, what: "stops", token })))
        })
      yield* Effect.asVoid(row({
        ...engine,
        up,
        key,
        events,
        leases,
        elect: (who, port, millis) =>
          Effect.forkScoped(Effect.provide(Discovery.elect(key)(work(who)), leases(port, millis))),
        driver: Effect.flatMap(
          Effect.scope,
          (scope) =>
            Effect.map(
              Layer.buildWithScope(engine.layer(up.port), scope),
              (context) => Context.get(context, Discovery.DiscoveryDriver)
            )
        )
      })).pipe(Effect.ensuring(Effect.orDie(up.restore)))
    }))
  }))
