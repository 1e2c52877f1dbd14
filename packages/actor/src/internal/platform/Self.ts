/**
 * The context reference by which a Layer of the platform reads for which actor it is being built.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ActorInfo } from "../settings/ActorRuntime.ts"

const none: ActorInfo = { id: { name: "none", uuid: "", pid: 0 }, name: "none", ancestors: [], isRoot: true }

/**
 * The identity of the actor whose platform is being built. The runtime sets this context reference to the actor whose
 * platform it builds.
 */
export const Self: Context.Reference<ActorInfo> = Context.Reference<ActorInfo>("@furrow/actor/Ambient/Self", {
  defaultValue: () => none
})

/**
 * The actor for which an ambient Layer is being built. An ambient Layer can read the context reference `self`, to set
 * other values in the actors of one subsystem than in all other actors. While no Layer of a platform is being built,
 * the context reference `self` names an actor called `none`.
 *
 * @example
 * ```ts
 * const Levels = Layer.effect(
 *   References.MinimumLogLevel,
 *   Effect.map(Ambient.self, ({ name }) => name.startsWith("db") ? "Debug" as const : "Info" as const)
 * )
 * const { name } = yield* Ambient.self
 * name // "none"
 * ```
 * @category observing
 * @since 0.2.0
 */
export const self: Effect.Effect<ActorInfo> = Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(Self)))
