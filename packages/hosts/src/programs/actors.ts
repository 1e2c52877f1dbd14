/** The endpoints of an actor that a tree on another host calls. */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

/** An endpoint that halves a number, and fails with a typed error for odd numbers. */
export const half = Actor.fn("half", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Odd
})(({ n }) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))

/** A stream that counts up to a given number. */
export const count = Actor.stream("count", {
  module: import.meta.url,
  payload: { to: Schema.Int },
  success: Schema.Int
})(({ to }) => Stream.range(1, to))

/** An endless stream that emits a number every 100 ms. */
export const tick = Actor.stream("tick", { module: import.meta.url, success: Schema.Int })(() =>
  Stream.map(Stream.tick("100 millis"), () => 1)
)

/**
 * An endpoint whose calls never end by themselves. The handler of the endless call `hang` prints its time and label
 * when it begins, and when its finalizer has run.
 */
export const hang = Actor.fn("hang", { module: import.meta.url, payload: { label: Schema.String } })(({ label }) =>
  Effect.andThen(Effect.sync(() => console.log(`${Date.now()} hangs ${label}`)), Effect.never).pipe(
    // The finalizer of an endless call takes 200 ms, so that the test notices a caller that does not wait for the
    // finalizer.
    Effect.onInterrupt(() =>
      Effect.delay(Effect.sync(() => console.log(`${Date.now()} interrupted ${label}`)), "200 millis")
    )
  )
)
