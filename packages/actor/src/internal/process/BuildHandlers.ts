/**
 * Builds the handlers that an actor serves from the definitions of its endpoints. Each layer of the definitions is
 * built once per actor, and provides the services of their handlers.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Implemented } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import type { BoundHandlers, Handler } from "../dialog/Dispatcher.ts"
import { current } from "../local/LocalActor.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import * as Background from "./Background.ts"

/** Returns the error for two endpoints of the same name in `expose`; the check runs before any actor is started. */
export const duplicate = (definitions: ReadonlyArray<Implemented<AnyEndpoint>>): Error | undefined => {
  const seen = new Map<string, Implemented<AnyEndpoint>>()
  for (const definition of definitions) {
    const { endpoint, module } = definition
    const other = seen.get(endpoint.name)
    if (other?.endpoint === endpoint) {
      return new Error(`"${endpoint.name}" stands twice in one \`expose\` (of ${module}): list it once`)
    }
    if (other !== undefined) {
      return new Error(
        `two endpoints named "${endpoint.name}" in one \`expose\` (of ${other.module} and ${module}): ` +
          "an actor finds its endpoints by name; rename one of them"
      )
    }
    seen.set(endpoint.name, definition)
  }
  return undefined
}

/**
 * Builds the layers of an actor's definitions, and binds the handlers to the services of these layers. The layers and
 * handlers of the actor live as long as the Scope.
 */
export const build = (
  definitions: ReadonlyArray<Implemented<AnyEndpoint>>
): Effect.Effect<BoundHandlers, unknown, ActorRuntime | Scope.Scope> =>
  Effect.gen(function*() {
    const error = duplicate(definitions)
    if (error !== undefined) return yield* Effect.die(error)
    const given = yield* Effect.context<ActorRuntime | Scope.Scope>()
    const { build, scope } = Background.open(yield* Effect.scope, yield* current, given)
    const base = Context.add(given, Scope.Scope, scope)
    const handlers = new Map<string, Handler>()
    for (const { endpoint, handler, layer } of definitions) {
      const services = layer === undefined
        ? Context.empty()
        : yield* Effect.provideContext(build(layer as Layer.Layer<never, unknown, ActorRuntime>), base)
      handlers.set(endpoint.name, {
        endpoint,
        handler,
        context: Context.merge(base, services) as Context.Context<never>
      })
    }
    return handlers
  })
