/**
 * Publishes names of this process at an engine, as long as the program keeps the Scope open, and follows the names of
 * all processes.
 *
 * The loss of a key, for example after an outage of the engine, fails no work. The name of a lost key is published
 * again when the engine answers, and each follower is told of the change.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Held, Token } from "./Driver.ts"
import { hinted, part } from "./hinted.ts"
import { Leases } from "./Leases.ts"

const keyOf = (name: string) => `publish/${name}`
const nameOf = (key: string) => key.slice(keyOf("").length)

/**
 * A name that a process has published.
 *
 * @category models
 * @since 0.2.0
 */
export interface Published {
  readonly name: string
  readonly value: string
  /** The token of the name: the later a name was published, the larger its token is. */
  readonly token: Token
}

/**
 * A difference between two states of the followed names. The first change that a follower gets is a snapshot, and
 * another snapshot follows each outage of the engine.
 *
 * @category models
 * @since 0.2.0
 */
export type PublishedChange =
  | { readonly _tag: "Snapshot"; readonly published: ReadonlyArray<Published> }
  | { readonly _tag: "Put"; readonly published: Published }
  | { readonly _tag: "Remove"; readonly name: string }

/**
 * Publishes a name with a value until the Scope closes, and returns without waiting. While another process has the
 * name, publishing waits; after an outage of the engine the name is published again.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases().pipe(Layer.provide(Discovery.layerDriverMemory))
 * const program = Effect.scoped(Effect.gen(function*() {
 *   yield* Discovery.publish("web/1", "http://10.0.0.4:8080")
 *   const published = Discovery.follow("web/").pipe(Stream.flatMap((change) =>
 *     Stream.fromIterable(change._tag === "Snapshot" ? change.published : change._tag === "Put" ? [change.published] : [])))
 *   return yield* Stream.runHead(Stream.map(published, ({ value }) => value))
 * }))
 * yield* Effect.provide(program, leases) // Option.some("http://10.0.0.4:8080")
 * ```
 * @category combinators
 * @since 0.2.0
 */
export const publish = (name: string, value: string): Effect.Effect<void, never, Leases | Scope.Scope> =>
  Effect.flatMap(Leases, (leases) => {
    const key = keyOf(name)
    const { driver, lease } = leases
    const remove = (token: Token) =>
      Effect.ignore(Effect.timeout(Effect.suspend(() => driver.remove(key, token)), lease.ttlMillis * part.again))
    const kept = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const latch = yield* hinted(leases, key)
        const epoch = yield* restore(leases.held)
        const created = yield* leases.create(key, value)
        if (created?._tag === "Granted") {
          return yield* Effect.ensuring(restore(leases.fenced(epoch)), remove(created.token))
        }
        const pause = lease.ttlMillis * (created?._tag === "Taken" ? part.again : part.afterFailure)
        yield* restore(Effect.raceFirst(latch.await, Effect.sleep(pause)))
      })
    )
    return Effect.asVoid(Effect.forkScoped(leases.alone(key)(Effect.forever(Effect.scoped(kept)))))
  })

const publishedOf = ({ key, token, value }: Held): Published => ({ name: nameOf(key), value, token })

/** The differences between two states of the followed names. */
export const differences = (
  before: ReadonlyMap<string, Published>,
  after: ReadonlyMap<string, Published>
): ReadonlyArray<PublishedChange> => [
  ...Array.from(before.keys()).filter((name) => !after.has(name)).map((name) => ({ _tag: "Remove", name }) as const),
  ...Array.from(after.values())
    .filter(({ name, token }) => before.get(name)?.token !== token)
    .map((published) => ({ _tag: "Put", published }) as const)
]

/** Reads all pages of the keys with a prefix; the result is empty when a page did not come in time. */
const listed = ({ driver, lease }: Leases["Service"], prefix: string) => {
  const found = new Map<string, Published>()
  const from = (after: string | undefined): Effect.Effect<ReadonlyMap<string, Published> | undefined> =>
    Effect.timeout(Effect.suspend(() => driver.list(prefix, after)), lease.ttlMillis * part.again).pipe(
      Effect.flatMap(({ held, next }) => {
        for (const one of held) found.set(nameOf(one.key), publishedOf(one))
        return next === undefined ? Effect.succeed(found) : from(next)
      }),
      Effect.catch(() => Effect.succeed(undefined))
    )
  return from(undefined)
}

/**
 * Follows all names that begin with `prefix`, whichever process published them: first a snapshot, then each difference.
 * A follower reads the names when the engine hints at a change, and at least four times within the duration of a lease,
 * which bounds the delay of a difference.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases().pipe(Layer.provide(Discovery.layerDriverMemory))
 * const first = Effect.provide(Stream.runHead(Discovery.follow("web/")), leases)
 * yield* first // Option.some({ _tag: "Snapshot", published: [] })
 * ```
 * @category combinators
 * @since 0.2.0
 */
export const follow = (prefix: string): Stream.Stream<PublishedChange, never, Leases> =>
  Stream.unwrap(Effect.gen(function*() {
    const leases = yield* Leases
    const key = keyOf(prefix)
    const latch = yield* hinted(leases, key)
    let before: ReadonlyMap<string, Published> | undefined
    const look: Effect.Effect<ReadonlyArray<PublishedChange>> = Effect.gen(function*() {
      yield* latch.close
      const after = yield* listed(leases, key)
      const changes = after === undefined
        ? []
        : before === undefined
        ? [{ _tag: "Snapshot", published: Array.from(after.values()) } as const]
        : differences(before, after)
      before = after
      return changes
    })
    const again = Effect.raceFirst(latch.await, Effect.sleep(leases.lease.ttlMillis * part.again))
    return Stream.concat(
      Stream.fromIterableEffect(look),
      Stream.fromIterableEffectRepeat(Effect.andThen(again, look))
    )
  }))
