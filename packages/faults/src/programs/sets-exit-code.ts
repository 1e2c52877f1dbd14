/** A program reports the result of a check through process.exitCode, although its main Effect succeeds. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const check = Actor.fn("check", { module: import.meta.url, success: Schema.Int })(() => Effect.succeed(2))

NodeActor.runMain(Effect.gen(function*() {
  if ((yield* Actor.runInActor(check())) > 0) process.exitCode = 5
}))
