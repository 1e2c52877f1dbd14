/** Two-way streams (docs/parity.md, section 8). */
import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ticks } from "../fixtures/cancelling.ts"
import { inMemory } from "../support/InMemory.ts"
import * as Journal from "../support/Journal.ts"
import { within } from "../support/Time.ts"
import { fall } from "./fixtures/linked.ts"
import { aggregate, crowd, echo, feed, flash, gush, lump, peek, room, tell } from "./fixtures/talks.ts"

const expose = [echo, feed, flash, gush, lump, peek, room, crowd, tell, aggregate, fall, ticks] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E, R>(body: (bob: Portal) => Effect.Effect<A, E, R>) =>
  inMemory(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)).pipe(within(30_000)))

const errorTag = (exit: Exit.Failure<unknown, unknown>): unknown =>
  (Cause.squash(exit.cause) as { readonly _tag?: string })._tag

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe("A dialog carries a stream of messages in each direction", () => {
  it.effect("a dialog lets one fiber send while another receives, on both sides at the same time", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const heard = yield* bob.open(echo(), ({ stream }) =>
        Effect.map(
          Effect.all([
            Effect.andThen(Effect.forEach(numbers(1, 500), (n) => stream.send(n), { discard: true }), stream.end),
            Stream.runCollect(stream.toStream)
          ], { concurrency: "unbounded" }),
          ([, heard]) => heard
        ))
      assert.deepStrictEqual(heard, numbers(1, 500))
    })))

  it.effect("G28: thousands of messages keep their order, singly and in chunks, however they are read", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const heard = yield* bob.open(echo(), ({ stream }) =>
        Effect.gen(function*() {
          yield* Effect.forkChild(Effect.gen(function*() {
            for (let n = 1; n <= 5000; n += 250) {
              if (n % 500 === 1) yield* stream.sendAll(numbers(n, n + 249))
              else for (const it of numbers(n, n + 249)) yield* stream.send(it)
            }
            yield* stream.end
          }))
          const first = yield* Effect.forEach(numbers(1, 700), () => stream.receive)
          return [...first, ...(yield* Stream.runCollect(stream.toStream))]
        }))
      assert.deepStrictEqual(heard, numbers(1, 5000))
    })))

  it.effect("G48: a direction of a dialog's stream that has ended stays ended", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const result = yield* bob.open(
        echo(),
        Effect.fnUntraced(function*({ result, stream }) {
          yield* stream.send(1)
          yield* stream.end
          yield* stream.end
          for (const send of [stream.send(2), stream.sendAll([2]), Stream.run(Stream.make(2), stream.toSink)]) {
            const error = yield* Effect.flip(send)
            assert(error._tag === "ChannelClosed" && error.side === "local", String(error))
            assert.match(
              error.message,
              /^our half of the stream of echo with bob@\d+ has ended: `end` or `close` was called$/
            )
          }
          assert.deepStrictEqual(yield* Stream.runCollect(stream.toStream), [1])
          assert.deepStrictEqual(yield* Stream.runCollect(stream.toStream), [])
          return yield* result
        })
      )
      assert.strictEqual(result, 1)
    })))

  it.effect("G49: the Effect `receive` of a stream fails with Cause.Done at every run after the end, and the Stream `toStream` just ends", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* bob.open(
        tell({ count: 2, linger: 1000 }),
        Effect.fnUntraced(function*({ stream }) {
          assert.deepStrictEqual(yield* Stream.runCollect(stream.toStream), [1, 2])
          for (let i = 0; i < 3; i++) assert.isTrue(Cause.isDone(yield* Effect.flip(stream.receive)))
          assert.isTrue(Cause.isDone(yield* Effect.flip(stream.receiveNow)))
          assert.isTrue(yield* stream.closed)
          // Our own half is still open.
          yield* stream.send(1)
        })
      )
    })))

  it.effect("G48: the Effect `close` returns the unread items and ends this side's half of a stream, may be repeated, and the callee continues", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const result = yield* bob.open(
        tell({ count: 5, linger: 1000 }),
        Effect.fnUntraced(function*({ result, stream }) {
          assert.strictEqual(yield* stream.receive, 1)
          yield* Effect.sleep(10)
          assert.deepStrictEqual(yield* stream.close, [2, 3, 4, 5])
          assert.deepStrictEqual(yield* stream.close, [])
          assert.isTrue(yield* stream.closed)
          assert.isTrue(Cause.isDone(yield* Effect.flip(stream.receive)))
          const error = yield* Effect.flip(stream.send(1))
          assert(error._tag === "ChannelClosed" && error.side === "local")
          return yield* result
        })
      )
      assert.strictEqual(result, "done")
    })))

  it.effect("G30: a failure of a dialog reaches its readers and writers ahead of unread items, unlike the end of a stream", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const errors = yield* Effect.scoped(Effect.gen(function*() {
        const { stream } = yield* bob.openScoped(gush())
        assert.strictEqual(yield* stream.receive, 1)
        yield* stream.send(7)
        yield* Effect.sleep(10)
        return yield* Effect.all([
          Effect.flip(stream.receive),
          Effect.flip(stream.receiveNow),
          Effect.flip(Stream.runDrain(stream.toStream)),
          Effect.flip(stream.send(1))
        ])
      }))
      for (const error of errors) {
        assert(!Cause.isDone(error) && error._tag === "Told")
        assert.strictEqual(error.n, 7)
      }
    })))

  it.effect("a callee that returns at once ends the dialog for the opener, which reads no item and gets the result", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const result = yield* bob.open(
        flash(),
        Effect.fnUntraced(function*({ result, stream }) {
          yield* Effect.ignore(stream.send(1))
          assert.deepStrictEqual(yield* Stream.runCollect(stream.toStream), [])
          assert.isTrue(Cause.isDone(yield* Effect.flip(stream.receive)))
          return yield* result
        })
      )
      assert.strictEqual(result, "gone")
    })))

  it.effect("a stream whose end is never read causes no failure", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      assert.strictEqual(
        yield* bob.open(tell({ count: 0, linger: 100 }), ({ result, stream }) => Effect.andThen(stream.end, result)),
        "done"
      )
    })))

  it.effect("G51: a reader that is interrupted loses no item, and the next reader continues", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen: Array<number> = []
      yield* bob.open(
        tell({ count: 10, every: 100 }),
        Effect.fnUntraced(function*({ stream }) {
          const reader = Effect.forever(Effect.tap(stream.receive, (n) => Effect.sync(() => void seen.push(n))))
          for (let i = 0; i < 12; i++) {
            const fiber = yield* Effect.forkChild(Effect.ignore(reader))
            yield* Effect.sleep(95)
            yield* Fiber.interrupt(fiber)
          }
        })
      )
      assert.deepStrictEqual(seen, numbers(1, 10))
    })))

  it.effect("the Effect `receiveNow` returns none, a message or the end of a stream, and never waits", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        peek(),
        Effect.fnUntraced(function*({ result, stream }) {
          yield* Effect.sleep(50)
          yield* stream.sendAll([1])
          yield* Effect.sleep(100)
          yield* stream.send(2)
          yield* stream.end
          return yield* result
        })
      )
      assert.deepStrictEqual(seen, ["nothing", "1", "nothing", "2", "end", "true"])
    })))

  it.effect("`closed` of a stream tells whether no more messages can be received", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      yield* bob.open(
        tell({ count: 1, linger: 100 }),
        Effect.fnUntraced(function*({ stream }) {
          yield* Effect.sleep(10)
          assert.isFalse(yield* stream.closed)
          assert.strictEqual(yield* stream.receive, 1)
          assert.isTrue(yield* stream.closed)
        })
      )
    })))

  it.effect("G52: a stream converts to and from Effect's own Stream and Sink", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const sum = yield* bob.open(
        echo(),
        Effect.fnUntraced(function*({ result, stream }) {
          yield* Effect.forkChild(Stream.run(Stream.range(1, 100), stream.toSink))
          const sum = yield* Stream.runFold(stream.toStream, () => 0, (a, n) => a + n)
          return [sum, yield* result]
        })
      )
      assert.deepStrictEqual(sum, [5050, 100])
    })))
})

describe("One stream may have several readers", () => {
  it.effect("G50: every subscriber gets every message in order from its first subscribe on, and receive is one of the readers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const heard = yield* bob.open(tell({ count: 1000 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const readers = yield* Effect.all(Array.from({ length: 10 }, () => stream.subscribe()))
          const own = Stream.fromEffectRepeat(stream.receive).pipe(Stream.catchIf(Cause.isDone, () => Stream.empty))
          return yield* Effect.all([...readers, own].map((it) => Stream.runCollect(it)), { concurrency: "unbounded" })
        })))
      assert.lengthOf(heard, 11)
      for (const items of heard) assert.deepStrictEqual(items, numbers(1, 1000))
    })))

  it.effect("22 readers of one stream count the same items, and all end with the stream", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const counts = yield* bob.open(feed({ every: 10 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const readers = yield* Effect.all(Array.from({ length: 22 }, () => stream.subscribe()))
          yield* Effect.forkChild(Effect.andThen(
            Effect.sleep(500),
            Effect.andThen(stream.send("done"), stream.end)
          ))
          return yield* Effect.all(readers.map(Stream.runCount), { concurrency: "unbounded" })
        })))
      assert.lengthOf(new Set(counts), 1)
      assert.isAbove(counts[0]!, 10)
    })))

  it.effect("G50: a slow reader with the policy `lag` fails once and one with the policy `drop` loses items, and neither holds up other readers", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        tell({ count: 20, every: 10 }),
        ({ stream }) =>
          Effect.scoped(Effect.gen(function*() {
            const quick = yield* stream.subscribe()
            const lagging = yield* stream.subscribe({ policy: "lag", capacity: 4 })
            const dropping = yield* stream.subscribe({ policy: "drop", capacity: 4 })
            const all = yield* Stream.runCollect(quick)
            const told = yield* Effect.flip(Stream.runDrain(lagging))
            return { all, told, dropped: yield* Stream.runCollect(dropping) }
          }))
      )
      assert.deepStrictEqual(seen.all, numbers(1, 20))
      assert(seen.told._tag === "StreamOverrun" && seen.told.actor.name === "root")
      assert.deepStrictEqual(seen.dropped, numbers(17, 20))
    })))

  it.effect("a reader that lagged behind its stream is told of its lost items once, and continues with the oldest item that is kept", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        tell({ count: 20, every: 10, linger: 500 }),
        ({ stream }) =>
          Effect.scoped(Effect.gen(function*() {
            const lagging = yield* stream.subscribe({ policy: "lag", capacity: 4 })
            const pull = yield* Stream.toPull(lagging)
            yield* Effect.sleep(300)
            const told = yield* Effect.flip(pull)
            const rest = yield* Effect.all([pull, pull, pull, pull])
            return [told, rest.flat(), yield* Effect.flip(pull)] as const
          }))
      )
      assert(!Cause.isDone(seen[0]) && seen[0]._tag === "StreamOverrun")
      assert.deepStrictEqual(seen[1], numbers(17, 20))
      assert.isTrue(Cause.isDone(seen[2]))
    })))

  it.effect("a reader with the policy `wait` slows its stream down to its own speed, and no reader loses an item", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(tell({ count: 50 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const quick = yield* stream.subscribe({ capacity: 2 })
          const slow = yield* stream.subscribe({ capacity: 2 })
          return yield* Effect.all([
            Stream.runCollect(quick),
            Stream.runCollect(Stream.tap(slow, () => Effect.sleep(10)))
          ], { concurrency: 2 })
        })))
      assert.deepStrictEqual(seen, [numbers(1, 50), numbers(1, 50)])
    })))

  it.effect("a reader that has stopped reading holds up the other readers of a stream only until its Scope closes", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(tell({ count: 200 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const leaves = yield* Effect.forkChild(Effect.scoped(
            Effect.andThen(stream.subscribe({ capacity: 2 }), Effect.sleep(500))
          ))
          yield* Effect.yieldNow
          const stays = yield* stream.subscribe({ capacity: 2 })
          const seen = yield* Stream.runCollect(stays)
          yield* Fiber.join(leaves)
          return seen
        })))
      // The first message may have been handed out before the second reader came.
      assert.deepStrictEqual(seen.slice(-199), numbers(2, 200))
    })))

  it.effect("G50: a reader that subscribes late begins with the oldest unread message, or with the end", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        tell({ count: 10, every: 10 }),
        ({ stream }) =>
          Effect.scoped(Effect.gen(function*() {
            const first = yield* Stream.toPull(yield* stream.subscribe())
            const read = Effect.forEach(numbers(1, 5), () => first)
            assert.deepStrictEqual((yield* read).flat(), numbers(1, 5))
            yield* Effect.sleep(25)
            const second = yield* stream.subscribe()
            assert.deepStrictEqual((yield* read).flat(), numbers(6, 10))
            const all = yield* Stream.runCollect(second)
            const third = yield* stream.subscribe()
            return [all, yield* Stream.runCollect(third)]
          }))
      )
      assert.deepStrictEqual(seen, [numbers(6, 10), []])
      // The same where all of it came in one chunk.
      const late = yield* bob.open(lump({ count: 5 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const first = yield* Stream.toPull(yield* stream.subscribe())
          assert.deepStrictEqual([...(yield* first), ...(yield* first)], [1, 2])
          return yield* Stream.runCollect(yield* stream.subscribe())
        })))
      assert.deepStrictEqual(late, [3, 4, 5])
    })))

  it.effect("G31, G50: a stream loses no item when a reader comes or goes, and reads nothing ahead when it has no reader", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const heard = yield* bob.open(
        echo(),
        Effect.fnUntraced(function*({ stream }) {
          yield* stream.sendAll([1, 2])
          const one = yield* Effect.scoped(
            Effect.flatMap(stream.subscribe(), (it) => Stream.runCollect(Stream.take(it, 1)))
          )
          assert.deepStrictEqual(one, [1])
          yield* stream.sendAll([3, 4, 5])
          yield* Effect.sleep(10)
          yield* stream.send(6)
          assert.strictEqual(yield* stream.receive, 2)
          const two = yield* Effect.scoped(
            Effect.flatMap(stream.subscribe(), (it) => Stream.runCollect(Stream.take(it, 2)))
          )
          assert.deepStrictEqual(two, [3, 4])
          yield* stream.end
          return yield* Stream.runCollect(stream.toStream)
        })
      )
      assert.deepStrictEqual(heard, [5, 6])
      // The same where all of it came in one chunk.
      const rest = yield* bob.open(lump({ count: 5 }), ({ stream }) =>
        Effect.gen(function*() {
          const first = yield* Effect.scoped(
            Effect.flatMap(stream.subscribe(), (it) => Stream.runCollect(Stream.take(it, 1)))
          )
          return [first, yield* stream.receive, yield* Stream.runCollect(stream.toStream)]
        }))
      assert.deepStrictEqual(rest, [[1], 2, [3, 4, 5]])
    })))

  it.effect("G50: a reader that has seen the end of its stream holds up no other reader while its Scope is open, and reads no further item", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(tell({ count: 500 }), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const brief = yield* stream.subscribe()
          const stays = yield* stream.subscribe()
          const three = yield* Stream.runCollect(Stream.take(brief, 3))
          return [three, yield* Stream.runCollect(stays), yield* Stream.runCollect(brief)]
        })))
      assert.deepStrictEqual(seen, [numbers(1, 3), numbers(1, 500), []])
    })))

  it.effect("G50: the owner of a stream is a reader by its own `receive`, holds up no other reader, and is told once of its lost items", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const [all, told, rest] = yield* bob.open(
        tell({ count: 500, linger: 1000 }),
        ({ stream }) =>
          Effect.scoped(Effect.gen(function*() {
            const other = yield* stream.subscribe()
            const reads = yield* Effect.forkChild(Stream.runCollect(other))
            assert.strictEqual(yield* stream.receive, 1)
            const all = yield* Fiber.join(reads)
            const told = yield* Effect.flip(stream.receive)
            return [all, told, yield* Stream.runCollect(stream.toStream)] as const
          }))
      )
      assert.deepStrictEqual(all, numbers(1, 500))
      assert(!Cause.isDone(told) && told._tag === "StreamOverrun" && told.actor.name === "root", String(told))
      assert.deepStrictEqual(rest, numbers(437, 500))
    })))

  it.effect("G50: a reader that began alone continues beside readers that join later, and leaves when its stream ends", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(
        tell({ count: 100, every: 10 }),
        ({ stream }) =>
          Effect.gen(function*() {
            const plain = yield* Effect.forkChild(Stream.runCollect(Stream.take(stream.toStream, 50)))
            const received = yield* Effect.forkChild(Effect.sleep(5))
            yield* Fiber.join(received)
            yield* Effect.sleep(100)
            const other = yield* Effect.scoped(Effect.flatMap(stream.subscribe(), Stream.runCollect))
            return [yield* Fiber.join(plain), other.at(0), other.at(-1)]
          })
      )
      assert.deepStrictEqual(seen[0], numbers(1, 50))
      assert.isAbove(seen[1] as number, 1)
      assert.strictEqual(seen[2], 100)
    })))

  it.effect("G50: a reader whose Scope closes while it waits ends, even if other readers stay", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(echo(), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const stays = yield* stream.subscribe()
          const reading = yield* Effect.scoped(Effect.gen(function*() {
            const leaves = yield* stream.subscribe()
            const reading = yield* Effect.forkDetach(Stream.runCollect(leaves), { startImmediately: true })
            yield* Effect.sleep(10)
            return reading
          }))
          const left = yield* Fiber.join(reading)
          yield* stream.send(1)
          yield* stream.end
          return [left, yield* Stream.runCollect(stays)]
        })))
      assert.deepStrictEqual(seen, [[], [1]])
    })))

  it.effect("G50: a running reader of `toStream` also gets every item that arrives while other readers are subscribed", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen: Array<number> = []
      yield* bob.open(echo(), ({ stream }) =>
        Effect.gen(function*() {
          yield* stream.send(1)
          const own = yield* Effect.forkChild(
            Stream.runForEach(stream.toStream, (n) => Effect.andThen(Effect.sleep(50), Effect.sync(() => seen.push(n))))
          )
          yield* Effect.sleep(10)
          yield* Effect.scoped(Effect.gen(function*() {
            const brief = yield* stream.subscribe()
            yield* stream.sendAll([2, 3, 4])
            assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(brief, 3)), [2, 3, 4])
          }))
          yield* stream.send(5)
          yield* stream.end
          yield* Fiber.join(own)
        }))
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5])
    })))

  it.effect("G50: the Effect `receiveNow` returns arrived messages even if a subscriber has stopped reading", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const seen = yield* bob.open(echo(), ({ stream }) =>
        Effect.scoped(Effect.gen(function*() {
          const idle = yield* stream.subscribe()
          yield* stream.sendAll([1, 2])
          yield* Effect.sleep(10)
          const now = yield* Effect.all([stream.receiveNow, stream.receiveNow, stream.receiveNow])
          yield* stream.end
          return [now.map(Option.getOrUndefined), yield* Stream.runCollect(idle)]
        })))
      assert.deepStrictEqual(seen, [[1, 2, undefined], [1, 2]])
    })))

  it.effect("G50: every reader of a stream from `narrow` gets the items that match the narrower schema, and PayloadInvalid for each other item", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const notThree = Schema.Int.check(Schema.makeFilter((n: number) => n !== 3))
      const read = (pull: Effect.Effect<unknown, unknown>) =>
        Effect.map(Effect.exit(pull), (exit) => Exit.isSuccess(exit) ? exit.value : errorTag(exit))
      const expected = [1, 2, "PayloadInvalid", 4, 5]
      const five = (pull: Effect.Effect<unknown, unknown>) => Effect.forEach(expected, () => read(pull))
      for (const how of ["receive", "toStream", "subscribe"] as const) {
        const seen = yield* bob.open(
          lump({ count: 5 }),
          Effect.fnUntraced(function*({ stream }) {
            const narrowed = yield* stream.narrow(notThree)
            // All five are here, in one chunk.
            yield* Effect.sleep(10)
            if (how === "receive") return yield* five(narrowed.receive)
            const pull = yield* Stream.toPull(how === "toStream" ? narrowed.toStream : yield* narrowed.subscribe())
            if (how === "subscribe") return (yield* five(pull)).flat()
            return [yield* read(pull), yield* read(pull), yield* read(pull)].flat()
          }, Effect.scoped)
        )
        assert.deepStrictEqual(seen, expected, how)
      }
    })))

  it.effect("a failure of the dialog reaches every reader of its stream", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const errors = yield* Effect.scoped(Effect.gen(function*() {
        const { stream } = yield* bob.openScoped(fall({ when: "after", how: "typed" }))
        const readers = yield* Effect.all([
          stream.subscribe(),
          stream.subscribe(),
          stream.subscribe({ policy: "drop" })
        ])
        return yield* Effect.all(readers.map((it) => Effect.flip(Stream.runDrain(it))), { concurrency: "unbounded" })
      }))
      assert.deepStrictEqual(errors.map((it) => it._tag), ["Refused", "Refused", "Refused"])
    })))
})

describe("Combined streams of dialogs", () => {
  it.effect("a protocol of questions and answers runs on top of the stream of a dialog", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      let pongs = 0
      let ticks = 0
      const end = yield* Effect.timeoutOption(
        bob.open(feed({ every: 10 }), ({ stream }) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sleep(100), stream.send("ping"))))
            yield* Stream.runForEach(stream.toStream, (it) => Effect.sync(() => it === "pong" ? pongs++ : ticks++))
          })),
        2000
      )
      assert.isTrue(Option.isNone(end))
      assert.isAtLeast(pongs, 15)
      assert.isAtLeast(ticks, 30)
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("members of a chat room get every message, and one member can mute another by a message on the stream of its dialog", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const heard = yield* bob.open(
        room({ name: "anna" }),
        (anna) =>
          bob.open(room({ name: "ben" }), (ben) =>
            Effect.gen(function*() {
              yield* ben.stream.send({ _tag: "Say", text: "hi" })
              const first = [yield* anna.stream.receive, yield* ben.stream.receive]
              yield* anna.stream.send({ _tag: "Mute", name: "ben" })
              yield* Effect.sleep(10)
              yield* ben.stream.send({ _tag: "Say", text: "anybody?" })
              yield* ben.stream.receive
              yield* anna.stream.send({ _tag: "Say", text: "me" })
              return [...first, yield* anna.stream.receive, yield* ben.stream.receive, yield* bob.run(crowd())]
            }))
      )
      assert.deepStrictEqual(heard, ["hi", "hi", "me", "me", 2])
      assert.strictEqual(yield* bob.run(crowd()), 0)
    })))

  it.effect("a body that dies while a dialog and a stream are open on one portal stops the dialog and the stream", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const journal = yield* Journal.fresh
      const exit = yield* Effect.exit(bob.open(gush(), ({ stream }) =>
        Effect.gen(function*() {
          yield* Effect.forkChild(Stream.runDrain(bob.stream(ticks({ every: 10, cleanup: 0 }))))
          yield* Effect.sleep(100)
          assert.strictEqual(yield* stream.receive, 1)
          return yield* Effect.die("interrupted by the user")
        })))
      assert.deepStrictEqual(exit, Exit.die("interrupted by the user"))
      assert.match(journal.join(), /stopped after \d+/)
      assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
    })))

  it.effect("an actor merges the streams of two other actors", () =>
    withBob(Effect.fnUntraced(function*(bob) {
      const items = yield* Stream.runCollect(bob.stream(aggregate({ count: 1000 })))
      assert.deepStrictEqual([...items].sort((a, b) => a - b), numbers(0, 999))
    })))
})
