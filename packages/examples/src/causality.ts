/**
 * The parent of this example starts an actor for one answer and waits, and the actor has ended when the answer has
 * arrived.
 *
 * Concurrent calls of this example return their answers in the order of the calls, whichever actor is ready first.
 *
 * Prints:
 *
 *     parent: I ask an actor and wait
 *     parent: the answer is 42, from a process below me: true
 *     parent: actors left below me: 0
 *     parent: three actors at once, answers in the order of the questions: 9, 4, 1
 *     parent: actors left below me: 0
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** An endpoint that returns the product of two numbers, and the pid of the process that started the actor. */
export const multiply = Actor.fn("multiply", {
  module: import.meta.url,
  payload: { a: Schema.Int, b: Schema.Int },
  success: Schema.Struct({ product: Schema.Int, parent: Schema.Int })
})(({ a, b }) => Effect.succeed({ product: a * b, parent: process.ppid }))

/** An endpoint whose answer takes longer for a larger number. */
export const slowSquare = Actor.fn("slowSquare", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int
})(({ n }) => Effect.delay(Effect.succeed(n * n), `${n * 50} millis`))

const showChildren = Effect.flatMap(
  Actor.statistics,
  ({ children }) => Console.log(`parent: actors left below me: ${children.length}`)
)

NodeActor.runMain(Effect.gen(function*() {
  yield* Console.log("parent: I ask an actor and wait")
  const { parent, product } = yield* Actor.runInActor(multiply({ a: 6, b: 7 }))
  yield* Console.log(`parent: the answer is ${product}, from a process below me: ${parent === process.pid}`)
  yield* showChildren

  const squares = yield* Effect.forEach([3, 2, 1], (n) => Actor.runInActor(slowSquare({ n })), {
    concurrency: "unbounded"
  })
  yield* Console.log(`parent: three actors at once, answers in the order of the questions: ${squares.join(", ")}`)
  yield* showChildren
}))
