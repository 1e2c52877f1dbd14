/**
 * An engine holds names for the trees of several processes or hosts, by six operations. Leases, fencing and repeated
 * registration are built on the operations of an engine, once for all engines.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"

/**
 * A fencing token: an engine gives each new holder of a name a larger token than all holders before. A resource that
 * the name protects refuses every token that is smaller than the largest token that the resource has seen. An engine
 * that has lost its data may give out smaller tokens.
 *
 * @category models
 * @since 0.2.0
 */
export type Token = number

/**
 * The lease under which one process holds its keys: all keys of the lease expire `ttlMillis` milliseconds after its
 * last renewal. The `id` of a lease is new for every run of its process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Lease {
  readonly id: string
  readonly ttlMillis: number
}

/**
 * A key that a lease holds.
 *
 * @category models
 * @since 0.2.0
 */
export interface Held {
  readonly key: string
  readonly value: string
  readonly token: Token
  /** The id of the lease that holds the key. */
  readonly lease: string
}

/**
 * The answer to a request for a key: the key is granted, another lease holds it, or the lease of the request has
 * expired.
 *
 * @category models
 * @since 0.2.0
 */
export type Created =
  | { readonly _tag: "Granted"; readonly token: Token }
  | { readonly _tag: "Taken"; readonly by: Held }
  | { readonly _tag: "Expired" }

/**
 * One page of an engine's keys, in the order of the keys. The field `next` is the position of the following page, and
 * is absent on the last page.
 *
 * @category models
 * @since 0.2.0
 */
export interface Page {
  readonly held: ReadonlyArray<Held>
  readonly next: string | undefined
}

/**
 * The engine cannot be reached, or does not answer. The engine may have carried out an operation, although no answer
 * arrived.
 *
 * @example
 * ```ts
 * const error = new Discovery.DiscoveryDriverError({ reason: "connect ECONNREFUSED 127.0.0.1:5432" })
 * error.message // "connect ECONNREFUSED 127.0.0.1:5432"
 * ```
 * @category errors
 * @since 0.2.0
 */
export class DiscoveryDriverError extends Data.TaggedError("DiscoveryDriverError")<{
  readonly reason: string
  /** The thrown value or the failure of the engine, if the engine threw or failed. */
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.reason
  }
}

type Asked<A> = Effect.Effect<A, DiscoveryDriverError>

/**
 * The six operations of an engine. An engine expires leases by its own clock, and answers each question once.
 *
 * @example
 * ```ts
 * const asked = Effect.gen(function*() {
 *   const { create, renew } = yield* Discovery.DiscoveryDriver
 *   const lease = { id: "tree-1", ttlMillis: 15_000 }
 *   yield* renew(lease)
 *   return yield* create("billing", "at home", lease)
 * })
 * yield* Effect.provide(asked, Discovery.layerDriverMemory) // { _tag: "Granted", token: 1 }
 * ```
 * @category services
 * @since 0.2.0
 */
export class DiscoveryDriver extends Context.Service<DiscoveryDriver, {
  /**
   * Holds a key under a lease, if no other lease holds the key; a key that the same lease already holds gets a new
   * token. The lease must exist: `create` begins no lease.
   */
  readonly create: (key: string, value: string, lease: Lease) => Asked<Created>
  /**
   * Renews a lease and its keys. The function `renew` answers false when the lease had expired or never existed, and
   * the lease then begins now, without any key.
   */
  readonly renew: (lease: Lease) => Asked<boolean>
  /** Releases a key, if the key is still held with the given token. */
  readonly remove: (key: string, token: Token) => Asked<void>
  readonly get: (key: string) => Asked<Option.Option<Held>>
  /** Lists the keys that begin with `prefix`, in their order, from the first key behind `after`. */
  readonly list: (prefix: string, after?: string) => Asked<Page>
  /**
   * Gives a hint whenever keys with the given prefix may have changed. An engine may give too many hints and may lose
   * hints, because a hint only makes its reader look at the keys.
   */
  readonly changes: (prefix: string) => Stream.Stream<void, DiscoveryDriverError>
}>()("@furrow/actor/DiscoveryDriver") {}
