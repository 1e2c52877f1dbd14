/**
 * A feed whose reader changes its subscriptions while it reads: the reader sends new lists of topics on the same
 * stream.
 *
 * The actor of the feed runs two fibers for each reader: one receives new lists of topics, the other publishes prices.
 * When the feed's reader ends its half of the stream, the feed's publishing fiber is interrupted, and the dialog has
 * its result.
 *
 * Prints:
 *
 *     subscribed to wheat: wheat, wheat, wheat
 *     subscribed to oats and rye: oats, rye
 *     the feed heard 2 lists, and has stopped
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const prices = Actor.dialog("prices", {
  module: import.meta.url,
  input: Schema.Array(Schema.String),
  output: Schema.Struct({ topic: Schema.String, cents: Schema.Int }),
  success: Schema.Int
})(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* dialog.started()
  let topics: ReadonlyArray<string> = []
  let lists = 0
  const hear = Stream.runForEach(stream.toStream, (list) =>
    Effect.sync(() => {
      topics = list
      lists++
    }))
  const publish = Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep("5 millis")
    for (const topic of topics) yield* stream.send({ topic, cents: 100 + topic.length })
  }))
  yield* Effect.raceFirst(hear, publish)
  return lists
}, Actor.orDie))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const market = yield* Actor.start("market", { expose: [prices] })
  yield* market.open(
    prices(),
    Effect.fnUntraced(function*({ result, stream }) {
      const topics = Stream.map(stream.toStream, ({ topic }) => topic)

      yield* stream.send(["wheat"])
      const first = yield* Stream.runCollect(Stream.take(topics, 3))
      yield* Console.log(`subscribed to wheat: ${first.join(", ")}`)

      yield* stream.send(["oats", "rye"])
      // Items that the feed sent before the list of topics changed still arrive.
      const second = yield* topics.pipe(
        Stream.dropWhile((topic) => topic === "wheat"),
        Stream.take(10),
        Stream.runCollect
      )
      yield* Console.log(`subscribed to oats and rye: ${[...new Set(second)].join(", ")}`)

      yield* stream.end
      yield* Console.log(`the feed heard ${yield* result} lists, and has stopped`)
    })
  )
})))
