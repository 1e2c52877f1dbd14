/** Sends an actor a string that UTF-8 cannot encode. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const echo = Actor.fn("echo", {
  module: import.meta.url,
  payload: { text: Schema.String },
  success: Schema.String
})(({ text }) => Effect.succeed(text))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const mirror = yield* Actor.start("mirror", { expose: [echo] })
  yield* Console.log(yield* mirror.run(echo({ text: "plough" })))
  const error = yield* Effect.flip(mirror.run(echo({ text: "half: \ud800" })))
  yield* Console.log(`${error._tag}: ${error.message}`)
})))
