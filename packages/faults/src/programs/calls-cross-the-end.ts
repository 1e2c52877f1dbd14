/** Many fibers that call an actor in a loop while its owner ends it. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

export const square = Actor.fn("square", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int
})(({ n }) => Effect.succeed(n * n))

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const worker = yield* Actor.start("worker", { expose: [square] })
  let answered = 0
  // A call that is refused, because the actor is ending, is made again.
  const loop = worker.run(square({ n: 3 })).pipe(
    Effect.tap(() => Effect.sync(() => answered++)),
    Effect.retry({ while: ({ _tag }) => _tag === "ContextCancelled" }),
    Effect.forever,
    Effect.flip
  )
  const fibers = yield* Effect.forEach(Array.from({ length: 96 }), () => Effect.forkChild(loop))
  while (answered < 1_000) yield* Effect.sleep("5 millis")
  yield* worker.cancel("closing time")
  const heard = (yield* Effect.forEach(fibers, Fiber.join)).map(({ _tag }) => _tag)
  yield* Console.log(`${heard.length} calls ended, lost: ${heard.filter((tag) => tag === "ActorLost").length}`)
  yield* Console.log(`it ended: ${(yield* worker.wait)._tag}`)
})))
