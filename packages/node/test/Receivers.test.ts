/**
 * Tests payloads that do not match their schema, in both directions between processes, and the decisions of receivers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, PayloadReceiver } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { carelessHears, hears, numbers, pickyNumbers, pickyUtter, utter } from "./fixtures/forged.ts"
import { withActors } from "./support.ts"

const withBob = <A, E>(
  body: (bob: Actor.Portal<typeof utter | typeof numbers | typeof hears>) => Effect.Effect<A, E, Actor.ActorRuntime>
) => withActors(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose: [utter, numbers, hears] }), body)))

describe("Items of another process that do not match the reader's schema go to the receiver", () => {
  it.live("G129: a handler repairs, answers or drops items that do not match its schema, and all other items arrive in order", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const receiver = PayloadReceiver.make(({ sent }) => {
          const n = Option.getOrThrow(sent) as number
          if (n === 3) return Effect.succeed(PayloadReceiver.repair(31))
          return Effect.succeed(n === 6 ? PayloadReceiver.answer("not six") : PayloadReceiver.drop)
        })
        const [items, heard] = yield* bob.open(pickyUtter({ count: 10 }), ({ result, stream }) =>
          Effect.scoped(Effect.gen(function*() {
            const patched = yield* stream.receiving(receiver)
            const items = yield* Stream.runCollect(patched.toStream)
            yield* stream.end
            return [items, yield* result] as const
          })))
        assert.deepStrictEqual([items, heard], [[1, 2, 31, 4, 5, 7, 8, 10], ["not six"]])
        assert.deepStrictEqual((yield* bob.statistics).channel.refusals, {
          failed: 0,
          dropped: 1,
          repaired: 1,
          answered: 1,
          cancelled: 0
        })
      })
    ))

  it.live("G129, G134: a reader of a hundred thousand items drops the refused items without slowing down the producer", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const sum = yield* Stream.runFold(
          bob.stream(pickyNumbers({ count: 100_000 }), { window: { items: 64 }, receiver: PayloadReceiver.drop }),
          () => 0,
          (sum, n) => sum + n
        )
        assert.strictEqual(sum, 100_000 * 100_001 / 2 - 3 * (33_333 * 33_334 / 2))
        assert.strictEqual((yield* bob.statistics).channel.refusals.dropped, 33_333)
        const error = yield* Effect.flip(Stream.runDrain(
          bob.stream(pickyNumbers({ count: 1_000_000_000 }), { receiver: PayloadReceiver.cancel("enough") })
        ))
        assert(error._tag === "ContextCancelled", String(error))
        assert.deepStrictEqual([error.by.name, error.reason, error.acknowledged], ["root", "enough", true])
      })
    ))

  it.live("G129: a receiver in an actor sends an answer for each of two invalid items, and cancels the dialog with a reason at the third", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const read = (numbers: ReadonlyArray<number>) =>
          bob.open(carelessHears(), ({ result, stream }) =>
            Effect.gen(function*() {
              yield* stream.sendAll(numbers)
              yield* stream.end
              const asked = [yield* stream.receive, yield* stream.receive]
              return { asked, ...yield* result }
            }))
        assert.deepStrictEqual(yield* read([1, 3, 4, 6, 7]), { asked: ["3?", "6?"], heard: [1, 4, 7], answered: 2 })
        const error = yield* Effect.flip(read([1, 3, 4, 6, 9]))
        assert(typeof error === "object" && "_tag" in error && error._tag === "ContextCancelled", String(error))
        assert.deepStrictEqual([error.by.name, error.reason], ["bob", "three threes"])
      })
    ))
})
