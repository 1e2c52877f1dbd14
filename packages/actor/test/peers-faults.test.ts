import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Timeouts } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answer, ask, askSafely, hold, numbers, sum } from "./fixtures/peering.ts"

/** A tree whose actors dial each other over connections like these. */
const over = (faults: FaultyTransport.Faults) => {
  const links: Array<FaultyTransport.Link> = []
  const layer = MemoryActor.layer({
    betweenPeers: (transport) => FaultyTransport.dialling(transport, () => faults, (link) => void links.push(link))
  })
  return { layer, links }
}

const exposed = [answer, numbers, hold, ask, askSafely, sum] as const
const two = Effect.all([Actor.start("left", { expose: exposed }), Actor.start("right", { expose: exposed })])

// The faults take turns of the event loop: time is real.
describe("Peers exchange their words without loss and in order over a connection that delays, splits and joins bytes", () => {
  for (const seed of [1, 2, 3]) {
    it.live(`peers over a bad connection lose no words and keep their order, over one connection (seed ${seed})`, () => {
      const { layer, links } = over({ seed, delay: 3, split: 0.3, join: 0.3, stall: 0.3 })
      return Actor.nursery(Effect.gen(function*() {
        const [left, right] = yield* two
        const answers = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, n) => n),
          (n) => n % 2 === 0 ? left.run(ask({ name: "right", n })) : right.run(ask({ name: "left", n })),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(answers, answers.map((_, n) => 2 * n))
        assert.strictEqual(yield* left.run(sum({ name: "right", n: 5000 })), 12_502_500)
        // Both may have dialled at the same moment: one of the two connections was given up.
        assert.isAtMost(links.length, 2)
      })).pipe(Effect.provide(layer))
    })
  }

  it.live("peers whose connection is cut lose each other, and connect again", () => {
    const { layer, links } = over({ seed: 4 })
    return Actor.nursery(Effect.gen(function*() {
      const [left] = yield* two
      const waiting = yield* Effect.forkChild(left.run(askSafely({ name: "right", n: 0 })))
      yield* Eventually.holds("they are connected", () => links.length === 1)
      assert.strictEqual(yield* left.run(ask({ name: "right", n: 1 })), 2)
      links[0]!.cut()
      assert.strictEqual(yield* Fiber.join(waiting), "ActorLost")
      assert.strictEqual(yield* left.run(ask({ name: "right", n: 2 })), 4)
      assert.strictEqual(links.length, 2)
    })).pipe(Effect.provide(layer))
  })

  it.live("peers whose connection passes no bytes wait, hold up no other peer, and continue when it passes bytes again", () => {
    const { layer, links } = over({ seed: 5 })
    return Actor.nursery(Effect.gen(function*() {
      const [left, right] = yield* two
      yield* left.run(ask({ name: "right", n: 1 }))
      links[0]!.hold()
      const waiting = yield* Effect.forkChild(left.run(ask({ name: "right", n: 2 })))
      assert.strictEqual(yield* left.run(answer({ n: 3 })), 6)
      assert.strictEqual(yield* right.run(answer({ n: 4 })), 8)
      assert.isUndefined(waiting.pollUnsafe())
      links[0]!.release()
      assert.strictEqual(yield* Fiber.join(waiting), 4)
    })).pipe(Effect.provide(layer))
  })

  it.live("peers give up, within Timeouts.connect, a connection whose greeting never arrives", () => {
    const { layer, links } = over({ seed: 6, cut: { after: 10, counting: "outgoing", how: "incoming" } })
    return Actor.nursery(Effect.gen(function*() {
      const [left] = yield* two
      const heard = yield* left.run(askSafely({ name: "right", n: 1 }))
      assert.strictEqual(heard, "ActorUnreachable")
      // The first dial, and four more because a greeting that was cut off is dialled again.
      assert.strictEqual(links.length, 5)
      assert.strictEqual(yield* left.run(answer({ n: 3 })), 6)
    })).pipe(
      Timeouts.provide({ connect: 500 }),
      Effect.provide(layer)
    )
  })
})
