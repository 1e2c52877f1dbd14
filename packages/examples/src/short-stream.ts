/**
 * In this example a reader that leaves a stream early ends the stream's producer in the producer's own process.
 *
 * The stream `ticks` of this example never ends by itself. The reader of the stream `ticks` takes three items and
 * leaves. When the reader of the stream `ticks` goes on, the producer's finalizer has already run in the actor. The
 * actor of this example's producer lives on, and can still be asked about the producer.
 *
 * Prints:
 *
 *     reader: took 1, 2, 3 and left
 *     the actor: opened, finalized
 *     reader: failed with Enough, and left
 *     the actor: opened, finalized, opened, finalized
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** The events that this process has recorded; every actor records its own events. */
const diary: Array<string> = []
const note = (line: string) => Effect.sync(() => void diary.push(line))

export const ticks = Actor.stream("ticks", {
  module: import.meta.url,
  success: Schema.Int
})(() =>
  Stream.iterate(1, (n) => n + 1).pipe(
    Stream.onStart(note("opened")),
    Stream.ensuring(note("finalized"))
  )
)

export const readDiary = Actor.fn("readDiary", {
  module: import.meta.url,
  success: Schema.Array(Schema.String)
})(() => Effect.sync(() => diary))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const clock = yield* Actor.start("clock", { expose: [ticks, readDiary] })
  const showDiary = Effect.flatMap(
    clock.run(readDiary()),
    (lines) => Console.log(`the actor: ${lines.join(", ")}`)
  )

  const taken = yield* clock.stream(ticks()).pipe(Stream.take(3), Stream.runCollect)
  yield* Console.log(`reader: took ${taken.join(", ")} and left`)
  yield* showDiary

  const error = yield* clock.stream(ticks()).pipe(
    Stream.mapEffect((n) => n < 1000 ? Effect.succeed(n) : Effect.fail("Enough")),
    Stream.runDrain,
    Effect.flip
  )
  yield* Console.log(`reader: failed with ${error}, and left`)
  yield* showDiary
})))
