/** An actor saves its state at its end, and the root has a finalizer of its own. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const work = Actor.fn("work", { module: import.meta.url })(() =>
  Effect.ensuring(
    Effect.andThen(Effect.sync(() => console.log("working")), Effect.never),
    Effect.andThen(Effect.sleep("300 millis"), Effect.sync(() => console.log("the actor has saved")))
  )
)

NodeActor.runMain(Effect.ensuring(Actor.runInActor(work()), Console.log("the root has ended")))
