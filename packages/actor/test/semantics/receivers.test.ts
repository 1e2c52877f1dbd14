/** Receivers of payloads that do not match: what becomes of them, for whom, and what is told of it. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, type Dialog, PayloadReceiver } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { collectEvents } from "../support/Events.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { settle, until } from "../support/Time.ts"
import { carelessHears, endless, hears, numbers, picky, pickyEndless, pickyNumbers, utter } from "./fixtures/forged.ts"

const expose = [utter, numbers, endless, hears] as const
type Portal = Actor.Portal<typeof expose[number]>
type Talk = Dialog.MsgStream<string, number>
type Receiver<R = never> = PayloadReceiver.PayloadReceiver<number, string, R>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(
    Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(until(30_000))
  )

/** Reads 1 to `count`, of which the multiples of three do not match, and says what came: items and the tags of failures. */
const uttered = (
  bob: Portal,
  read: (stream: Talk) => Effect.Effect<ReadonlyArray<unknown>, unknown>,
  { count = 7, receiver = PayloadReceiver.drop }: { readonly count?: number; readonly receiver?: Receiver } = {}
) =>
  bob.open(picky({ count, size: count }), ({ result, stream }) =>
    Effect.scoped(Effect.gen(function*() {
      const received = yield* stream.receiving(receiver)
      // All of them are here.
      yield* settle
      const items = yield* read(received)
      const refusals = yield* stream.refusals
      yield* stream.end
      return { items, refusals, heard: yield* result }
    })))

const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  return Cause.isDone(error) ? "Done" : (error as { readonly _tag?: string })._tag ?? (error as Error).message
}

/** Reads until the end, through failures. */
const each = (stream: Talk): Effect.Effect<ReadonlyArray<unknown>> =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    for (;;) {
      const one = tagOf(yield* Effect.exit(stream.receive))
      if (one === "Done") return seen
      seen.push(one)
    }
  })

const piped = (stream: Talk) => Stream.runCollect(stream.toStream)
const subscribed = (stream: Talk) => Effect.scoped(Effect.flatMap(stream.subscribe(), Stream.runCollect))
const now = (stream: Talk) =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    for (let next = yield* Effect.option(stream.receiveNow); Option.isSome(next) && Option.isSome(next.value);) {
      seen.push(next.value.value)
      next = yield* Effect.option(stream.receiveNow)
    }
    return seen
  })

const none = { failed: 0, dropped: 0, repaired: 0, answered: 0, cancelled: 0 }

describe("A receiver decides about each payload that does not match", () => {
  it.effect("G129: a payload that does not match fails its reader alone by default, and the items of its chunk arrive in order", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* uttered(bob, each, { receiver: PayloadReceiver.fail })
      assert.deepStrictEqual(seen.items, [1, 2, "PayloadInvalid", 4, 5, "PayloadInvalid", 7])
      assert.deepStrictEqual(seen.refusals, { ...none, failed: 2 })
    })))

  it.effect("G129: a receiver that decides `drop` drops and counts each item that does not match the schema, however the stream is read", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      for (const read of [each, piped, subscribed, now]) {
        const { items, refusals } = yield* uttered(bob, read)
        assert.deepStrictEqual([items, refusals], [[1, 2, 4, 5, 7], { ...none, dropped: 2 }], read.name)
      }
    })))

  it.effect("G129: a receiver that decides `repair` replaces an invalid item by a fixed item, or by an item made from the sent payload", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const tenfold = PayloadReceiver.make(({ count, error, sent }) => {
        assert.deepStrictEqual([count, error.side, error.part], [1, "callee", "item"])
        return Effect.succeed(PayloadReceiver.repair(10 * (Option.getOrThrow(sent) as number) + 1))
      })
      for (const read of [each, piped, subscribed, now]) {
        const all = yield* uttered(bob, read, { receiver: PayloadReceiver.repair(0 + 1) })
        assert.deepStrictEqual(all.items, [1, 2, 1, 4, 5, 1, 7], read.name)
        const { items, refusals } = yield* uttered(bob, read, { receiver: tenfold })
        assert.deepStrictEqual([items, refusals], [[1, 2, 31, 4, 5, 61, 7], { ...none, repaired: 2 }], read.name)
      }
    })))

  it.effect("G129: a receiver that decides `cancel` for an invalid item cancels the dialog with its reason, and the reader's actor is the author", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const cancel = PayloadReceiver.cancel("no threes")
      for (const receiver of [cancel, PayloadReceiver.make(() => Effect.succeed(cancel))]) {
        const seen = yield* bob.open(
          picky({ count: 7, size: 7 }),
          ({ outcome, stream }) =>
            Effect.scoped(Effect.gen(function*() {
              yield* stream.receiving(receiver)
              const first = [yield* stream.receive, yield* stream.receive]
              const error = yield* Effect.flip(stream.receive)
              assert("_tag" in error && error._tag === "ContextCancelled", String(error))
              assert.deepStrictEqual([error.by.name, error.reason, error.acknowledged], ["root", "no threes", true])
              assert.isTrue(Option.isSome(yield* outcome))
              assert.deepStrictEqual(yield* stream.refusals, { ...none, cancelled: 1 })
              return first
            }))
        )
        assert.deepStrictEqual(seen, [1, 2])
      }
      const line = "0 utter cancelled by root: no threes"
      assert.deepStrictEqual(journal.filter((it) => it.includes("utter")), [line, line])
    })))

  it.effect("G129: the callee's receiver that decides `cancel` for an invalid item cancels the dialog, and the caller gets the reason", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const error = yield* Effect.flip(
        bob.open(
          carelessHears({ how: "cancel" }),
          ({ result, stream }) => Effect.andThen(stream.sendAll([1, 3, 4]), result)
        )
      )
      assert(error._tag === "ContextCancelled", String(error))
      assert.deepStrictEqual([error.by.name, error.reason], ["bob", "no threes"])
      for (const how of ["drop", "repair"] as const) {
        const heard = yield* bob.open(
          carelessHears({ how }),
          ({ result, stream }) => Effect.andThen(stream.sendAll([1, 3, 4]), Effect.andThen(stream.end, result))
        )
        assert.deepStrictEqual(heard, how === "drop" ? [1, 4] : [1, -1, 4])
      }
    })))

  it.effect("G129: an invalid payload of a one-way stream is dropped or repaired, or cancels the stream, as its receiver says", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const read = (receiver?: PayloadReceiver.PayloadReceiver<number, never>) =>
        Effect.map(
          Effect.exit(Stream.runCollect(bob.stream(pickyNumbers({ count: 7 }), { receiver }))),
          (exit) => tagOf(exit)
        )
      assert.strictEqual(yield* read(), "PayloadInvalid")
      assert.deepStrictEqual(yield* read(PayloadReceiver.drop), [1, 2, 4, 5, 7])
      assert.deepStrictEqual(yield* read(PayloadReceiver.repair(1)), [1, 2, 1, 4, 5, 1, 7])
      const error = yield* Effect.flip(
        Stream.runDrain(bob.stream(pickyEndless(), { receiver: PayloadReceiver.cancel("enough") }))
      )
      assert(error._tag === "ContextCancelled", String(error))
      assert.deepStrictEqual([error.by.name, error.reason, error.acknowledged], ["root", "enough", true])
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
      const own = Actor.streamInActor(pickyNumbers({ count: 7 }), { receiver: PayloadReceiver.drop })
      assert.deepStrictEqual(yield* Stream.runCollect(own), [1, 2, 4, 5, 7])
      const ended = yield* Effect.flip(
        Stream.runDrain(Actor.streamInActor(pickyEndless(), { receiver: PayloadReceiver.cancel("enough") }))
      )
      assert(ended._tag === "ContextCancelled" && ended.reason === "enough", String(ended))
      // @ts-expect-error a stream of one way has no way back
      const answering = yield* read(PayloadReceiver.answer("what?"))
      assert.match(String(answering), /one way only/)
    })))
})

describe("A receiver of payloads", () => {
  it.effect("G130: a receiver is in force until its Scope closes, and the innermost receiver decides, also if its decision is `fail`", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* uttered(bob, (stream) =>
        Effect.gen(function*() {
          const seen: Array<unknown> = [yield* stream.receive, yield* stream.receive]
          yield* Effect.scoped(Effect.gen(function*() {
            const inner = yield* stream.receiving(PayloadReceiver.repair(100))
            seen.push(yield* inner.receive, yield* inner.receive, yield* inner.receive)
            yield* Effect.scoped(Effect.gen(function*() {
              yield* stream.receiving(PayloadReceiver.fail)
              seen.push(tagOf(yield* Effect.exit(inner.receive)), yield* inner.receive, yield* inner.receive)
            }))
            seen.push(yield* inner.receive)
          }))
          // The outer one again: it drops.
          return [...seen, ...yield* piped(stream)]
        }), { count: 13 })
      assert.deepStrictEqual(seen.items, [1, 2, 100, 4, 5, "PayloadInvalid", 7, 8, 100, 10, 11, 13])
      assert.deepStrictEqual(seen.refusals, { ...none, failed: 1, dropped: 1, repaired: 2 })
    })))

  it.effect("G130: a receiver also decides about payloads that a narrower schema refuses, and a repair must match that schema", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const Even = Schema.Int.check(Schema.makeFilter((n: number) => n % 2 === 0))
      const seen = yield* uttered(bob, (stream) =>
        Effect.gen(function*() {
          const even = yield* stream.narrow(Even)
          const next = [yield* even.receive, yield* even.receive]
          yield* even.receiving(PayloadReceiver.repair(7))
          const error = yield* Effect.flip(even.receive)
          assert("_tag" in error && error._tag === "PayloadInvalid", String(error))
          assert.deepStrictEqual([error.side, error.part], ["caller", "repair"])
          yield* even.receiving(PayloadReceiver.repair(8))
          return [...next, yield* even.receive, yield* even.receive]
        }).pipe(Effect.scoped))
      // 1 and 3 were dropped, 5 had a wrong repair, 6 a right one, and 7 as well.
      assert.deepStrictEqual(seen.items, [2, 4, 8, 8])
      assert.deepStrictEqual(seen.refusals, { ...none, failed: 1, dropped: 2, repaired: 2 })
    })))

  it.effect("G130: an item that only a narrower schema refused, and about which its receiver never decided, stays unchanged for later readers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const One = Schema.Int.check(Schema.makeFilter((n: number) => n === 1))
      const never = PayloadReceiver.make(() => Effect.never)
      for (const read of [each, subscribed]) {
        const { items, refusals } = yield* uttered(bob, (stream) =>
          Effect.gen(function*() {
            yield* Effect.scoped(Effect.gen(function*() {
              const ones = yield* (yield* stream.narrow(One)).receiving(never)
              assert.strictEqual(yield* ones.receive, 1)
              const reading = yield* Effect.forkChild(ones.receive)
              yield* settle
              yield* Fiber.interrupt(reading)
            }))
            return yield* read(stream)
          }), { count: 4 })
        assert.deepStrictEqual([items, refusals], [[2, 4], { ...none, dropped: 1 }])
      }
    })))

  it.effect("G130: a receiver has the services of the code that sets the receiver", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      class Spare extends Context.Service<Spare, number>()("test/Spare") {}
      const seen = yield* bob.open(picky({ count: 4, size: 4 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const receiver = PayloadReceiver.make(() => Effect.map(Spare, PayloadReceiver.repair))
          const patched = yield* Effect.provideService(stream.receiving(receiver), Spare, 50)
          return yield* Stream.runCollect(patched.toStream)
        })))
      assert.deepStrictEqual(seen, [1, 2, 50, 4])
    })))

  it.effect("G131: a receiver decides once for all readers of a stream, which wait for the decision", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      let asked = 0
      const slow = PayloadReceiver.make(() =>
        Effect.map(Effect.sleep(10), () => PayloadReceiver.repair(++asked === 1 ? 31 : 61))
      )
      const expected = [1, 2, 31, 4, 5, 61, 7]
      const seen = yield* uttered(bob, (stream) =>
        Effect.scoped(Effect.gen(function*() {
          const readers = [yield* stream.subscribe(), yield* stream.subscribe({ capacity: 1 }), stream.toStream]
          return yield* Effect.all(readers.map(Stream.runCollect), { concurrency: "unbounded" })
        })), { receiver: slow })
      assert.deepStrictEqual([seen.items, asked, seen.refusals.repaired], [[expected, expected, expected], 2, 2])
    })))

  it.effect("G131: a receiver decides once about a message that had already come to several readers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const notFour = Schema.Int.check(Schema.makeFilter((n: number) => n !== 4))
      const seen = yield* uttered(bob, (stream) =>
        Effect.scoped(Effect.gen(function*() {
          const ahead = yield* Stream.toPull(yield* stream.subscribe())
          const behind = yield* stream.subscribe()
          for (let n = 0; n < 2; n++) yield* ahead
          yield* settle
          const narrow = yield* stream.narrow(notFour)
          const rest = yield* Effect.all([Effect.exit(Effect.forever(ahead)), Stream.runCollect(behind)], {
            concurrency: "unbounded"
          })
          assert.isTrue(yield* narrow.closed)
          return rest[1]
        })))
      assert.deepStrictEqual([seen.items, seen.refusals.dropped], [[1, 2, 5, 7], 3])
    })))

  it.effect("G131: two fibers that read one stream together get every item once and in order while a receiver decides", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const slow = PayloadReceiver.make(() => Effect.as(Effect.sleep(10), PayloadReceiver.drop))
      const seen = yield* uttered(bob, (stream) =>
        Effect.gen(function*() {
          const items: Array<number> = []
          const read = Effect.ignore(
            Effect.forever(Effect.tap(stream.receive, (n) => Effect.sync(() => items.push(n))))
          )
          yield* Effect.all([read, read], { concurrency: "unbounded" })
          return items
        }), { receiver: slow })
      assert.deepStrictEqual([seen.items, seen.refusals.dropped], [[1, 2, 4, 5, 7], 2])
    })))

  it.effect("G131: a receiver that dies for an item fails the reader's receive once with the defect, and all other items arrive", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const broken = PayloadReceiver.make(() => Effect.die(new Error("out of paper")))
      const thrown = PayloadReceiver.make(() => {
        throw new Error("out of ink")
      })
      const nothing = PayloadReceiver.make(() => Effect.succeed({} as never))
      const seen = yield* Effect.forEach(
        [broken, thrown, nothing],
        (receiver) => uttered(bob, each, { count: 4, receiver })
      )
      assert.deepStrictEqual(seen.slice(0, 2).map(({ items }) => items), [[1, 2, "out of paper", 4], [
        1,
        2,
        "out of ink",
        4
      ]])
      assert.match(String(seen[2]!.items[2]), /answers with a decision/)
      for (const { refusals } of seen) assert.deepStrictEqual(refusals, { ...none, failed: 1 })
    })))

  it.effect("G131: a receiver that is interrupted leaves the payload to the next reader, which asks for a decision again", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      let asked = 0
      const patient = PayloadReceiver.make(() =>
        Effect.suspend(() => ++asked === 1 ? Effect.never : Effect.succeed(PayloadReceiver.repair(31)))
      )
      const seen = yield* uttered(bob, (stream) =>
        Effect.gen(function*() {
          const first = [yield* stream.receive, yield* stream.receive]
          const reading = yield* Effect.forkChild(stream.receive)
          yield* settle
          const waiting = yield* Effect.forkChild(stream.receive)
          yield* settle
          assert.isUndefined(waiting.pollUnsafe())
          yield* Fiber.interrupt(reading)
          return [...first, yield* Fiber.join(waiting), yield* stream.receive]
        }), { count: 4, receiver: patient })
      assert.deepStrictEqual([seen.items, asked, seen.refusals.repaired], [[1, 2, 31, 4], 2, 1])
    })))

  it.effect("G131: a receiver's cancel continues when its reader is interrupted, and the interruption waits for the callee's finalizers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      yield* bob.open(picky({ count: 3, size: 3, cleanup: 100 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          yield* stream.receiving(PayloadReceiver.cancel("no threes"))
          const reading = yield* Effect.forkChild(Stream.runDrain(stream.toStream))
          yield* settle
          yield* Fiber.interrupt(reading)
          assert.include(journal, "100 utter cancelled by root: no threes")
          const error = yield* Effect.flip(stream.receive)
          assert("reason" in error && error.reason === "no threes", String(error))
        })))
    })))

  it.effect("G131: a receiver that reads the stream about which it decides dies, and does not wait for itself", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(picky({ count: 4, size: 4 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const selfish = PayloadReceiver.make(() => Effect.as(Effect.orDie(stream.receive), PayloadReceiver.drop))
          return yield* each(yield* stream.receiving(selfish) as Effect.Effect<any>)
        })))
      assert.deepStrictEqual([seen.length, seen[3]], [4, 4])
      assert.match(String(seen[2]), /reads the stream it decides about/)
    })))
})

describe("the decisions of receivers", () => {
  it.effect("G132: decisions of a receiver are reported in events with the count and no payload, each time the count has doubled", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const events = yield* collectEvents
      yield* uttered(bob, piped, { count: 30 })
      yield* uttered(bob, piped, { count: 4, receiver: PayloadReceiver.repair(1) })
      yield* settle
      const told = events.flatMap((it) => it._tag === "PayloadRefused" ? [it] : [])
      assert.deepStrictEqual(told.map(({ count, fate }) => `${fate} ${count}`), [
        "dropped 1",
        "dropped 2",
        "dropped 4",
        "dropped 8",
        "repaired 1"
      ])
      assert.deepStrictEqual(Object.keys(told[0]!).sort(), ["_tag", "actor", "count", "endpoint", "fate"])
      assert.deepStrictEqual([told[0]!.actor.name, told[0]!.endpoint], ["bob", "utter"])
      assert.deepStrictEqual((yield* bob.statistics).channel.refusals, { ...none, dropped: 10, repaired: 1 })
    })))

  it.effect("G133: a repair that does not match the contract fails its reader, and the error names the side", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const wrong = PayloadReceiver.make(() => Effect.succeed(PayloadReceiver.repair(9)))
      for (const receiver of [PayloadReceiver.repair(9), wrong]) {
        const { items, refusals } = yield* uttered(bob, (stream) =>
          Effect.gen(function*() {
            const items = [yield* stream.receive, yield* stream.receive]
            const error = yield* Effect.flip(stream.receive)
            assert("_tag" in error && error._tag === "PayloadInvalid", String(error))
            assert.deepStrictEqual([error.side, error.part], ["caller", "repair"])
            return [...items, yield* stream.receive]
          }), { count: 4, receiver })
        assert.deepStrictEqual([items, refusals], [[1, 2, 4], { ...none, failed: 1 }])
      }
    })))

  it.effect("G133: an answer of a receiver goes back to the sender, and the reader continues", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const asks = PayloadReceiver.make(({ sent }) =>
        Effect.succeed(PayloadReceiver.answer(`not ${String(Option.getOrThrow(sent))}`))
      )
      for (const read of [each, subscribed]) {
        const { heard, items, refusals } = yield* uttered(bob, read, { receiver: asks })
        assert.deepStrictEqual([items, heard], [[1, 2, 4, 5, 7], ["not 3", "not 6"]])
        assert.deepStrictEqual(refusals, { ...none, answered: 2 })
      }
    })))

  it.effect("G133: an answer of a receiver that cannot be sent fails its reader with the error of the function `send`", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const wrong = PayloadReceiver.answer(7 as unknown as string)
      const { items } = yield* uttered(bob, (stream) =>
        Effect.gen(function*() {
          yield* stream.receiving(wrong)
          const error = yield* Effect.flip(Effect.forever(stream.receive))
          assert(Cause.isDone(error) === false && error._tag === "PayloadInvalid", String(error))
          assert.deepStrictEqual([error.side, error.part], ["caller", "input"])
          yield* stream.receiving(PayloadReceiver.answer("too late"))
          yield* stream.end
          const late = yield* Effect.flip(Effect.forever(stream.receive))
          assert(Cause.isDone(late) === false && late._tag === "ChannelClosed", String(late))
          return [late.side, yield* stream.receive]
        }).pipe(Effect.scoped))
      assert.deepStrictEqual(items, ["local", 7])
    })))

  it.effect("G133: a receiver's answers that find no credit wait and arrive in order, and too many waiting answers fail the reader", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const asks = PayloadReceiver.make(({ sent }) =>
        Effect.succeed(PayloadReceiver.answer(String(Option.getOrThrow(sent))))
      )
      const seen = yield* bob.open(
        picky({ count: 210, size: 210, window: 2 }),
        ({ result, stream }) =>
          Effect.scoped(Effect.gen(function*() {
            yield* stream.receiving(asks)
            const items = yield* each(stream)
            const refusals = yield* stream.refusals
            yield* stream.send("listen")
            yield* stream.end
            return { items, refusals, heard: yield* result }
          }))
      )
      // Seventy do not match: two have credit, 64 wait, and four are too many.
      assert.deepStrictEqual(seen.refusals, { ...none, answered: 66, failed: 4 })
      assert.strictEqual(seen.items.filter((it) => it === "PayloadInvalid").length, 4)
      assert.strictEqual(seen.items.length, 144)
      assert.deepStrictEqual(seen.heard, [...Array.from({ length: 66 }, (_, i) => String(3 * i + 3)), "listen"])
    })))

  it.effect("G134: dropped items give their credit back to the sender, so a window of four never fills", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const read = (size: number) =>
        bob.open(
          utter({ count: 60, size }),
          ({ stream }) =>
            Effect.scoped(Effect.gen(function*() {
              const none = yield* stream.narrow(Schema.Int.check(Schema.makeFilter((n: number) => n === 59)))
              yield* none.receiving(PayloadReceiver.drop)
              return [yield* none.receive, yield* stream.refusals] as const
            })),
          { window: { items: 4 } }
        )
      for (const size of [1, 60]) assert.deepStrictEqual(yield* read(size), [59, { ...none, dropped: 58 }])
    })))
})
