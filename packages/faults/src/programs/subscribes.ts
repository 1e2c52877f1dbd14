/**
 * A subscriber takes one item and leaves, and another subscriber stays in its Scope: no reader may lose an item or wait
 * for another reader.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const relay = Actor.dialog("relay", {
  module: import.meta.url,
  output: Schema.Int,
  success: Schema.Array(Schema.Int)
})(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* dialog.started()
  yield* stream.sendAll(Array.from({ length: 200 }, (_, i) => i + 1))
  yield* stream.end
  return []
}, Actor.orDie))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const peer = yield* Actor.start("peer", { expose: [relay] })
  yield* peer.open(
    relay(),
    Effect.fnUntraced(function*(dialog) {
      const first = yield* Effect.scoped(
        Effect.flatMap(dialog.stream.subscribe(), (items) => Stream.runCollect(Stream.take(items, 1)))
      )
      yield* Console.log(`the first reader: ${first.join(" ")}`)
      yield* Console.log(`the next item: ${yield* dialog.stream.receive}`)
      yield* Effect.scoped(Effect.gen(function*() {
        const ended = yield* dialog.stream.subscribe()
        const three = yield* Stream.runCollect(Stream.take(ended, 3))
        yield* Console.log(`a reader with enough, in a Scope that lives on: ${three.join(" ")}`)
        const rest = yield* Stream.runCollect(dialog.stream.toStream)
        yield* Console.log(`all the others: ${rest.at(0)} to ${rest.at(-1)}, ${rest.length} items`)
      }))
    })
  )
})))
