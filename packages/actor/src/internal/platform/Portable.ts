/**
 * Plans of Layers, from which every actor of a tree can build the Layers of its platform. A process cannot send a Layer
 * to another process. A *plan* describes a Layer by data (module, key, settings) and by the function that builds the
 * Layer from the data. An actor imports the module of a plan, finds the plan in the module by kind and key, and builds
 * the same Layer.
 *
 * @since 0.1.0
 */
import { described } from "@furrow/protocol/Described"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { PortableData } from "../contract/PortableData.ts"
import { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import * as Definitions from "../settings/Definitions.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { outside } from "../settings/Turn.ts"

/** The kind of Layer that a plan describes: a transport, a spawner or an ambient Layer. */
export type Kind = "transport" | "spawner" | "ambient"

/** The type of schemas for the settings of a plan: they need no services, and encode to JSON. */
export type Settings = Schema.Codec<any, any>

/**
 * The plan of a Layer: the Layer for this process, and the description from which every other actor builds the same
 * Layer.
 */
export interface Plan<out Layered> {
  readonly key: string
  readonly module: string
  /**
   * The description of a plan as data, which an actor gets from its parent. The settings of a plan are encoded when the
   * description is first needed, so that the definition of a plan never throws.
   */
  readonly data: Effect.Effect<PortableData, RuntimeLayerError>
  readonly layer: Layered
}

/** The value that a module exports so that an actor finds a plan in it. */
export interface Definition<out Layered> {
  readonly "~furrow/Portable": Kind
  readonly key: string
  /** Makes the Layer from the encoded settings of its plan. */
  readonly revive: (settings: string) => Effect.Effect<Layered, unknown>
}

const isDefinition = (u: unknown): u is Definition<unknown> =>
  (typeof u === "object" || typeof u === "function") && u !== null && "~furrow/Portable" in u

export interface PortableOptions<C> {
  /** `import.meta.url` of the file that defines the plan: actors import that file. */
  readonly module: string
  /** The schema of the plan's settings. A plan without a schema of settings has no settings. */
  readonly config?: C
}

/** The encoded settings of a plan without a schema of settings. */
const noSettings = "null"

/**
 * Defines the plan of a Layer. The function `define` returns a plan, or a function from settings to a plan if `define`
 * gets a schema of settings. The module of a Layer must export the result of `define`, because the actors of a tree
 * look for the plan among the module's exports.
 */
export const define = <Layered, Out extends object>(
  kind: Kind,
  key: string,
  { config, module }: PortableOptions<Settings>,
  make: (config: any) => Layered,
  out: (plan: Plan<Layered>) => Out
): Out & Definition<Layered> => {
  const plan = (data: Plan<Layered>["data"], settings: unknown): Out =>
    out({ key, module, data, layer: make(settings) })
  if (config === undefined) {
    const data = Effect.succeed({ module, key, settings: noSettings })
    const revive = () => Effect.sync(() => make(undefined))
    return Definitions.define(
      Object.assign(plan(data, undefined), { "~furrow/Portable": kind, key, revive } as const),
      { kind, module, name: key }
    )
  }
  const text = Schema.fromJsonString(Schema.toCodecJson(config)) as unknown as Schema.Codec<unknown, string>
  const encoded = (settings: unknown) =>
    Effect.suspend(() => Schema.encodeEffect(text)(settings)).pipe(
      Effect.catchDefect(Effect.fail),
      Effect.mapBoth({
        onSuccess: (settings) => ({ module, key, settings }),
        onFailure: (cause) =>
          new RuntimeLayerError({ what: kind, key, module, step: "settings", reason: described(cause), cause })
      })
    )
  const revive = (settings: string) => Effect.map(Schema.decodeEffect(text)(settings), make)
  const maker = (settings: unknown): Out => plan(encoded(settings), settings)
  return Definitions.define(
    Object.assign(maker, { "~furrow/Portable": kind, key, revive } as const),
    { kind, module, name: key }
  ) as unknown as Out & Definition<Layered>
}

/**
 * Builds the service of a Layer in a memo map of its own, so that two runtimes with one Layer share neither sockets nor
 * secrets.
 */
export const build = <I, S, E, R>(
  kind: Kind,
  { key, module }: { readonly key: string; readonly module: string },
  tag: Context.Key<I, S>,
  layer: Layer.Layer<I, E, R>
): Effect.Effect<S, RuntimeLayerError, R | Scope.Scope> =>
  Effect.flatMap(buildContext(kind, { key, module }, layer), (context) => {
    const found = Context.getOption(context as Context.Context<any>, tag as Context.Key<any, S>)
    if (Option.isSome(found)) return Effect.succeed(found.value)
    const reason = `it brings no ${tag.key}: let the Layer that it makes provide one`
    return Effect.fail(new RuntimeLayerError({ what: kind, key, module, step: "layer", reason }))
  })

/**
 * The fraction of `Timeouts.spawn` in which one Layer of the platform must be built, so that an error can name a slow
 * Layer.
 */
const share = 0.75

export const buildContext = <I, E, R>(
  kind: Kind,
  { key, module }: { readonly key: string; readonly module: string },
  layer: Layer.Layer<I, E, R>
): Effect.Effect<Context.Context<I>, RuntimeLayerError, R | Scope.Scope> =>
  Effect.flatMap(Effect.all([Effect.scope, Timeouts]), ([scope, { spawn }]) =>
    Effect.catchCause(
      Effect.timeoutOrElse(Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope), {
        duration: spawn * share,
        orElse: () => Effect.fail(new Error(`it was not built within ${spawn * share} ms: raise Timeouts.spawn`))
      }),
      (cause): Effect.Effect<never, RuntimeLayerError> => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
        const error = Cause.squash(cause)
        return Effect.fail(
          new RuntimeLayerError({ what: kind, key, module, step: "layer", reason: described(error), cause: error })
        )
      }
    ))

/** Imports the module of a plan in an actor, and makes the Layer with the settings that the parent sent. */
export const revive = (
  kind: Kind,
  { key, module, settings }: PortableData,
  importModule: (module: string) => Promise<Record<string, unknown>>
): Effect.Effect<unknown, RuntimeLayerError> => {
  const failed = (step: RuntimeLayerError["step"]) => (cause: unknown) =>
    new RuntimeLayerError({ what: kind, key, module, step, reason: described(cause), cause })
  const search = async () => {
    const exported = await importModule(module)
    return Definitions.definitionOf({ kind, module, name: key }) as Definition<unknown> | undefined ??
      find(kind, key, exported)
  }
  return Effect.flatMap(
    Effect.mapError(outside(search), failed("import")),
    (found) => Effect.mapError(Effect.catchDefect(found.revive(settings), Effect.fail), failed("settings"))
  )
}

const find = (kind: Kind, key: string, exported: Readonly<Record<string, unknown>>): Definition<unknown> => {
  const found = Array.from(new Set(Object.values(exported).filter(isDefinition))).filter((definition) =>
    definition.key === key && definition["~furrow/Portable"] === kind
  )
  if (found.length === 1) return found[0]!
  throw new Error(
    found.length === 0
      ? `it has no ${kind} of that key once it is imported: make it at the top level of that file`
      : `it exports ${found.length} of that key: actors find a ${kind} by its key, so rename one of them`
  )
}
