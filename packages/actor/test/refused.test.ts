import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import { Dispatcher } from "@furrow/actor/internal/dialog/Dispatcher"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as Failure from "@furrow/protocol/Failure"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { noted } from "./fixtures/pooled.ts"
import { inMemory } from "./support/InMemory.ts"
import { pass, settle } from "./support/Time.ts"
import { acceptor, dialler, idOf, raw, start } from "./support/Wire.ts"

describe("An ending actor refuses calls", () => {
  it.effect("G146: an ending actor refuses a call with an error that says that the call has not begun", () =>
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
      const failure = Failure.decode(answer!.payload)
      assert.deepInclude(failure.ok && failure.value, { _tag: "Cancelled", reason: "done", began: "no" })
    }))

  it.effect("G146: an ending actor does not say of an interrupted call that the call has not begun", () =>
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
