/**
 * A module that a spare loads to rehearse the start of an actor: one endpoint, with the imports that most modules of
 * programs have. The module imports only public modules of Furrow, as a module of a program does.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * The endpoint that a spare loads when it rehearses the start of an actor; the function of the endpoint is never
 * called.
 */
export const rehearsed = Actor.fn("rehearsed", {
  module: import.meta.url,
  payload: { text: Schema.String },
  success: Schema.Struct({ count: Schema.Number })
})(({ text }) => Effect.succeed({ count: text.length }))
