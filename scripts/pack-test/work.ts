/** The endpoints that the actors of the test programs serve. */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class DividedByZero extends Schema.TaggedError<DividedByZero>()("DividedByZero", { a: Schema.Number }) {}

export const divide = Actor.fn("divide", {
  module: import.meta.url,
  payload: { a: Schema.Number, b: Schema.Number },
  success: Schema.Number,
  error: DividedByZero
})(({ a, b }) => b === 0 ? Effect.fail(new DividedByZero({ a })) : Effect.succeed(a / b))

export const count = Actor.stream("count", {
  module: import.meta.url,
  payload: { to: Schema.Int },
  success: Schema.Int
})(({ to }) => Stream.range(1, to))

export const echo = Actor.dialog("echo", { module: import.meta.url, input: Schema.String, output: Schema.String })(
  Effect.fnUntraced(function*(_, dialog) {
    const stream = yield* Effect.orDie(dialog.started())
    yield* Effect.orDie(Stream.runForEach(stream.toStream, (text) => stream.send(text.toUpperCase())))
  })
)

export const add = Actor.endpoint("add", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int })

export class Adder extends Actor.Service<Adder>()("Adder", { module: import.meta.url, endpoints: [add] }) {}

export default Adder.serve({ add: ({ a, b }) => Effect.succeed(a + b) })
