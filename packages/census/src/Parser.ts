/**
 * The parser as a service. Its layer loads the native library, and only the actors provide it: the main program knows
 * the endpoint, and never loads what the endpoint needs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { parseSync } from "oxc-parser"

export class Parser extends Context.Service<Parser, {
  readonly parse: typeof parseSync
  /** The fields of each kind of node that hold other nodes. */
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
