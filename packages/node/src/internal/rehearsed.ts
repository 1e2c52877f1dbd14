/**
 * The module of a rehearsed start: an actor of one function, as programs write it, and what most modules import. It is a
 * file of its own, which imports none of the runtime's: they are in a bundle.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** It is called by nothing. */
export const rehearsed = Actor.fn("rehearsed", {
  module: import.meta.url,
  payload: { text: Schema.String },
  success: Schema.Struct({ count: Schema.Number })
})(({ text }) => Effect.succeed({ count: text.length }))
