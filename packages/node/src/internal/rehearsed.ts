/**
 * The module that a spare serves in a rehearsed start: an actor of one function, with the imports that most modules of
 * programs have. The rehearsed module is a file of its own that imports nothing from inside the runtime, because the
 * runtime is in a bundle.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The endpoint that a spare serves in a rehearsed start, and whose function is never called. */
export const rehearsed = Actor.fn("rehearsed", {
  module: import.meta.url,
  payload: { text: Schema.String },
  success: Schema.Struct({ count: Schema.Number })
})(({ text }) => Effect.succeed({ count: text.length }))
