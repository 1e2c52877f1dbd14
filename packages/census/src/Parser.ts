/**
 * The parser of source files, as an Effect service of the census. The Layer of the parser loads a native library, and
 * only the actors of the census provide this Layer. The main program of the census knows the actors' endpoint, but
 * never loads the native library of the parser.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { parseSync } from "oxc-parser"

export class Parser extends Context.Service<Parser, {
  readonly parse: typeof parseSync
  /** The names of the fields that contain other nodes, for each kind of syntax node. */
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
