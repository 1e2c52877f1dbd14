import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import { encodeFarewell } from "@furrow/actor/internal/channel/Farewell"
import { Dispatcher } from "@furrow/actor/internal/dialog/Dispatcher"
import { decodeFailure } from "@furrow/actor/internal/dialog/Failures"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { noted } from "./fixtures/pooled.ts"
import { inMemory } from "./support/InMemory.ts"
import { pass, settle } from "./support/Time.ts"
import { acceptor, dialler, End, idOf, raw, start } from "./support/Wire.ts"

describe("A connection that has no use for new dialogs", () => {
  it.effect("G951: says so when it ends, before its dialogs hear of it and before anybody knows why", () =>
    Effect.gen(function*() {
      const [a, b] = MemoryTransport.pair()
      let explain: (() => void) | undefined
      const left = new End(a, dialler("left"), "ready", {
        explain: (done) => {
          explain = () => done(left.closed!)
        }
      })
      const right = new End(b, acceptor("right"))
      yield* settle
      let parted = 0
      left.channel.whenParted(() => parted++)
      left.channel.send(start(left.open()))
      yield* settle
      assert.strictEqual(parted, 0)
      right.channel.destroy()
      yield* settle
      assert.strictEqual(parted, 1)
      assert.deepStrictEqual(left.lost, [])
      assert.isDefined(explain)
      left.channel.whenParted(() => parted++)
      assert.strictEqual(parted, 2)
    }))

  it.effect("G951: says so when its peer says goodbye, and when it is closed here", () =>
    Effect.gen(function*() {
      const parent = raw(dialler("left"))
      const { channel } = parent.end
      const config = acceptor("right")
      if (config.side === "acceptor") parent.say(config.welcome)
      yield* settle
      let parted = 0
      const forget = channel.whenParted(() => parted++)
      forget()
      channel.whenParted(() => parted++)
      parent.say({ _tag: "Bye", payload: encodeFarewell({ how: { _tag: "Returned" }, cleanup: [] }) })
      yield* settle
      channel.close()
      assert.strictEqual(parted, 1)
      const [a] = MemoryTransport.pair()
      const other = new End(a, dialler("other"))
      other.channel.close()
      other.channel.whenParted(() => parted++)
      assert.strictEqual(parted, 2)
    }))
})

describe("An actor that is ending", () => {
  it.effect("G952: says of a call that it refuses that nothing of it had begun", () =>
    Effect.gen(function*() {
      const peer = raw(dialler("left"))
      const config = acceptor("right")
      if (config.side === "acceptor") peer.say(config.welcome)
      yield* settle
      const env = { self: idOf("left"), events: makeEvents(), level: "Info", cancellation: () => undefined } as const
      const dispatcher = new Dispatcher(peer.end.channel, env, new Map())
      peer.end.onStart = (word) => dispatcher.start(word)
      dispatcher.cancelAll({ by: idOf("owner"), reason: "done", deadline: 0 })
      peer.say(start(2))
      yield* settle
      const [answer] = peer.said.filter((word) => word._tag === "Error")
      const failure = decodeFailure(answer!.payload)
      assert.deepInclude(failure.ok && failure.value, { _tag: "Cancelled", reason: "done", began: "no" })
    }))

  it.effect("G952: does not say so of a call that it interrupts", () =>
    Effect.gen(function*() {
      const error = yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [noted] })
        const call = yield* Effect.forkChild(Effect.flip(frank.run(noted({ name: "it", millis: 60_000, cleanup: 0 }))))
        yield* settle
        const ending = yield* Effect.forkChild(frank.cancel("done"))
        yield* pass(100)
        yield* Fiber.join(ending)
        return yield* Fiber.join(call)
      }))
      assert.deepInclude(error, { _tag: "ContextCancelled", reason: "done", began: "maybe", ending: true })
    }).pipe(inMemory))
})
