/** A stream whose contract has no codec: its caller dies of it, and both actors go on. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const items = Actor.stream("items", {
  module: import.meta.url,
  success: Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ b: Schema.Int })])
})(() => Stream.make({ a: 1 }, { b: 2 }))

export const one = Actor.fn("one", { module: import.meta.url, success: Schema.Int })(() => Effect.succeed(1))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const actor = yield* Actor.start("actor", { expose: [items, one] })
  const read = yield* Effect.exit(Stream.runCollect(actor.stream(items())))
  yield* Console.log(`the stream has ended: ${read._tag !== undefined}`)
  yield* Console.log(`the actor answers: ${yield* actor.run(one())}`)
  yield* actor.cancel("done")
  yield* Console.log("the root goes on")
})))
