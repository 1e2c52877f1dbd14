/** Endpoints of actors that report the platform on which they run. */
import * as Actor from "@furrow/actor/Actor"
import * as Registry from "@furrow/actor/Registry"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { counts, secrets, Where } from "./wire.js"

export const Place = Schema.Struct({
  pid: Schema.Int,
  where: Schema.String,
  spawnedBy: Schema.String,
  secrets: Schema.Array(Schema.String),
  listened: Schema.Int,
  dialled: Schema.Int,
  spawned: Schema.Int,
  ambient: Schema.Int
})
export type Place = typeof Place.Type

export const here = Effect.map(Where, (where): Place => ({
  pid: process.pid,
  where,
  spawnedBy: process.env["SPAWNED_BY"] ?? "",
  secrets: [...secrets],
  ...counts
}))

/** Returns the name of the actor's place in the tree. */
export const look = Actor.fn("look", { module: import.meta.url, success: Place })(() => here)

/** Finds the other actor by name, in this actor and in a child of its own. Returns the places of all of them. */
export const deep = Actor.fn("deep", {
  module: import.meta.url,
  payload: { other: Schema.String },
  success: Schema.Struct({ child: Place, grandchild: Place, other: Place })
})(({ other }) =>
  Actor.nursery(Effect.gen(function*() {
    const below = yield* Actor.start("grandchild", { expose: [meet, look] })
    const met = yield* below.run(meet({ other }))
    // The child of this actor dials the other actor by itself.
    yield* meet({ other })
    return { child: yield* here, grandchild: yield* below.run(look()), other: met }
  })).pipe(Actor.orDie)
)

/** Finds the other actor by name and asks it for its place. */
export const meet = Actor.fn("meet", {
  module: import.meta.url,
  payload: { other: Schema.String },
  success: Place
})(({ other }) =>
  Effect.scoped(Effect.flatMap(Registry.wait([look], other, { within: "20 seconds" }), (found) => found.run(look())))
    .pipe(Actor.orDie)
)
