/**
 * Tests flow control between processes: a slow reader slows its writer, memory stays flat, and a full stream delays no
 * cancel.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Dialog } from "@furrow/actor"
import { Actor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { isPrime } from "./fixtures/arithmetic.ts"
import { deaf, gush, held, memory, pages, ping, pour, progress, spin, swallow, Told } from "./fixtures/flows.ts"
import { batches, counting, echo } from "./fixtures/talks.ts"
import { evidence, timed, withActors } from "./support.ts"

const expose = [
  pour,
  gush,
  deaf,
  memory,
  progress,
  ping,
  pages,
  swallow,
  spin,
  counting,
  batches,
  echo,
  isPrime
] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E>(body: (bob: Portal, file: string) => Effect.Effect<A, E, Actor.ActorRuntime>) =>
  withActors(Effect.gen(function*() {
    const file = yield* evidence
    return yield* Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), (bob) => body(bob, file)))
  }))

const MiB = 1024 * 1024
const block = 64 * 1024
/** The number of items, more than any test reads. */
const endless = 1_000_000_000
/**
 * The bytes that may be on their way in a window of 1 MiB, at both ends, with room for items that are being encoded or
 * decoded.
 */
const bound = 8 * MiB

/** Watches the memory of both processes, which may exceed the first sample only by the window. */
const watch = (bob: Portal) =>
  Effect.gen(function*() {
    const before = { here: held(), there: yield* bob.run(memory()) }
    const growth = { here: 0, there: 0, rss: 0 }
    const sample = Effect.gen(function*() {
      const here = held()
      const there = yield* bob.run(memory())
      growth.here = Math.max(growth.here, here.used - before.here.used)
      growth.there = Math.max(growth.there, there.used - before.there.used)
      growth.rss = Math.max(growth.rss, there.rss - before.there.rss)
      return there.made
    })
    const check = Effect.map(sample, () => {
      assert.isBelow(growth.here, bound, "held by the reader")
      assert.isBelow(growth.there, bound, "held by the writer")
      assert.isBelow(growth.rss, 160 * MiB, "size of the writer's process")
    })
    return { sample, check }
  })

/** Waits until the writer makes no further items, and returns their number. */
const stopped = (made: Effect.Effect<number, Actor.ActorError>) => {
  let last = -1
  let same = 0
  return Eventually.succeeds(Effect.map(made, (now) => {
    same = now === last ? same + 1 : 0
    last = now
    assert.isAbove(same, 5, `still writing: ${now}`)
    return now
  }))
}

/** Returns the time of a round trip, the slowest of several. */
const roundTrip = (bob: Portal) =>
  Effect.gen(function*() {
    let slowest = 0
    for (let i = 0; i < 20; i++) slowest = Math.max(slowest, (yield* timed(bob.run(ping())))[1])
    return slowest
  })
/** The bound is generous, because the host may be busy; a call that is delayed by the stream would wait for ever. */
const soon = (trip: number) => 20 * trip + 2000

describe("The memory of streams and dialogs does not grow with the number of items", () => {
  for (
    const [what, size, items] of [["2.1 million small items", 0, 2_100_000], [
      "1500 blocks of 64 KiB",
      block,
      1500
    ]] as const
  ) {
    /** Reads the whole stream, and samples the memory of both processes ten times in between. */
    const read = <E>(bob: Portal, stream: Stream.Stream<unknown, E>) =>
      Effect.gen(function*() {
        // A part of the stream is read first, because both sides keep the memory of compiled code.
        yield* Stream.runDrain(bob.stream(pour({ items: Math.floor(items / 50), size })))
        const { check, sample } = yield* watch(bob)
        let seen = 0
        yield* Stream.runForEachArray(stream, (chunk) => {
          const tenth = Math.floor(seen / (items / 10))
          seen += chunk.length
          return Math.floor(seen / (items / 10)) > tenth ? sample : Effect.void
        })
        assert.strictEqual(seen, items)
        yield* check
      })

    it.live(`memory stays flat while a long stream is read (a stream of ${what})`, () =>
      withBob((bob) => read(bob, bob.stream(pour({ items, size })))))

    it.live(`memory stays flat while the messages of a long dialog are read (a dialog of ${what})`, () =>
      withBob((bob) =>
        bob.open(gush({ items, size }), ({ result, stream }) =>
          Effect.gen(function*() {
            yield* read(bob, stream.toStream)
            assert.strictEqual(yield* result, items)
          }))
      ))
  }

  for (const [what, size, window] of [["numbers", 0, 1024], ["blocks of 64 KiB", block, 16]] as const) {
    it.live(`memory stays flat after a reader has paused, because the writer stops when the window is used up (a stream of ${what})`, () =>
      withBob((bob) =>
        bob.open(gush({ items: endless, size }), ({ cancel, stream }) =>
          Effect.gen(function*() {
            const { check } = yield* watch(bob)
            const made = yield* stopped(bob.run(progress()))
            // The items of the window, and the chunk that the writer is sending.
            assert.isAtMost(made, size === 0 ? 2 * window : window + 1)
            yield* check
            // The writer goes on when items are read, and no further than the window.
            for (let n = 0; n < 2 * window; n++) yield* stream.receive
            const more = yield* stopped(bob.run(progress()))
            assert.isAbove(more, made)
            assert.isAtMost(more, size === 0 ? 4 * window : 3 * window + 1)
            yield* check
            yield* cancel()
          }))
      ))

    it.live(`memory stays flat while a reader is slow, because the writer is at most one window ahead (a stream of ${what})`, () =>
      withBob((bob) =>
        Effect.gen(function*() {
          const { check, sample } = yield* watch(bob)
          let seen = 0
          const rounds = 12
          yield* bob.stream(pour({ items: endless, size })).pipe(
            Stream.rechunk(window),
            Stream.take(rounds * window),
            Stream.runForEachArray(Effect.fnUntraced(function*(chunk) {
              seen += chunk.length
              yield* Effect.sleep(10)
              // Memory may hold the items on their way, those that the reader has decoded, and those of the writer.
              assert.isAtMost(yield* sample, seen + 3 * window)
            }))
          )
          assert.strictEqual(seen, rounds * window)
          yield* check
        })
      ))
  }

  it.live("memory stays flat while an actor does not read the messages of its dialog", () =>
    withBob((bob) =>
      bob.open(deaf(), ({ cancel, stream }) =>
        Effect.gen(function*() {
          const { check } = yield* watch(bob)
          let sent = 0
          const writer = yield* Effect.forkChild(Effect.exit(Effect.forever(
            Effect.tap(Effect.suspend(() => stream.send(new Uint8Array(block))), () => Effect.sync(() => ++sent))
          )))
          const made = yield* stopped(Effect.map(bob.run(progress()), () => sent))
          assert.isAbove(made, 8)
          assert.isAtMost(made, 16)
          yield* check
          yield* cancel("never read")
          assert.isTrue(Exit.isFailure(yield* Fiber.join(writer)))
        }))
    ))
})

describe("a stream of large items and many large calls hold only a few items in memory at a time", () => {
  for (
    const [what, small, largest] of [["64 items of 16 MiB", 0, 16], [
      "pages of 2 MiB behind small items",
      3,
      2
    ]] as const
  ) {
    it.live(`G85: a writer of large items whose reader has read three items holds only two items in memory, and frees them at the end (it sends ${what})`, () =>
      withBob((bob) =>
        Effect.gen(function*() {
          const before = yield* bob.run(memory())
          let during = 0
          yield* bob.stream(pages({ small })).pipe(
            Stream.drop(small),
            Stream.take(3),
            Stream.runForEach(() =>
              Effect.map(bob.run(memory()), ({ used }) => {
                during = Math.max(during, used - before.used)
              })
            )
          )
          // Memory may hold the page itself, two pages on their way, and the windows.
          assert.isBelow(during, 64 * MiB + 2 * largest * MiB)
          const after = yield* bob.run(memory())
          assert.isBelow(after.used - before.used, bound, "kept by the writer")
        })
      ))
  }

  it.live("G86: 300 calls with 1 MiB each to a busy actor are encoded a few at a time, and all calls are answered", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const bytes = new Uint8Array(MiB)
        yield* bob.run(swallow({ bytes }))
        const before = held()
        const busy = yield* Effect.forkChild(bob.run(spin({ millis: 1000 })))
        yield* Effect.yieldNow
        const calls = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 300 }), () => bob.run(swallow({ bytes })), { concurrency: "unbounded" })
        )
        // A start that is interrupted while it waits leaves no memory behind, and has sent nothing.
        const waits = yield* Effect.forkChild(bob.run(swallow({ bytes })))
        yield* Effect.sleep(100)
        assert.isBelow(held().used - before.used, 32 * MiB)
        yield* Fiber.interrupt(waits)
        assert.isUndefined(busy.pollUnsafe(), "it is still busy")
        assert.deepStrictEqual(new Set(yield* Fiber.join(calls)), new Set([MiB]))
        yield* callable(bob)
      })
    ))
})

describe("A connection of two actors with a full stream carries other words without delay", () => {
  type Gush = Dialog.Dialog<void, string, number | Uint8Array, number, Told>

  /** Runs a dialog whose writer has stopped at the window. Returns its exit, and the time that it took after `go`. */
  const whenFull = (bob: Portal, size: number, go: (dialog: Gush) => Effect.Effect<unknown, Actor.ActorError | Told>) =>
    Effect.gen(function*() {
      const trip = yield* roundTrip(bob)
      let start = 0
      const exit = yield* Effect.exit(bob.open(gush({ items: endless, size }), (dialog) =>
        Effect.gen(function*() {
          yield* stopped(bob.run(progress()))
          start = performance.now()
          return yield* go(dialog)
        })))
      return { exit, trip, millis: performance.now() - start }
    })

  for (const [what, size] of [["numbers", 0], ["blocks of 64 KiB", block]] as const) {
    it.live(`a cancel is not delayed by a stream on the same connection whose credit is used up (a stream of ${what})`, () =>
      withBob((bob) =>
        Effect.gen(function*() {
          const { exit, millis, trip } = yield* whenFull(
            bob,
            size,
            (dialog) => Effect.andThen(dialog.cancel("enough"), dialog.state)
          )
          assert.deepStrictEqual(
            exit,
            Exit.succeed({ state: "cancelled", cancelCalled: true, cancelAcknowledged: true })
          )
          assert.isBelow(millis, soon(trip))
        })
      ))

    it.live(`a message in the opposite direction and an error are not delayed by a stream whose credit is used up (a stream of ${what})`, () =>
      withBob((bob) =>
        Effect.gen(function*() {
          const { exit, millis, trip } = yield* whenFull(bob, size, (dialog) =>
            Effect.andThen(dialog.stream.send("fail"), Effect.never))
          assert.instanceOf(yield* Effect.flip(exit), Told)
          assert.isBelow(millis, soon(trip))
        })
      ))
  }

  it.live("a full stream does not delay a call on the same connection", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        let during = 0
        const { trip } = yield* whenFull(bob, block, (dialog) =>
          Effect.gen(function*() {
            during = yield* roundTrip(bob)
            yield* dialog.cancel()
          }))
        assert.isBelow(during, soon(trip))
      })
    ))
})

const callable = (bob: Portal) =>
  Effect.gen(function*() {
    assert.isTrue(yield* bob.run(isPrime({ n: 7 })))
    assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
  })

describe("A dialog with a window of one message carries all messages", () => {
  it.live("a dialog with a window of one message carries all messages in both directions at the same time", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        const numbers = Array.from({ length: 500 }, (_, n) => n)
        const seen = yield* bob.open(
          echo({ file, first: false, parks: false }),
          ({ stream }) =>
            Effect.gen(function*() {
              yield* Effect.forkChild(Effect.andThen(stream.sendAll(numbers), stream.end))
              return yield* Stream.runCollect(stream.toStream)
            }),
          { window: { items: 1, bytes: 16 } }
        )
        assert.deepStrictEqual(seen, numbers)
        yield* callable(bob)
      })
    ))
})

describe("Subscribers of a stream in one process get the same items", () => {
  it.live("a stream gives 22 subscribers in one process the same items, and ends for all subscribers when the callee ends it", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const { counts, result } = yield* bob.open(counting(), ({ result, stream }) =>
          Effect.scoped(Effect.gen(function*() {
            const readers = yield* Effect.all(Array.from({ length: 22 }, () =>
              stream.subscribe()))
            const all = yield* Deferred.make<void>()
            let ready = 0
            const count = (items: Stream.Stream<number, Actor.ActorError>) =>
              Effect.gen(function*() {
                let seen = 0
                yield* Stream.runForEach(items, () =>
                  ++seen === 200 && ++ready === 22 ? Deferred.succeed(all, undefined) : Effect.void)
                return seen
              })
            const fibers = yield* Effect.forEach(readers, (items) =>
              Effect.forkChild(count(items)))
            yield* Deferred.await(all)
            yield* stream.send("done")
            const counts = yield* Effect.forEach(fibers, Fiber.join)
            return { counts, result: yield* result }
          })))
        assert.strictEqual(new Set(counts).size, 1)
        assert.strictEqual(counts[0], result.sent)
        assert.strictEqual(result.late, "ChannelClosed (local)")
        yield* callable(bob)
      })
    ))
})

describe("A dialog with a slow reader waits under the overflow policy wait, and fails under the policy error", () => {
  const sizes = { batches: 2, size: 10 }
  type Side = "opener" | "responder"

  /** The policies of the slow side: `wait` waits for the reader, and `error` fails the reader. */
  const run = (bob: Portal, slow: Side, allowed: ReadonlyArray<Side>, parks: boolean) => {
    const overflow = (side: Side) => allowed.includes(side) ? "wait" as const : "error" as const
    const window = (side: Side) => slow === side ? 1 : sizes.size
    const call = batches({
      ...sizes,
      parks,
      slow: slow === "responder",
      window: window("responder"),
      overflow: overflow("responder")
    })
    return bob.open(
      call,
      Effect.fnUntraced(function*({ cancel, result, stream }) {
        const seen: Array<number> = []
        for (let batch = 0; batch < sizes.batches; batch++) {
          for (let n = 0; n < sizes.size; n++) yield* stream.send(batch * sizes.size + n)
          for (let n = 0; n < sizes.size; n++) {
            if (slow === "opener") yield* Effect.sleep(10)
            seen.push(yield* Effect.orDie(stream.receive))
          }
        }
        if (parks) yield* cancel("read it all")
        return [seen, yield* Effect.exit(result)] as const
      }),
      { window: { items: window("opener") }, overflow: overflow("opener") }
    )
  }

  const allowed: ReadonlyArray<ReadonlyArray<Side>> = [["opener"], ["responder"], [], ["opener", "responder"]]
  for (const slow of ["opener", "responder"] as const) {
    for (const parks of [false, true]) {
      it.live(`a sender with a slow reader waits under the overflow policy "wait", and its dialog fails under "error" (slow: the ${slow}, ended by ${parks ? "a cancel" : "its result"})`, () =>
        withBob((bob) =>
          Effect.gen(function*() {
            for (const sides of allowed) {
              const exit = yield* Effect.exit(run(bob, slow, sides, parks))
              if (sides.includes(slow)) {
                assert(Exit.isSuccess(exit))
                const [seen, result] = exit.value
                assert.deepStrictEqual(seen, Array.from({ length: 20 }, (_, n) => n))
                if (parks) {
                  const error = yield* Effect.flip(result)
                  assert(error._tag === "ContextCancelled" && error.by.pid === process.pid && error.acknowledged)
                } else assert.deepStrictEqual(result, Exit.succeed("yo"))
              } else {
                const error = yield* Effect.flip(exit)
                if (slow === "opener") assert(error._tag === "StreamOverrun" && error.actor.name === "root", error._tag)
                else assert(error._tag === "RemoteActorError" && error.type === "StreamOverrun", error._tag)
              }
              yield* callable(bob)
            }
          })
        ))
    }
  }
})
