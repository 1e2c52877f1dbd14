/**
 * Calls that are open during an uncaught error, a defect, and the end of a process: each error must say whether the
 * actor lives on.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const fall = Actor.fn("fall", { module: import.meta.url, payload: { how: Schema.String } })(({ how }) =>
  Effect.andThen(
    Effect.sync(() => {
      if (how === "defect") throw new Error("a bug")
      if (how === "exit") process.exit(3)
      setImmediate(() => {
        throw new Error("nobody caught it")
      })
    }),
    Effect.never
  )
)

const lives = (error: Actor.ActorError): string =>
  error._tag === "RemoteActorError"
    ? `ending: ${error.ending}`
    : error._tag === "ActorLost"
    ? `began: ${error.began}`
    : ""

NodeActor.runMain(
  Effect.forEach(["defect", "uncaught", "exit"], (how) =>
    Effect.scoped(Effect.gen(function*() {
      const actor = yield* Actor.startScoped("actor", { expose: [fall], stderr: "ignore" })
      const error = yield* Effect.flip(actor.run(fall({ how })))
      yield* Console.log(`${how}: ${error._tag} (${lives(error)})`)
      if (how !== "defect") yield* Console.log(`its actor: ${(yield* actor.wait)._tag}`)
    })), { discard: true })
)
