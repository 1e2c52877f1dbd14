/**
 * References to actors: how a reference is sent in a payload, and how a portal is opened with a reference. Within a
 * tree every actor can open a portal to every actor to which it has a reference, and call only the endpoints that this
 * actor exposes.
 *
 * A portal that was opened with a reference is borrowed: it is usable as long as its Scope is open, and owns nothing.
 * The method `cancel` of a borrowed portal asks the actor to end, without the power to kill it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { type ActorError, ActorUnreachable } from "../errors/ActorError.ts"
import { connect } from "../local/Borrow.ts"
import { current as currentLocal, type LocalActor } from "../local/LocalActor.ts"
import { openPortal } from "../local/Role.ts"
import * as Portal from "../portal/Portal.ts"
import { type ActorRef, type ActorRefData, ActorRefData as RefSchema } from "../settings/ActorRef.ts"
import type { ActorRuntime } from "../settings/ActorRuntime.ts"
import type { AnyServiceClass, SelfOf } from "./Service.ts"

export type { ActorRef } from "../settings/ActorRef.ts"

/**
 * A list of definitions or contracts; a portal or reference with this list leads to an actor that exposes all their
 * endpoints.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Exposed = ReadonlyArray<{ readonly endpoint: AnyEndpoint; readonly module?: string | undefined }>

/**
 * The kind of actor to which a reference or portal must lead: an actor of the given Service, or an actor that exposes
 * the given definitions.
 */
export type Expected = AnyServiceClass | Exposed

export const isExposed = (expected: Expected): expected is Exposed => Array.isArray(expected)

/** Returns the field `exposed` of a reference, which lists the given definitions as exposed. */
const listed = (exposed: Exposed): ActorRefData["exposed"] =>
  exposed.map(({ endpoint, module }) => ({ name: endpoint.name, module: module ?? null }))

/**
 * Describes the endpoints or the Service that an actor lacks; `undefined` when the actor lacks none of the expected
 * endpoints.
 */
export const mismatch = (ref: ActorRefData, expected: Expected): string | undefined => {
  if (!isExposed(expected)) {
    return ref.service === expected.key
      ? undefined
      : `it is ${ref.service === null ? "no Service" : `the Service "${ref.service}"`}, not "${expected.key}"`
  }
  const missing = expected.filter(({ endpoint, module }) =>
    !ref.exposed.some((there) =>
      there.name === endpoint.name && (there.module === null || module === undefined || there.module === module)
    )
  )
  return missing.length === 0
    ? undefined
    : `it does not expose ${missing.map(({ endpoint }) => endpoint.name).join(", ")}, but ${
      ref.exposed.map(({ name }) => name).join(", ") || "nothing"
    }`
}

/**
 * The schema of references to actors that expose `X`. A call with a reference to an actor that does not expose `X` does
 * not compile.
 *
 * @category models
 * @since 0.1.0
 */
export interface RefOf<X> extends Schema.Codec<ActorRef<X>, typeof RefSchema.Encoded> {
  readonly "~type.make": ActorRef<X>
  readonly "~type.make.in": ActorRef<X>
}

/**
 * The schema of a reference to an actor, for contracts that send references. The sender refuses, as an invalid payload,
 * a reference to an actor that is not the expected Service or does not expose the expected definitions.
 *
 * @example
 * ```ts
 * export const tell = Actor.fn("tell", {
 *   module: import.meta.url, payload: { whom: Actor.ref([audit]) }, success: Schema.String
 * })(({ whom }) => Actor.orDie(Effect.flatMap(Actor.portal(whom), (peer) => peer.run(audit({ what: "hello" })))))
 *
 * const ledger = yield* Actor.start("ledger", { expose: [audit] })
 * yield* Actor.runInActor(tell({ whom: ledger.ref })) // "noted: hello"
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const ref: {
  <S extends AnyServiceClass>(service: S): RefOf<SelfOf<S>>
  <const X extends Exposed>(exposed: X): RefOf<X[number]>
} = (expected: Expected): RefOf<any> =>
  RefSchema.check(Schema.makeFilter((value) => mismatch(value, expected))) as RefOf<any>

/**
 * Opens a portal to the actor behind a reference, as long as the Scope is open. One connection serves all portals
 * between two actors.
 *
 * The function `Actor.portal` fails with `ActorUnreachable`, which names the reason, within `Timeouts.connect`
 * (default: 5 seconds).
 *
 * @example
 * ```ts
 * const same = yield* Actor.portal(frank.ref)
 * yield* same.run(isPrime({ n: 7 })) // true
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const portal = <X>(
  ref: ActorRef<X>
): Effect.Effect<Portal.Portal<X>, ActorError, ActorRuntime | Scope.Scope> =>
  Effect.gen(function*() {
    return (yield* openPortal(yield* currentLocal, ref, yield* Effect.scope)) as Portal.Portal<X>
  })

/**
 * Makes a reference to the calling actor, which another actor can use to open a portal back to the calling actor. A
 * reference that claims definitions or a Service that the calling actor does not serve is a defect.
 *
 * @example
 * ```ts
 * export const work = Actor.fn("work", {
 *   module: import.meta.url, payload: { answerTo: Actor.ref([audit]) }, success: Schema.String
 * })(({ answerTo }) =>
 *   Actor.orDie(Effect.flatMap(Actor.portal(answerTo), (boss) => boss.run(audit({ what: "done" })))))
 *
 * const me = yield* Actor.self([audit])
 * yield* Actor.runInActor(work({ answerTo: me })) // "noted: done"
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const self: {
  <S extends AnyServiceClass>(service: S): Effect.Effect<ActorRef<SelfOf<S>>, never, ActorRuntime>
  <const X extends Exposed>(exposed: X): Effect.Effect<ActorRef<X[number]>, never, ActorRuntime>
} = (expected: Expected): Effect.Effect<any, never, ActorRuntime> =>
  Effect.flatMap(currentLocal, (local) => {
    const { info, path, reach, service } = local
    if (reach === undefined) {
      return Effect.die(new Error("handlers that run in another process have no reference"))
    }
    const exposed = isExposed(expected)
      ? listed(expected)
      : expected.endpoints.map(({ name }) => ({ name, module: null }))
    const served = Array.from(local.handlers.keys(), (name) => ({ name, module: null }))
    // A reference of an actor to itself is not checked while the actor's layers are built, because the actor serves no
    // endpoint yet.
    const known = served.length === 0 && isExposed(expected) ? exposed : served
    const problem = mismatch({ actor: info.id, path, service: service ?? null, exposed: known }, expected)
    return problem === undefined
      ? Effect.succeed({ actor: info.id, path, service: service ?? null, exposed })
      : Effect.die(new Error(`${info.name} has no such reference to itself: ${problem}`))
  })

/**
 * Opens a portal to the parent of the calling actor, for the endpoints that the parent exposes. `Actor.parent` fails
 * with `ActorUnreachable` in a root, which has no parent.
 *
 * The method `cancel` of a portal to the parent is a defect: a parent outlives its children, so a child cannot end its
 * parent.
 *
 * @example
 * ```ts
 * export const work = Actor.fn("work", { module: import.meta.url, success: Schema.String })(() =>
 *   Actor.orDie(Effect.flatMap(Actor.parent([audit]), (parent) => parent.run(audit({ what: "started" })))))
 *
 * yield* Actor.runInActor(work()) // "noted: started"
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const parent = <const X extends Exposed>(
  expose: X
): Effect.Effect<Portal.Portal<X[number]>, ActorError, ActorRuntime> =>
  Effect.flatMap(currentLocal, (local) => {
    const channel = local.parent
    const actor = local.info.ancestors.at(-1)
    if (channel === undefined || actor === undefined) {
      return Effect.fail(
        new ActorUnreachable({
          actor: null,
          target: "the parent",
          why: "none",
          reason: "this actor is the root and has none; call what a parent exposes from an actor it started"
        })
      )
    }
    return Effect.succeed(above(local, channel, local.path.slice(0, -1), expose))
  })

/**
 * Opens a portal to the root of the tree, for the endpoints in `NodeActor.runMain(program, { expose: [...] })`.
 * `Actor.root` fails with `ActorUnreachable` in the root itself.
 *
 * @example
 * ```ts
 * export const work = Actor.fn("work", { module: import.meta.url, success: Schema.String })(() =>
 *   Actor.orDie(Effect.flatMap(Actor.root([audit]), (root) => root.run(audit({ what: "started" })))))
 *
 * yield* Actor.runInActor(work()) // "noted: started"
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const root = <const X extends Exposed>(
  expose: X
): Effect.Effect<Portal.Portal<X[number]>, ActorError, ActorRuntime> =>
  Effect.flatMap(currentLocal, (local) => {
    const [actor] = local.info.ancestors
    if (actor === undefined) {
      return Effect.fail(
        new ActorUnreachable({
          actor: null,
          target: "the root",
          why: "none",
          reason: "this actor is the root: run the call directly"
        })
      )
    }
    const path = [actor.uuid]
    return Effect.map(
      Effect.mapError(connect(local, { actor, path, service: null, exposed: [] }), ({ error }) => error),
      (channel) => above(local, channel, path, expose)
    )
  })

/**
 * Makes a portal to an actor above the calling actor in the tree. A portal to an actor above the calling actor needs no
 * release, because that actor lives longer than the calling actor.
 */
const above = (
  local: LocalActor,
  channel: PeerChannel,
  path: ReadonlyArray<string>,
  expose: Exposed
): Portal.Portal<any> => {
  const actor = local.info.ancestors[path.length - 1]!
  return Portal.make({
    channel,
    env: local.env,
    actor,
    ref: { actor, path, service: null, exposed: listed(expose) },
    exposed: new Map(expose.map(({ endpoint }) => [endpoint.name, undefined])),
    cancel: () => Effect.die(new Error("an actor cannot cancel its parent: a parent outlives its children")),
    wait: Effect.never
  })
}
