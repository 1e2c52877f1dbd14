/**
 * The parser of source files as a service. The layer of this service loads the native library, and only the actors
 * provide it. The main program knows the endpoint, but never loads what the endpoint needs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { parseSync } from "oxc-parser"

export class Parser extends Context.Service<Parser, {
  readonly parse: typeof parseSync
  /** For each kind of syntax node, the fields that contain other nodes. */
  readonly visitorKeys: { readonly [type: string]: ReadonlyArray<string> }
}>()("census/Parser") {
  static readonly layer = Layer.effect(
    Parser,
    Effect.map(Effect.promise(() => import("oxc-parser")), ({ parseSync, visitorKeys }) => ({
      parse: parseSync,
      visitorKeys
    }))
  )
}
