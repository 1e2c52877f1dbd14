/**
 * A sensor sends readings and answers to questions on one stream, so that two conversations share the stream.
 *
 * The sensor of this example sends a reading every few milliseconds. A question to the sensor is sent on the same
 * stream with a number, and its answer comes back between the readings. In this example one fiber reads all items of
 * the sensor's stream, and hands each answer to the fiber that asked.
 *
 * Prints:
 *
 *     answers: 3 degrees are 37.4 °F, 21 degrees are 69.8 °F, 40 degrees are 104 °F
 *     readings came in meanwhile: true
 *     every one in order: true
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Reading = Schema.TaggedStruct("Reading", { n: Schema.Int })
const Answer = Schema.TaggedStruct("Answer", { id: Schema.Int, fahrenheit: Schema.Finite })

export const sensor = Actor.dialog("sensor", {
  module: import.meta.url,
  input: Schema.Struct({ id: Schema.Int, celsius: Schema.Finite }),
  output: Schema.Union([Reading, Answer])
})(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* dialog.started()
  let n = 0
  const read = Effect.forever(Effect.andThen(
    Effect.suspend(() => stream.send({ _tag: "Reading", n: n++ })),
    Effect.sleep("2 millis")
  ))
  const answer = Stream.runForEach(stream.toStream, ({ celsius, id }) =>
    // The sensor of this example delays an answer, and goes on sending readings in the meantime.
    Effect.delay(stream.send({ _tag: "Answer", id, fahrenheit: celsius * 9 / 5 + 32 }), "20 millis"))
  yield* Effect.raceFirst(answer, read)
}, Actor.orDie))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const barn = yield* Actor.start("barn", { expose: [sensor] })
  yield* barn.open(
    sensor(),
    Effect.fnUntraced(function*({ stream }) {
      const readings: Array<number> = []
      const asked = new Map<number, Deferred.Deferred<number>>()

      const hear = Stream.runForEach(stream.toStream, (message) =>
        message._tag === "Reading"
          ? Effect.sync(() => void readings.push(message.n))
          : Deferred.succeed(asked.get(message.id)!, message.fahrenheit))

      const ask = Effect.fnUntraced(function*(celsius: number) {
        const answer = yield* Deferred.make<number>()
        const id = asked.size
        asked.set(id, answer)
        yield* stream.send({ id, celsius })
        return `${celsius} degrees are ${yield* Deferred.await(answer)} °F`
      })

      const answers = yield* Effect.forEach([3, 21, 40], ask, { concurrency: "unbounded" }).pipe(
        Effect.raceFirst(Effect.andThen(hear, Effect.never))
      )
      yield* Console.log(`answers: ${answers.join(", ")}`)
      yield* Console.log(`readings came in meanwhile: ${readings.length > 0}`)
      yield* Console.log(`every one in order: ${readings.every((n, i) => n === i)}`)
      yield* stream.end
    })
  )
})))
