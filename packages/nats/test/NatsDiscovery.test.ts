import { assert, describe, it } from "@effect/vitest"
import type { DiscoveryDriver } from "@furrow/actor/Discovery"
import * as Nats from "@furrow/engines/Nats"
import { shared } from "@furrow/engines/shared"
import { suite } from "@furrow/engines/suite"
import * as Keys from "@furrow/nats/internal/keys"
import * as NatsDiscovery from "@furrow/nats/NatsDiscovery"
import * as DriverSuite from "@furrow/testing/DriverSuite"
import * as Eventually from "@furrow/testing/Eventually"
import { Kvm } from "@nats-io/kv"
import { connect } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** A busy machine needs long. */
const patienceMillis = 120_000

const texts = Schema.String.check(Schema.isPattern(/^[^\ud800-\udfff]{0,40}$/))

describe("Each key of an engine is turned into the name of a NATS entry that the NATS server accepts", () => {
  it.prop(
    "a key can be read back from the name of its NATS entry, and the NATS server accepts this name",
    [texts],
    ([key]) => {
      const entry = Keys.entryOf(key)
      assert.match(entry, /^k(\.[A-Za-z0-9_=-]+)+$/)
      assert.strictEqual(Keys.keyOf(entry), key)
    }
  )

  it("a NATS filter for a prefix of keys covers the prefix up to its last slash, because NATS compares only whole segments of a name", () => {
    assert.strictEqual(Keys.filterOf(""), "k.>")
    assert.strictEqual(Keys.filterOf("web"), "k.>")
    assert.strictEqual(Keys.filterOf("web/"), "k.web.>")
    assert.strictEqual(Keys.filterOf("web/ä/x"), "k.web.=c3=a4.>")
    assert.strictEqual(Keys.entryOf("web//x"), "k.web.=.x")
  })

  it("a key that is too long for a NATS subject is refused, and does not close the connection", () => {
    assert.throws(() => Keys.entryOf("x".repeat(2_001)), /is too long: 2000 are possible/)
  })
})

suite("NATS", "nats-server", Nats.isInstalled, () => {
  const server = shared(Nats.make)
  const driver = Effect.flatMap(server, ({ port }) => DriverSuite.fromLayer(Nats.layer(port)))
  const lease = { id: "of this test", ttlMillis: 60_000 }

  for (const { run, title } of DriverSuite.contract(driver)) {
    it.live(
      `G269: the engine over NATS passes each test of the suite for engines (the test: ${title})`,
      () => run,
      patienceMillis
    )
  }

  it.live(
    "G269: a log line of the engine over NATS says whether the server reports expired leases or is polled",
    () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.make(({ message }) => lines.push(String(message)))
        yield* Effect.provide(
          Effect.scoped(Effect.flatMap(driver, ({ get }) => get("anything"))),
          Logger.layer([logger])
        )
        const { port } = yield* server
        const connection = yield* Effect.promise(() => connect({ servers: `127.0.0.1:${port}` }))
        const [major = 0, minor = 0] = connection.info!.version.split(".").map(Number)
        yield* Effect.promise(() => connection.close())
        const tells = major > 2 || minor >= 11
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], tells ? "has expiry markers" : "they are looked for every second")
      }),
    patienceMillis
  )

  it.live(
    "G269: an expired lease over NATS that begins again holds none of its earlier keys, even before these keys are deleted",
    () =>
      Effect.gen(function*() {
        const { create, get, renew } = yield* driver
        const short = { id: "begins again", ttlMillis: 200 }
        yield* renew(short)
        yield* create("of the first run", "value", short)
        yield* Eventually.succeeds(
          Effect.flatMap(get("of the first run"), (held) => Option.isNone(held) ? Effect.void : Effect.fail("held"))
        )
        assert.isFalse(yield* renew({ ...short, ttlMillis: 60_000 }))
        assert.deepStrictEqual(yield* get("of the first run"), Option.none())
      }),
    patienceMillis
  )

  it.live(
    "G269: keys of an expired lease leave the bucket of NATS while a program watches, whether the server reports expired leases or is polled",
    () =>
      Effect.gen(function*() {
        const { port } = yield* server
        const { changes, create, remove, renew } = yield* driver
        const prefix = "leaves/"
        yield* renew(lease)
        const created = yield* create(`${prefix}deleted`, "value", lease)
        yield* remove(`${prefix}deleted`, (created as Granted).token)
        const short = { id: "leaves", ttlMillis: 200 }
        yield* renew(short)
        yield* create(`${prefix}expired`, "value", short)
        // It sweeps while it is watched.
        yield* Effect.forkScoped(Stream.runDrain(changes(prefix)))
        const connection = yield* Effect.promise(() => connect({ servers: `127.0.0.1:${port}` }))
        const kv = yield* Effect.promise(() => new Kvm(connection).open("furrow"))
        const isDeleted = Effect.map(Effect.promise(() => kv.get(`k.leaves.expired`)), (entry) =>
          entry?.operation !== "PUT")
        yield* Eventually.succeeds(
          Effect.flatMap(isDeleted, (isDeleted) =>
            isDeleted ? Effect.void : Effect.fail("it is there")),
          { within: "30 seconds", what: "the key of the expired lease is deleted" }
        )
        yield* Effect.promise(() => connection.close())
      }),
    patienceMillis
  )

  it.live(
    "a NATS bucket with a time to live is refused with a typed error, because the bucket would delete names that are still held",
    () =>
      Effect.gen(function*() {
        const { port } = yield* server
        const servers = `127.0.0.1:${port}`
        const connection = yield* Effect.promise(() => connect({ servers }))
        yield* Effect.promise(() => new Kvm(connection).create("aging", { ttl: 60_000 }))
        yield* Effect.promise(() => connection.close())
        const { renew } = yield* DriverSuite.fromLayer(NatsDiscovery.layer({ servers, bucket: "aging" }))
        const error = yield* Effect.flip(renew(lease))
        assert.include(error.message, `the bucket "aging" has a TTL of its own`)
      }),
    patienceMillis
  )

  it.live(
    "the engine over NATS creates, reads, lists and removes a key with unusual characters",
    () =>
      Effect.gen(function*() {
        const { create, get, list, remove, renew } = yield* driver
        yield* renew(lease)
        for (const key of ["odd/ä b.*>$", "odd//", "odd/", "odd/=41"]) {
          const created = yield* create(key, "välue", lease)
          assert.deepStrictEqual(Option.map(yield* get(key), ({ value }) => value), Option.some("välue"))
          assert.include((yield* list("odd/")).held.map((held) => held.key), key)
          yield* remove(key, (created as Granted).token)
          assert.deepStrictEqual(yield* get(key), Option.none())
        }
      }),
    patienceMillis
  )
})

type Granted = Extract<Effect.Success<ReturnType<DiscoveryDriver["Service"]["create"]>>, { readonly _tag: "Granted" }>
