/** Calls in a loop while their actor is ended in order: the last one of each hears so, and never of a loss. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answer, pester } from "./fixtures/peering.ts"

const turns = (count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (let n = 0; n < count; n++) await new Promise<void>((resolve) => setImmediate(resolve))
  })

/** Words between peers take a while, so that calls cross the last words of the actor. */
const slow = MemoryActor.layer({
  betweenPeers: (transport) => FaultyTransport.dialling(transport, () => ({ seed: 7, delay: 4 }))
})

describe("The last calls to an ended actor fail with the reason of its end", () => {
  it.live("G78: an owner's calls to an actor that it cancels fail with ContextCancelled during the cancel, or with ChannelClosed after the actor's end", () =>
    Effect.gen(function*() {
      for (let round = 0; round < 12; round++) {
        yield* Actor.nursery(Effect.gen(function*() {
          const frank = yield* Actor.start("frank", { expose: [answer] })
          const calls = yield* Effect.forEach(
            Array.from({ length: 8 }),
            () => Effect.forkChild(Effect.flip(Effect.forever(frank.run(answer({ n: 1 })))))
          )
          yield* turns(round)
          yield* frank.cancel("done for today")
          for (const call of calls) {
            const error = yield* Fiber.join(call)
            if (error._tag === "ContextCancelled") {
              assert.deepStrictEqual([error.by.name, error.reason], ["root", "done for today"])
            } else assert.strictEqual(error._tag === "ChannelClosed" && error.side, "local", error.message)
          }
        }))
      }
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.live("G78: a peer's calls to an actor that is cancelled fail with ContextCancelled during the cancel, or with ChannelClosed after the actor's end", () =>
    Effect.gen(function*() {
      for (let round = 0; round < 12; round++) {
        const said = yield* Actor.nursery(Effect.gen(function*() {
          const left = yield* Actor.start("left", { expose: [pester] })
          const right = yield* Actor.start("right", { expose: [answer] })
          const calls = yield* Effect.forEach(
            Array.from({ length: 8 }),
            () => Effect.forkChild(left.run(pester({ name: "right" })))
          )
          // They are under way.
          yield* turns(20 + round)
          yield* right.cancel("done for today")
          return yield* Effect.forEach(calls, (call) => Fiber.join(call))
        }))
        // A dialog opened on a closed connection has not begun, and no one has cancelled it.
        for (const last of said) assert.include(["cancelled by root: done for today", "ChannelClosed"], last)
      }
    }).pipe(Effect.provide(slow)))
})
