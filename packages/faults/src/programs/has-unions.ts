/** Sends a union whose members no literal distinguishes, and tries a schema for which no codec exists. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Value = Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ a: Schema.Int, b: Schema.Int })])

export const echo = Actor.fn("echo", { module: import.meta.url, payload: { value: Value }, success: Value })(
  ({ value }) => Effect.succeed(value)
)

class Handle {
  readonly fd = 3
}

const refused = Effect.sync(() => {
  try {
    Actor.endpoint("take", { payload: { handle: Schema.instanceOf(Handle) } })
    return "it is taken"
  } catch (error) {
    return (error as Error).message
  }
})

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const mirror = yield* Actor.start("mirror", { expose: [echo] })
  for (const value of [{ a: 1 }, { a: 1, b: 2 }]) yield* Console.log(yield* mirror.run(echo({ value })))
  yield* Console.log(yield* refused)
})))
