/** Portals that were found by name or by reference, while the actors behind them are replaced or end for good. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry, Supervisor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { beforeEach } from "vitest"
import { again, Counter, Mail, next, quit, runs, Store, who } from "./fixtures/supervised.ts"
import { backoff, drain, killOne, reset, supervised } from "./support/Supervised.ts"
import { settle } from "./support/Time.ts"

beforeEach(reset)

describe("A portal that an actor has found by name follows the role of the found actor", () => {
  it.effect("G217: a portal found by name leads to the successor of its actor after a roll and after a death", () =>
    supervised(
      Supervisor.layer({ backoff }, [Supervisor.of(Mail, { name: "post", unique: true })]),
      Effect.gen(function*() {
        const found = Option.getOrThrow(yield* Registry.find(Mail, "post"))
        const first = yield* found.run(who())
        yield* Supervisor.roll([Mail], { drain })
        const second = yield* found.run(who())
        assert.notStrictEqual(second, first)
        yield* killOne("post", -1)
        assert.notStrictEqual(yield* found.run(who()), second)
      })
    ))
})

describe("A supervisor may hold calls to a role without a limit of time", () => {
  it.effect("G217: other actors can use a role whose supervisor holds calls without a limit of time", () =>
    supervised(
      Supervisor.layer({ hold: "Infinity" }, [Store, Counter]),
      Effect.gen(function*() {
        const counter = yield* Counter
        assert.strictEqual(yield* counter.run(next()), 1)
        yield* Supervisor.restart(yield* Store)
        assert.strictEqual(yield* counter.run(next()), 1)
      })
    ))
})

describe("An idempotent call from another process is repeated at the successor of its actor", () => {
  it.effect("G217: an idempotent call is repeated once at the successor of its actor when a roll has not waited for the call", () =>
    supervised(
      Supervisor.layer({}, [Mail]),
      Effect.gen(function*() {
        runs.count = 0
        const borrowed = yield* Actor.portal((yield* Mail).ref)
        const called = yield* Effect.forkChild(borrowed.run(again({ hangs: 1 })), { startImmediately: true })
        yield* settle
        assert.strictEqual(runs.count, 1)
        yield* Supervisor.roll([Mail], { drain: 0 })
        assert.strictEqual(yield* Fiber.join(called), 2)
      })
    ))
})

describe("A shared actor", () => {
  it.effect("G219: a shared actor that has ended for good is started again for callers that ask after its end", () =>
    supervised(
      Layer.empty,
      Effect.gen(function*() {
        const find = Registry.findOrStart(Mail, { name: "post", restart: "transient" })
        // It ends within the first turns: some ask before, some while and some after its supervisor ends.
        for (let turns = 0; turns < 40; turns++) {
          const holder = yield* Scope.make()
          const mail = yield* Scope.provide(find, holder)
          yield* Effect.forkChild(Effect.ignore(mail.run(quit())), { startImmediately: true })
          for (let turn = 0; turn < turns; turn++) {
            yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
          }
          const exit = yield* Effect.exit(Effect.scoped(find))
          assert.isTrue(Exit.isSuccess(exit), `after ${turns} turns: ${String(exit)}`)
          yield* Scope.close(holder, Exit.void)
        }
      })
    ))

  it.effect("G219: a caller whose request for a shared actor was refused does not keep the shared actor alive", () =>
    supervised(
      Layer.empty,
      Effect.gen(function*() {
        const holder = yield* Scope.make()
        yield* Scope.provide(Registry.findOrStart(Mail, { name: "post" }), holder)
        const error = yield* Effect.flip(Registry.findOrStart(Store, { name: "post" }))
        assert.strictEqual(error._tag, "NameTaken")
        yield* Scope.close(holder, Exit.void)
        assert.deepStrictEqual((yield* Actor.statistics).children, [])
      })
    ))
})
