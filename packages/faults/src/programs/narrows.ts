/**
 * A reader has a narrower schema than its stream, and one item of a batch does not match the reader's schema.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const mixed = Actor.dialog("mixed", {
  module: import.meta.url,
  output: Schema.Union([Schema.Int, Schema.String])
})(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* dialog.started()
  yield* stream.sendAll([1, 2, "three", 4, 5])
  yield* stream.end
}, Actor.orDie))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const peer = yield* Actor.start("peer", { expose: [mixed] })
  yield* peer.open(mixed(), (dialog) =>
    Effect.scoped(Effect.gen(function*() {
      const numbers = yield* dialog.stream.narrow(Schema.Int)
      const told = (error: object) => Console.log("_tag" in error ? error._tag : "end")
      yield* Effect.catch(Stream.runForEach(numbers.toStream, (n) => Console.log(n)), told)
      yield* Console.log(yield* numbers.receive)
      yield* Console.log(yield* numbers.receive)
    })))
})))
