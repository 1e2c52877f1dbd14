import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { idle } from "./fixtures/failing.ts"
import { hang, isPrime } from "./fixtures/prime.ts"
import { inMemory } from "./support/InMemory.ts"
import * as Journal from "./support/Journal.ts"
import { captureLogs, withThrowing } from "./support/Logs.ts"
import * as Puppets from "./support/Puppets.ts"
import { drained, pass, settle } from "./support/Time.ts"

describe("A Scope can own an actor", () => {
  it.effect("G2: an actor in a plain Scope lives until the Scope closes, and closing waits for its finalizers", () =>
    Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const scope = yield* Scope.make()
      const frank = yield* Scope.provide(Actor.startScoped("frank", { expose: [idle, isPrime] }), scope)
      yield* Effect.forkChild(Effect.ignore(frank.run(idle({ name: "frank", cleanup: 300 }))))
      yield* pass(1000)
      assert.strictEqual(yield* frank.run(isPrime({ n: 7 })), true)
      yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), Journal.say("closed")))
      yield* pass(1000)
      assert.deepStrictEqual(journal, [
        "0 frank starts",
        "1000 frank cancelled by root: scope closed",
        "1300 frank finalized",
        "1300 closed"
      ])
      assert.deepInclude(yield* frank.wait, { _tag: "Cancelled", reason: "scope closed", cleanup: [] })
      const error = yield* Effect.flip(frank.run(isPrime({ n: 7 })))
      assert.strictEqual(error._tag === "ChannelClosed" && error.side, "local")
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    }).pipe(inMemory))

  it.effect("G57: the death of an actor in a Scope interrupts no fiber: calls fail with ActorLost, and portal.wait reports the death", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const logs = captureLogs()
      yield* Effect.scoped(Effect.gen(function*() {
        const frank = yield* Actor.startScoped("frank", { expose: [hang] })
        const call = yield* Effect.forkChild(Effect.flip(frank.run(hang())))
        const exit = yield* Effect.forkChild(frank.wait)
        yield* settle
        theatre.puppet("frank").die({ code: 3 })
        yield* settle
        const error = yield* Fiber.join(call)
        assert.instanceOf(error, ActorError.ActorLost)
        assert.deepStrictEqual(yield* Fiber.join(exit), { _tag: "Lost", error, cleanup: [] })
        yield* Effect.yieldNow
      })).pipe(Effect.provide(logs.layer))
      assert.deepStrictEqual(logs.lines, [])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a death of a scoped actor that no caller has seen is logged as an error when the Scope closes", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const logs = captureLogs()
      const answer = yield* Effect.scoped(Effect.gen(function*() {
        yield* Actor.startScoped("frank", { expose: [hang] })
        theatre.puppet("frank").die({ signal: "SIGSEGV" })
        yield* settle
        return "unharmed"
      })).pipe(Effect.provide(logs.layer))
      assert.strictEqual(answer, "unharmed")
      assert.deepStrictEqual(logs.lines.map(({ level, message }) => [level, message]), [
        ["Error", ["frank@1 is lost: its process was killed by SIGSEGV"]]
      ])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("G274: a death of a scoped actor that no caller has seen does not fail the Scope, even if a logger throws", () => {
    const theatre = Puppets.make()
    return Effect.gen(function*() {
      const logs = captureLogs()
      const answer = yield* Effect.scoped(Effect.gen(function*() {
        yield* Actor.startScoped("frank", { expose: [hang] })
        theatre.puppet("frank").die({ signal: "SIGSEGV" })
        yield* settle
        return "unharmed"
      })).pipe(Effect.provide(withThrowing(logs)))
      assert.strictEqual(answer, "unharmed")
      assert.deepStrictEqual(logs.lines.map(({ level }) => level), ["Error"])
    }).pipe(drained, Effect.provide(theatre.layer))
  })

  it.effect("a scoped actor that its owner cancelled does not count as lost", () =>
    Effect.gen(function*() {
      const logs = captureLogs()
      yield* Effect.scoped(Effect.gen(function*() {
        const frank = yield* Actor.startScoped("frank", { expose: [hang] })
        yield* frank.cancel("not needed")
        assert.deepInclude(yield* frank.wait, { _tag: "Cancelled", reason: "not needed", cleanup: [] })
      })).pipe(Effect.provide(logs.layer))
      assert.deepStrictEqual(logs.lines, [])
    }).pipe(inMemory))
})
