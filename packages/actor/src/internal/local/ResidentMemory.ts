/**
 * Lets a parent ask its child actor for the resident memory of the child's process.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Call, endpoint } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import type { Handler } from "../dialog/Dispatcher.ts"

const memory = endpoint("furrow/memory", { success: Schema.NullOr(Schema.Finite) })

/**
 * Asks an actor for its resident memory in bytes; the answer is null when the actor's platform cannot measure the
 * memory.
 */
export const ask: Call<AnyEndpoint> = memory(undefined)

interface Measurable {
  readonly process?: { readonly memoryUsage?: { readonly rss?: () => number } }
}

export const handlerIn = (context: Context.Context<never>): readonly [string, Handler] => [memory.endpoint.name, {
  endpoint: memory.endpoint,
  context,
  handler: () => Effect.sync(() => (globalThis as Measurable).process?.memoryUsage?.rss?.() ?? null)
}]
