/**
 * A stream whose contract has a schema without a codec: the caller of the stream gets a defect that says so, and no
 * actor ends.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class Handle {
  readonly fd = 3
}

/** A schema without a codec, whose fault appears only when the schema is first used. */
const handle = Schema.suspend(() => Schema.instanceOf(Handle))

export const items = Actor.stream("items", { module: import.meta.url, success: handle })(() =>
  Stream.make(new Handle())
)

export const one = Actor.fn("one", { module: import.meta.url, success: Schema.Int })(() => Effect.succeed(1))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const actor = yield* Actor.start("actor", { expose: [items, one] })
  const read = yield* Effect.exit(Stream.runCollect(actor.stream(items())))
  yield* Console.log(`the stream: ${read._tag}`)
  yield* Console.log(`the actor answers: ${yield* actor.run(one())}`)
  yield* actor.cancel("done")
  yield* Console.log("the root goes on")
})))
