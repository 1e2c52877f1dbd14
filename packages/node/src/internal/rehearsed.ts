/**
 * The module of a rehearsed start: an actor of one function, as programs write it, and what most modules import.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { rehearsedName } from "./rehearsedName.ts"

/** It is called by nothing. */
export const rehearsed = Actor.fn(rehearsedName, {
  module: import.meta.url,
  payload: { text: Schema.String },
  success: Schema.Struct({ count: Schema.Number })
})(({ text }) => Effect.succeed({ count: text.length }))
