/**
 * Many fibers call an actor in a loop while the actor ends by itself, because the main Effect of the actor has
 * returned.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

const square = Actor.endpoint("square", { payload: { n: Schema.Int }, success: Schema.Int })

export class Squarer extends Actor.Service<Squarer>()("Squarer", { module: import.meta.url, endpoints: [square] }) {}

export default Squarer.serve({ square: ({ n }) => Effect.succeed(n * n) }, { main: Effect.sleep("500 millis") })

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const squarer = yield* Actor.start(Squarer)
  // A call that the ending actor refuses is made again.
  const loop = squarer.run(square({ n: 3 })).pipe(
    Effect.retry({ while: ({ _tag }) => _tag === "ContextCancelled" }),
    Effect.forever,
    Effect.flip
  )
  const fibers = yield* Effect.forEach(Array.from({ length: 96 }), () => Effect.forkChild(loop))
  const heard = (yield* Effect.forEach(fibers, Fiber.join)).map(({ _tag }) => _tag)
  yield* Console.log(`${heard.length} calls ended, lost: ${heard.filter((tag) => tag === "ActorLost").length}`)
  yield* Console.log(`it ended: ${(yield* squarer.wait)._tag}`)
})))
