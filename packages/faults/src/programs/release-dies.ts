/**
 * An actor whose layer dies while it is released: the actor's caller must hear of the failure, although the call had
 * succeeded.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const Brittle = Layer.effectDiscard(
  Effect.acquireRelease(Effect.void, () => Effect.promise(() => Promise.reject(new Error("the release broke"))))
)

export const work = Actor.fn("work", { module: import.meta.url, layer: Brittle })(() => Console.log("it works"))

NodeActor.runMain(Effect.flatMap(
  Effect.flip(Actor.runInActor(work())),
  (error) => Console.log(`the caller hears ${error._tag}: ${error.message}`)
))
