/**
 * The implementation of a Service as a value that a module exports; an actor finds this value and builds the Service's
 * handlers from it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import type * as RpcEndpoints from "../contract/RpcEndpoints.ts"
import * as Settings from "../contract/Settings.ts"
import type { BoundHandlers, Handler } from "../dialog/Dispatcher.ts"
import { current, type LocalActor } from "../local/LocalActor.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import { definitionOf } from "../settings/Definitions.ts"
import { outside } from "../settings/Turn.ts"
import { Escalation } from "../supervision/Escalation.ts"
import * as Background from "./Background.ts"
import * as RpcServing from "./RpcServing.ts"

type AnyHandlers = Readonly<Record<string, (payload: any, dialog?: any) => unknown>>

/**
 * The implementation of a Service: its handlers or an Effect that makes them, a main, and a Layer for handlers and
 * main. The implementation of a Service with an RpcGroup is the Layer of the group's handlers.
 */
export interface Implementation {
  readonly build: AnyHandlers | Effect.Effect<AnyHandlers, unknown, never> | undefined
  readonly layer: Layer.Layer<never, unknown, never> | undefined
  readonly rpc: Layer.Layer<never, unknown, never> | undefined
  readonly main?: Effect.Effect<unknown, unknown, never> | undefined
}

/** The built implementation of a Service: the handlers of the actor, and its main, if the Service has a main. */
export interface Built {
  readonly handlers: BoundHandlers
  readonly main: Effect.Effect<unknown, unknown> | undefined
}

/** The class of a Service with its internal fields. */
export interface AnyService {
  readonly key: string
  readonly module: string
  readonly endpoints: ReadonlyArray<AnyEndpoint>
  /** The schema of the settings that each start of the Service supplies; `undefined` for a Service without settings. */
  readonly "~settings": AnyEndpoint | undefined
  /** The RpcGroup that is the contract of the Service; absent for a Service with endpoints. */
  readonly group?: RpcEndpoints.Group | undefined
  readonly uses: ReadonlyArray<{ readonly key: string; readonly endpoints: ReadonlyArray<AnyEndpoint> }>
}

/** An implemented Service with its internal fields. */
export interface ServedInside {
  readonly "~furrow/Served": () => never
  readonly key: string
  /** The class of the implemented Service, with its endpoints and the Services that it uses. */
  readonly service: () => AnyService
  /** Loads the function that makes the implementation of a Service from the settings of the Service's start. */
  readonly load: () => Promise<(settings: any) => Implementation>
}

export const isServed = (u: unknown): u is ServedInside => typeof u === "object" && u !== null && "~furrow/Served" in u

/** Finds the implementation of a Service in a module; throws an error that names the mistake if the module has none. */
export const find = (module: string, exported: Readonly<Record<string, unknown>>, key: string): ServedInside => {
  const made = definitionOf({ kind: "service", module, name: key })
  if (made !== undefined) return made as ServedInside
  const all = new Set(Object.values(exported).filter(isServed))
  const found = [...all].filter((served) => served.key === key)
  if (found.length === 1) return found[0]!
  if (found.length > 1) throw new Error(`${module} serves "${key}" ${found.length} times: keep one of them`)
  const others = [...all].map((served) => `"${served.key}"`)
  throw new Error(
    `${module} does not serve "${key}": ` +
      (others.length > 0
        ? `it serves ${others.join(", ")}. `
        : "default" in exported
        ? "its default export is not the result of `serve`. "
        : "it exports no implementation. ") +
      `Write \`export default ${key}.serve(...)\` there, or \`Actor.serveFrom(${key}, () => import(...))\``
  )
}

/**
 * Ends the actor when a supervisor in its layers ends: a failure counts as a failed main, and an orderly shutdown as
 * `Actor.exit`.
 */
const escalation = (local: LocalActor) => (exit: Exit.Exit<void, unknown>): void => {
  if (Exit.isFailure(exit)) local.fail?.(Cause.squash(exit.cause))
  else local.exit?.("its supervisor has shut down")
}

/**
 * Builds the handlers of a Service once, in the actor of the Service. The handlers of the Service live as long as the
 * Scope. The argument `config` holds the settings with which the Service was started.
 */
export const build = (
  served: ServedInside,
  config: Uint8Array | null
): Effect.Effect<Built, unknown, ActorRuntime | Scope.Scope> =>
  Effect.gen(function*() {
    const service = served.service()
    const { endpoints, "~settings": settings } = service
    const implementation = yield* Effect.orDie(outside(() => served.load()))
    const { build, layer, main, rpc } = implementation(Settings.decode(settings, config))
    const given = (yield* Effect.context<never>()) as Context.Context<never>
    const opened = Background.open(yield* Effect.scope, yield* current, given)
    const base = Context.mergeAll(
      given,
      Context.make(Scope.Scope, opened.scope),
      Context.make(Escalation, escalation(yield* current))
    ) as Context.Context<never>
    const built = (layer: Layer.Layer<never, unknown, never> | undefined) =>
      layer === undefined ? Effect.succeed(Context.empty()) : Effect.provideContext(opened.build(layer), base)
    if (rpc !== undefined) {
      const provided = (yield* built(rpc)) as Context.Context<never>
      return { handlers: yield* RpcServing.handlersOf(served.key, service.group, provided, base), main: undefined }
    }
    const services = yield* built(layer)
    const context = Context.merge(base, services) as Context.Context<never>
    const handlers = Effect.isEffect(build) ? yield* Effect.provideContext(build, context) : build!
    const bound = new Map(endpoints.map((endpoint): [string, Handler] => {
      const handler = handlers[endpoint.name]
      if (handler === undefined) throw new Error(`"${served.key}" has no handler for ${endpoint.name}`)
      return [endpoint.name, { endpoint, handler, context }]
    }))
    return {
      handlers: bound,
      main: main && Effect.provideContext(Background.scoped(main, yield* current, given), context)
    }
  })
