/** A program ignores a rejected promise in its actor, under a flag of Node that permits unhandled rejections. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const forget = Actor.fn("forget", { module: import.meta.url })(() =>
  Effect.andThen(Effect.sync(() => void Promise.reject(new Error("left alone"))), Effect.never)
)

NodeActor.runMain(
  Effect.flatMap(Effect.flip(Actor.runInActor(forget())), (error) => Console.log(error.message))
)
