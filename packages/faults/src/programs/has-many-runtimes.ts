/** Makes twelve runtimes in one process at the same time, one of them with an actor. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const add = Actor.fn("add", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int
})(({ n }) => Effect.succeed(n + 1))

const nested = (n: number): Effect.Effect<number, unknown> =>
  n === 12
    ? Effect.provide(Actor.runInActor(add({ n: 11 })), NodeActor.layer({ name: "root-12" }))
    : Effect.provide(nested(n + 1), NodeActor.layer({ name: `root-${n}` }))

if (import.meta.main) console.log(`${await Effect.runPromise(nested(1))} runtimes`)
