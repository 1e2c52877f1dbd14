/** A root whose built-in error classes are frozen, as in hardened programs, loses an actor. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

if (import.meta.main) Object.freeze(Error)

export const crash = Actor.fn("crash", { module: import.meta.url })(() => Effect.sync(() => process.exit(3)))

NodeActor.runMain(Effect.flatMap(
  Effect.flip(Effect.timeout(Actor.runInActor(crash()), "30 seconds")),
  (error) => Console.log(error._tag)
))
