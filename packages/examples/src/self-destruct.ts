/**
 * The tree of processes in this example destroys itself: every actor starts two more actors, three levels deep, and one
 * leaf fails. The typed error of the failing leaf climbs to the root, and ends every actor on its way. The root of this
 * example goes on when all actors below it have ended.
 *
 * The failing leaf of this example waits until all actors of the tree are ready. The error of the failing leaf names
 * every process that the leaf has seen. The root of this example then looks for the named processes in the operating
 * system's list.
 *
 * Prints:
 *
 *     the tree stands: 14 actors, 3 levels
 *     a leaf failed and told the root: Withered
 *     actors below the root now: 0
 *     processes of the tree still alive: 0
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { actorsBelow, isAlive } from "./processes.ts"

const levels = 3
const size = 2 + 4 + 8

export class Withered extends Schema.TaggedError<Withered>()("Withered", { seen: Schema.Array(Schema.Int) }) {}

const leaf = (doomed: boolean) =>
  Effect.gen(function*() {
    if (!doomed) return yield* Effect.never
    const { ancestors } = yield* Actor.current
    const root = ancestors[0]!.pid
    while (true) {
      const seen = actorsBelow(root)
      if (seen.length === size) return yield* new Withered({ seen })
      yield* Effect.sleep("20 millis")
    }
  })

const branch = (level: number, doomed: boolean) =>
  Actor.nursery(Effect.gen(function*() {
    yield* Actor.forkInActor(grow({ level: level + 1, doomed }))
    yield* Actor.forkInActor(grow({ level: level + 1, doomed: false }))
  }))

// The handler of `grow` calls `grow` itself, so the type of the endpoint has to be written down.
export const grow = Actor.fn("grow", {
  module: import.meta.url,
  payload: { level: Schema.Int, doomed: Schema.Boolean },
  error: Withered
})(({ doomed, level }): Effect.Effect<void, Withered, Actor.ActorRuntime> =>
  (level === levels ? leaf(doomed) : branch(level, doomed)).pipe(
    // The endpoint `grow` declares only the error `Withered`, so its handler turns errors of Furrow's runtime into
    // defects.
    Effect.catchIf(Actor.isActorError, Effect.die)
  )
)

NodeActor.runMain(Effect.gen(function*() {
  const error = yield* Effect.flip(branch(0, true))
  if (error._tag !== "Withered") return yield* error
  yield* Console.log(`the tree stands: ${error.seen.length} actors, ${levels} levels`)
  yield* Console.log(`a leaf failed and told the root: ${error._tag}`)
  yield* Console.log(`actors below the root now: ${actorsBelow(process.pid).length}`)
  const alive = error.seen.filter(isAlive)
  yield* Console.log(`processes of the tree still alive: ${alive.length}`)
  if (alive.length > 0) return yield* Effect.die(new Error(`still alive: ${alive.join(", ")}`))
}))
