/** Readers of one stream that come, read, are interrupted and go, at random, held against what each may see. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, type Dialog } from "@furrow/actor"
import { Arbitrary, Schema } from "effect"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { tell } from "./semantics/fixtures/talks.ts"
import { inMemory } from "./support/InMemory.ts"
import { pass } from "./support/Time.ts"

const count = 40

const Reader = Schema.Struct({
  kind: Schema.Literals(["subscribe", "subscribe", "subscribe", "toStream", "receive", "receiveNow"]),
  capacity: Schema.Literals([1, 2, 8]),
  /** When it comes, and after how long it is interrupted, in milliseconds. */
  at: Schema.Literals([0, 1, 2, 5, 10, 20]),
  patience: Schema.Literals([1, 3, 10, 30, 100]),
  takes: Schema.Literals([0, 1, 3, 100]),
  pause: Schema.Literals([0, 0, 1, 3]),
  /** Whether its Scope lives on when its stream has ended. */
  stays: Schema.Boolean
})
type Reader = typeof Reader.Type

type Talk = Dialog.MsgStream<number, number, unknown>

const read = (stream: Talk, reader: Reader, seen: Array<number>): Effect.Effect<void, unknown> => {
  const { capacity, kind, pause, stays, takes } = reader
  const take = (n: number) =>
    Effect.andThen(Effect.sync(() => seen.push(n)), pause > 0 ? Effect.sleep(pause) : Effect.void)
  const through = (of: Stream.Stream<number, unknown>) =>
    Effect.andThen(Stream.runForEach(Stream.take(of, takes), take), stays ? Effect.never : Effect.void)
  const again = (one: Effect.Effect<unknown, unknown>) =>
    Effect.forEach(Array.from({ length: takes }), () => one, { discard: true })
  switch (kind) {
    case "subscribe":
      return Effect.scoped(Effect.flatMap(stream.subscribe({ capacity }), through))
    case "toStream":
      return through(stream.toStream)
    case "receive":
      return again(Effect.tap(stream.receive, take))
    case "receiveNow":
      return again(Effect.flatMap(stream.receiveNow, (one) => Option.isSome(one) ? take(one.value) : Effect.sleep(1)))
  }
}

/** Time passes millisecond by millisecond: what happens in one has settled before the next. */
const ticking = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let millis = 0; millis < 5000 && fiber.pollUnsafe() === undefined; millis++) yield* pass(1, 1)
    return fiber.pollUnsafe() === undefined ? yield* Effect.die(new Error("somebody hangs")) : yield* Fiber.join(fiber)
  })

const ended = Effect.catchIf((error: unknown) => Cause.isDone(error), () => Effect.void)

describe("Readers of one stream", () => {
  it.effect.prop(
    "G50, G51: each reader of a stream gets every item in order, without a gap, while other readers come and go",
    {
      readers: Arbitrary.array(Arbitrary.schema(Reader), { minLength: 2, maxLength: 6 }),
      every: Arbitrary.schema(Schema.Literals([0, 1]))
    },
    ({ every, readers }) =>
      inMemory(
        Actor.nursery(Effect.gen(function*() {
          const bob = yield* Actor.start("bob", { expose: [tell] })
          const all = readers.map(() => [] as Array<number>)
          const rest: Array<number> = []
          yield* bob.open(tell({ count, every }), ({ stream }) =>
            Effect.gen(function*() {
              const fibers = yield* Effect.forEach(readers, (reader, i) =>
                Effect.forkChild(
                  Effect.delay(Effect.timeoutOption(ended(read(stream, reader, all[i]!)), reader.patience), reader.at)
                ))
              yield* Fiber.awaitAll(fibers)
              yield* ended(Effect.forever(Effect.tap(stream.receive, (n) => Effect.sync(() => rest.push(n)))))
            }))
          const given = new Set([...all.flat(), ...rest])
          for (const [i, seen] of [...all, rest].entries()) {
            for (let at = 1; at < seen.length; at++) {
              assert.isAbove(seen[at]!, seen[at - 1]!, `${i}: ${seen.join(" ")}`)
              if (readers[i]?.kind === "subscribe") {
                assert.strictEqual(seen[at], seen[at - 1]! + 1, `${i}: ${seen.join(" ")}`)
              }
            }
          }
          assert.strictEqual(given.size, count, JSON.stringify({ all, rest }))
        })).pipe(ticking)
      ),
    { arbitrary: { runs: 25 }, timeout: 60_000 }
  )
})
