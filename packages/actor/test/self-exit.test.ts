import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { close, greet, hold, Shop, shopHandlers, strings } from "./fixtures/ends.ts"
import * as Journal from "./support/Journal.ts"
import { drained, pass, settle, until } from "./support/Time.ts"

/** The events without their times: importing takes the time it takes. */
const steps = (journal: ReadonlyArray<string>) => journal.map((line) => line.replace(/^\d+ /, ""))

describe("An actor ends itself by Actor.exit", () => {
  it.effect("G119: Actor.exit ends the actor as returned, cancels its open dialogs with the actor as the author, and does not fail the nursery", () =>
    Actor.nursery(Effect.gen(function*() {
      const journal = yield* Journal.fresh
      const shop = yield* until(1000)(Actor.start(Shop))
      const held = yield* Effect.forkChild(Effect.flip(shop.run(hold())))
      const waiting = yield* Effect.forkChild(shop.wait)
      yield* settle
      const asking = yield* Effect.forkChild(Effect.flip(shop.run(close({ reason: "sold out" }))))
      yield* pass(200)
      for (const call of [asking, held]) {
        const error = yield* Fiber.join(call)
        if (error._tag !== "ContextCancelled") return assert.fail(error.message)
        assert.deepInclude(error, { reason: "sold out", ending: true, acknowledged: true })
        assert.strictEqual(error.by.uuid, shop.actor.uuid)
      }
      assert.deepStrictEqual(yield* Fiber.join(waiting), { _tag: "Returned", cleanup: [] })
      assert.deepInclude(yield* Effect.flip(shop.run(greet())), { _tag: "ChannelClosed", side: "peer" })
      assert.sameMembers(steps(journal), [
        "main starts",
        "hold starts",
        "close interrupted",
        "hold cancelled by Shop: sold out",
        "main cancelled by Shop: sold out",
        "hold finalized",
        "layer released"
      ])
    })).pipe(drained, Effect.provide(MemoryActor.layer)))

  for (const [where, reason] of [["main", "main is done"], ["beside", "beside"]] as const) {
    it.effect(`G119: Actor.exit ends an actor also if the actor's ${where === "main" ? "main" : "background"} calls it`, () =>
      Effect.scoped(Effect.gen(function*() {
        yield* Journal.fresh
        const shop = yield* until(1000)(Actor.startScoped(Shop))
        const held = yield* Effect.forkChild(Effect.flip(shop.run(hold())))
        const waiting = yield* Effect.forkChild(shop.wait)
        yield* settle
        strings[where]()
        yield* pass(200)
        assert.deepInclude(yield* Fiber.join(held), { _tag: "ContextCancelled", reason })
        assert.deepInclude(yield* Fiber.join(waiting), { _tag: "Returned" })
      })).pipe(drained, Effect.provide(MemoryActor.layer)))
  }

  it.effect("G119: Actor.exit is a defect in a root, and explains how a root ends", () =>
    Effect.gen(function*() {
      const defect = yield* Effect.flip(Effect.catchDefect(Actor.exit(), Effect.fail))
      assert.match(String(defect), /a root ends as its program does/)
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("G119: Actor.exit ends a Service from layerTest, which runs in the caller's process, with the exit Returned", () =>
    Effect.scoped(Effect.gen(function*() {
      yield* Journal.fresh
      const shop = Context.get(yield* Layer.build(Shop.layerTest(shopHandlers)), Shop)
      const held = yield* Effect.forkChild(Effect.flip(shop.run(hold())))
      const waiting = yield* Effect.forkChild(shop.wait)
      yield* settle
      const asking = yield* Effect.forkChild(Effect.flip(shop.run(close({ reason: "sold out" }))))
      yield* pass(200)
      for (const call of [asking, held]) {
        assert.deepInclude(yield* Fiber.join(call), { _tag: "ContextCancelled", reason: "sold out", ending: true })
      }
      assert.deepStrictEqual(yield* Fiber.join(waiting), { _tag: "Returned", cleanup: [] })
      assert.deepInclude(yield* Effect.flip(shop.run(greet())), { _tag: "ChannelClosed", side: "peer" })
    })).pipe(drained))
})
