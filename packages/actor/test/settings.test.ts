/** The settings of a Service: by what they are given, checked, read and hidden. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import {
  built,
  Counter,
  Doubler,
  Eased,
  Elsewhere,
  Group,
  increment,
  Loose,
  Old,
  oldLive,
  Strict,
  Throwing,
  Unset
} from "./fixtures/settings.ts"
import { collectEvents } from "./support/Events.ts"
import { inMemory } from "./support/InMemory.ts"
import { captureLogs } from "./support/Logs.ts"
import { settle } from "./support/Time.ts"

const by = (n: number) => ({ by: n })

/** Builds a Layer and fails with why it was not built. */
const refused = <E, R>(layer: Layer.Layer<any, E, R>) => Effect.flip(Effect.scoped(Layer.build(layer)))

const invalid = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(effect, (error) => {
    assert.instanceOf(error, ActorError.PayloadInvalid)
    return error as unknown as ActorError.PayloadInvalid
  })

describe("Settings are checked against their schema before a Service starts, and reach the Service", () => {
  it.effect("G111: settings from a Service's Layer or from Actor.start reach the Service, with the defaults of their schema", () =>
    Effect.gen(function*() {
      const since = new Date(1_700_000_000_000)
      const store = { host: "db1", ports: [1, 2] }
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* Counter.calls.increment(by(1)), 8)
        assert.deepStrictEqual(yield* Counter.calls.settings(), [String(since.getTime()), "none", "1,2"])
      }).pipe(Effect.provide(Counter.layer({ config: { start: 7, since, store } })))
      yield* Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start(Counter, { name: "a", config: { start: 10, step: 5 } })
        const b = yield* Actor.startScoped(Counter, { config: { start: 20 } })
        assert.deepStrictEqual([yield* a.run(increment(by(1))), yield* b.run(increment(by(1)))], [15, 21])
      })).pipe(Effect.scoped)
    }).pipe(inMemory))

  it.effect("G111: settings of a Service may be left out if each has a default, and reach the Service's layer and main Effect", () =>
    Effect.gen(function*() {
      const answer = Eased.calls.increment(by(1))
      assert.strictEqual(yield* Effect.provide(answer, Eased.layer), 101)
      assert.strictEqual(yield* Effect.provide(answer, Eased.layer({ name: "eased" })), 101)
      assert.strictEqual(yield* Effect.provide(answer, Eased.layer({ config: { base: 5 } })), 6)
      const exit = yield* Effect.scoped(
        Effect.flatMap(Actor.startScoped(Eased, { config: { base: -1 } }), ({ wait }) => wait)
      )
      assert.strictEqual(exit._tag, "Failed")
    }).pipe(Effect.provide(captureLogs().layer), inMemory))

  it.effect("G111: settings reach a Service that another Service uses, that an actor starts, from layerTest, or of an RpcGroup", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* Doubler.calls.increment(by(1)), 24)
        assert.deepStrictEqual(yield* Doubler.calls.settings(), ["3", "4"])
      }).pipe(Effect.provide(
        Doubler.layer({ config: { times: 3 } }).pipe(Layer.provide(Counter.layer({ config: { start: 7 } })))
      ))
      const elsewhere = Elsewhere.layer({ config: { start: 40 } })
      assert.strictEqual(yield* Effect.provide(Elsewhere.calls.increment(by(2)), elsewhere), 42)
      const called = Effect.scoped(Effect.gen(function*() {
        return yield* (yield* Actor.rpcClient(yield* Old, Group)).Inc(by(2))
      }))
      assert.strictEqual(yield* Effect.provide(called, Old.layer({ config: { start: 40 } })), 42)
      assert.strictEqual(yield* Effect.provide(called, Old.layerTest(oldLive, { config: { start: 50 } })), 52)
    }).pipe(inMemory))

  it.effect("G111: settings of a Service reach handlers that are served in this process, through the codec", () =>
    Effect.gen(function*() {
      const date = new Date(5)
      const served = Counter.layerTest((config) => {
        assert.notStrictEqual(config.since, date)
        assert.deepStrictEqual(config, { start: 7, step: 1, since: date })
        return { increment: ({ by }) => Effect.succeed(config.start + by), settings: () => Effect.succeed([]) }
      }, { config: { start: 7, since: date } })
      assert.strictEqual(yield* Effect.provide(Counter.calls.increment(by(1)), served), 8)
      const error = yield* invalid(refused(Eased.layerTest(() => ({ increment: () => Effect.succeed(1) }), {
        config: { base: 0.5 }
      })))
      assert.include(error.message, `the config of Eased, made by the caller, does not match its schema`)
      assert.include(error.issue, `["base"]`)
    }))

  it.effect("G112: settings of a Service that do not match fail the start with PayloadInvalid, which names Service and field, and start no process", () =>
    Effect.gen(function*() {
      const events = yield* collectEvents
      built.length = 0
      const error = yield* invalid(refused(Counter.layer({ name: "c1", config: { start: 7.5 } })))
      assert.deepStrictEqual([error.side, error.endpoint, error.part], ["caller", "Counter", "config"])
      assert.strictEqual(error.actor.name, "c1")
      assert.strictEqual(
        error.message,
        `the config of Counter, made by the caller, does not match its schema: Expected an integer\n  at ["start"]`
      )
      const nested = { host: "db1", ports: [1, "two" as unknown as number] }
      const config = { start: 7, store: nested }
      const below = yield* Actor.nursery(invalid(Effect.flip(Actor.start(Counter, { config }))))
      assert.include(below.issue, `["store"]["ports"][1]`)
      const left = yield* invalid(
        Effect.flip(Effect.scoped(Actor.startScoped(Counter, {} as { config: typeof config })))
      )
      assert.include(left.issue, `Missing key\n  at ["start"]`)
      const half = yield* invalid(refused(Counter.layer({ config: { start: 7, text: "\ud800" } })))
      assert.include(half.issue, `half of a surrogate pair\n  at ["text"]`)
      const unset = Unset.layer({ config: { start: 7 } } as {})
      const none = yield* invalid(refused(unset))
      assert.include(none.issue, "Expected no settings")
      yield* settle
      assert.deepStrictEqual(built, [])
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        Array.from({ length: 5 }, () => "ActorSpawnFailed")
      )
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("G112: settings of a Service that are larger than a frame fail the start with PayloadInvalid, whose message names a remedy", () =>
    Effect.gen(function*() {
      const text = "x".repeat(64 * 1024 * 1024)
      const error = yield* invalid(refused(Counter.layer({ config: { start: 7, text } })))
      assert.match(
        error.message,
        /^the config of Counter, made by the caller, is too large: its 671\d+ bytes are above/
      )
      assert.match(error.message, /Send the large part in a call, once the actor is ready$/)
    }).pipe(inMemory))

  it.effect("G113: settings that a Service's own schema refuses in the new actor fail the start with SpawnFailed, which names Service and field", () =>
    Effect.gen(function*() {
      const failed = (layer: Layer.Layer<any, Actor.ActorError, Actor.ActorRuntime>) =>
        Effect.map(refused(layer), (error) => {
          assert.instanceOf(error, ActorError.SpawnFailed)
          const { reason, step } = error as ActorError.SpawnFailed
          return [step, reason]
        })
      assert.deepStrictEqual(yield* failed(Loose.layer({ config: { store: { port: 80 } } })), [
        "layer",
        `the config of "Strict" does not match its schema in the actor: Expected a value greater than 1023\n` +
        `  at ["store"]["port"]`
      ])
      assert.deepStrictEqual(yield* failed(Unset.layer), [
        "layer",
        `the config of "Strict" does not match its schema in the actor: Expected settings: the parent has a Service of ` +
        "that key without `config`"
      ])
      assert.deepStrictEqual(yield* failed(Throwing.layer({ config: { start: 7 } })), ["layer", "cannot begin at 7"])
      const strict = Strict.layer({ config: { store: { port: 8080 } } })
      assert.strictEqual(yield* Effect.provide(Strict.calls.increment(by(1)), strict), 1)
    }).pipe(inMemory))

  it.effect("G114: settings of a Service appear in no log, event, snapshot or registry entry, nor in the error of a wrong setting", () => {
    const logs = captureLogs()
    return Effect.gen(function*() {
      const events = yield* collectEvents
      const secret = "open sesame"
      const token = Redacted.make(secret)
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* Counter.calls.settings())[1], secret)
        const seen = [yield* Actor.statistics, yield* Registry.list(), events, logs.lines, yield* Counter]
        assert.notInclude(seen.map((value) => JSON.stringify(value)).join("\n"), secret)
      }).pipe(Effect.provide(Counter.layer({ config: { start: 7, text: secret, token } })))
      const wrong = yield* invalid(refused(Counter.layer({ config: { start: secret as unknown as number, token } })))
      assert.include(wrong.issue, `["start"]`)
      assert.notInclude(JSON.stringify([wrong, wrong.message, events, logs.lines]), secret)
    }).pipe(Effect.provide(logs.layer), Effect.provideService(References.MinimumLogLevel, "All"), inMemory)
  })
})
