/**
 * The endpoint of a chain of actors: each actor starts the next one below it, and the deepest actor waits to be
 * cancelled.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** A stream that sends one item when the deepest actor of the chain runs, and does not end before it is cancelled. */
export const levels: Actor.StreamFn<any, never> = Actor.stream("levels", {
  module: import.meta.url,
  payload: { below: Schema.Int },
  success: Schema.Int
})(({ below }) =>
  below === 0
    ? Stream.concat(Stream.succeed(0), Stream.never)
    : Stream.orDie(
      Stream.unwrap(Effect.map(
        Actor.startScoped(`level ${below}`, { expose: [levels] }),
        (next) =>
          next.stream(levels({ below: below - 1 }) as never) as unknown as Stream.Stream<number, Actor.ActorError>
      ))
    )
) as never
