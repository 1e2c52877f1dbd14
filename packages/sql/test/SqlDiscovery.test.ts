import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { DiscoveryDriver } from "@furrow/actor/Discovery"
import * as Postgres from "@furrow/engines/Postgres"
import { shared } from "@furrow/engines/shared"
import { suite } from "@furrow/engines/suite"
import { concerns } from "@furrow/sql/internal/driver"
import * as SqlDiscovery from "@furrow/sql/SqlDiscovery"
import * as DriverSuite from "@furrow/testing/DriverSuite"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** A busy machine needs long. */
const patienceMillis = 120_000

describe("The settings of SqlDiscovery", () => {
  it("a schema name with unusual characters is refused, and is part of no statement for PostgreSQL", () => {
    for (const schema of ["Shop", "a-b", "a; drop table b", "", "1a", "x".repeat(51)]) {
      assert.throws(() => SqlDiscovery.layer({ schema }), /is no name of small letters/)
      assert.throws(() => SqlDiscovery.migration({ schema }), /is no name of small letters/)
    }
  })

  it("a PostgreSQL notification concerns a prefix of keys if its key begins with the prefix, may have been cut off, or is empty", () => {
    assert.isTrue(concerns("elect/a", "elect/"))
    assert.isFalse(concerns("elect/a", "elect/ab"))
    assert.isFalse(concerns("publish/a", "elect/"))
    assert.isTrue(concerns("", "elect/"))
    const long = "k".repeat(1_000)
    assert.isTrue(concerns(long, `${long}/more`))
    assert.isFalse(concerns("k", "kk"))
  })
})

suite("PostgreSQL", "PostgreSQL", Postgres.isInstalled, () => {
  const server = shared(Postgres.make)
  const driverOf = (options: SqlDiscovery.SqlOptions = {}) =>
    Effect.flatMap(server, ({ port }) => DriverSuite.fromLayer(Postgres.layer(port, options)))
  const lease = { id: "of this test", ttlMillis: 60_000 }

  for (const { run, title } of DriverSuite.contract(driverOf())) {
    it.live(
      `G269: the engine over PostgreSQL passes each test of the suite for engines (the test: ${title})`,
      () => run,
      patienceMillis
    )
  }

  it.live(
    "G272: an operation of the engine over PostgreSQL takes no part in its caller's transaction",
    () =>
      Effect.gen(function*() {
        const { port } = yield* server
        const context = yield* Layer.build(Layer.provideMerge(SqlDiscovery.layer, Postgres.client(port)))
        const driver = Context.get(context, DiscoveryDriver)
        const sql = Context.get(context, PgClient.PgClient)
        yield* driver.renew(lease)
        const failing = Effect.andThen(driver.create("in a transaction", "value", lease), Effect.fail("rolled back"))
        assert.strictEqual(yield* Effect.flip(sql.withTransaction(failing)), "rolled back")
        assert.isTrue(Option.isSome(yield* driver.get("in a transaction")))
      }),
    patienceMillis
  )

  it.live(
    "several programs that start at the same time create the engine's tables in PostgreSQL once, and each program works",
    () =>
      Effect.gen(function*() {
        const asked = Effect.scoped(
          Effect.flatMap(driverOf({ schema: "at_once" }), (driver) =>
            driver.renew({ ...lease, id: String(Math.random()) }))
        )
        const kept = yield* Effect.all(
          Array.from({ length: 8 }, () =>
            asked),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(kept, Array.from({ length: 8 }, () => false))
      }),
    patienceMillis
  )

  it.live(
    "a program that must not create the engine's tables fails with a typed error if the tables are missing, and works with existing tables",
    () =>
      Effect.gen(function*() {
        const { port } = yield* server
        const driver = yield* driverOf({ schema: "by_hand", migrate: false })
        const error = yield* Effect.flip(driver.renew(lease))
        assert.match(error.message, /^PostgreSQL: /)
        const sql = Context.get(yield* Layer.build(Postgres.client(port)), PgClient.PgClient)
        yield* sql.unsafe(SqlDiscovery.migration({ schema: "by_hand" })).unprepared
        // Once more: it leaves alone what is there.
        yield* sql.unsafe(SqlDiscovery.migration({ schema: "by_hand" })).unprepared
        assert.isFalse(yield* driver.renew(lease))
      }),
    patienceMillis
  )

  it.live(
    "two schemas of the same PostgreSQL database can hold the same name for different owners",
    () =>
      Effect.gen(function*() {
        const [one, two] = [yield* driverOf({ schema: "one" }), yield* driverOf({ schema: "two" })]
        for (const driver of [one, two]) {
          yield* driver.renew(lease)
          assert.strictEqual((yield* driver.create("shared", "value", lease))._tag, "Granted")
        }
      }),
    patienceMillis
  )
})
