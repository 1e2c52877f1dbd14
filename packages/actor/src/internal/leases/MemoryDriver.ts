/**
 * An engine in the memory of one process: for tests, and for trees that share a process.
 *
 * @since 0.2.0
 */
import { described } from "@furrow/protocol/Described"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { monotonicMillis } from "../settings/Timeouts.ts"
import { DiscoveryDriver, DiscoveryDriverError } from "./Driver.ts"
import * as Keys from "./Keys.ts"

/**
 * The number of hints that wait for a slow watcher: one hint suffices, because a watcher reads all its keys again at a
 * hint.
 */
const waitingHints = 1

/**
 * Settings of an engine in one process: where its leases and keys are saved, and its clock.
 *
 * @category models
 * @since 0.2.0
 */
export interface DriverOptions {
  /**
   * A callback that gets the engine's leases and keys as text, before each answer that depends on a change of these
   * leases and keys. When the callback `save` throws, the leases and keys of the engine stay unchanged. Without the
   * callback `save` the leases and keys of the engine are lost with the process.
   */
  readonly save?: ((state: string) => void) | undefined
  /**
   * A callback that gets each changed key with its text to save, or with `undefined` for a key that has become free.
   * With the callback `saveKey`, the text for the callback `save` holds no keys. Without the callback `saveKey`, the
   * callback `save` gets all keys of the engine each time.
   */
  readonly saveKey?: ((key: string, held: string | undefined) => void) | undefined
  /**
   * The saved data of the engine: the text that the callback `save` got last. The restored leases continue, unless the
   * engine's clock has begun again since the data were saved. Default: no data.
   */
  readonly restored?: string | undefined
  /** The last text that the callback `saveKey` got for each key that is held. Default: no texts. */
  readonly restoredKeys?: ReadonlyArray<string> | undefined
  /**
   * Returns the milliseconds of a clock that never goes back. A process that restores an engine's data must use the
   * same clock as the process that saved the data. Default: the time of Effect's Clock.
   */
  readonly now?: (() => number) | undefined
}

/**
 * Makes an engine that lives in this process until the Scope closes. With the options `save` and `restored` another
 * process continues with the leases and keys that the engine had when this process ended.
 *
 * @example
 * ```ts
 * let saved = ""
 * const create = Effect.gen(function*() {
 *   const driver = yield* Discovery.makeDriver({ restored: saved, save: (state) => { saved = state } })
 *   const lease = { id: "tree-1", ttlMillis: 15_000 }
 *   yield* driver.renew(lease)
 *   return yield* driver.create("billing", "at home", lease)
 * })
 * yield* Effect.scoped(create) // { _tag: "Granted", token: 1 }
 * yield* Effect.scoped(create) // { _tag: "Granted", token: 2 }
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const make = (options: DriverOptions = {}): Effect.Effect<DiscoveryDriver["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const now = options.now ?? (() => monotonicMillis(clock))
    const hints = yield* PubSub.unbounded<string>()
    yield* Effect.addFinalizer(() => PubSub.shutdown(hints))
    const { saveKey } = options
    let keys = Keys.restore(options.restored, now(), options.restoredKeys)
    for (const key of keys.changed) saveKey?.(key, undefined)
    const save = (next: Keys.Keys) => {
      const isFree = (key: string) => Keys.get(next, key) === undefined
      // The engine saves the keys that became free before the held keys, so that a crash in between never brings back a
      // released key.
      for (const key of next.changed) if (isFree(key)) saveKey?.(key, undefined)
      options.save?.(Keys.save(next, now(), saveKey !== undefined))
      for (const key of next.changed) if (!isFree(key)) saveKey?.(key, Keys.saveKey(next, key))
    }
    const become = (next: Keys.Keys): Effect.Effect<void> => {
      if (next === keys) return Effect.void
      save(next)
      keys = next
      return Effect.forEach(next.changed, (key) => PubSub.publish(hints, key), { discard: true })
    }
    const step = <A>(change: () => readonly [Keys.Keys, A]): Effect.Effect<A, DiscoveryDriverError> =>
      Effect.suspend(() => {
        const [next, answer] = change()
        return Effect.as(become(next), answer)
      }).pipe(
        Effect.catchDefect((cause) => Effect.fail(new DiscoveryDriverError({ reason: described(cause), cause })))
      )
    const looked = step(() => [Keys.expire(keys, now()), undefined])
    // The sweep of expired leases sleeps until the next expiry, so that watchers learn of an expired lease about which
    // no operation asks.
    const sweep = Effect.forever(Effect.suspend(() => {
      const next = Keys.nextExpiry(keys)
      const millis = next === undefined ? idleMillis : Math.min(idleMillis, Math.max(1, next - now()))
      return Effect.andThen(Effect.sleep(millis), Effect.ignore(looked))
    }))
    yield* Effect.forkScoped(sweep)
    return {
      create: (key, value, lease) => step(() => Keys.create(keys, key, value, lease, now())),
      renew: (lease) => step(() => Keys.renew(keys, lease, now())),
      remove: (key, token) => step(() => [Keys.remove(keys, key, token, now()), undefined]),
      get: (key) => Effect.map(looked, () => Option.fromUndefinedOr(Keys.get(keys, key))),
      list: (prefix, after) => Effect.map(looked, () => Keys.list(keys, prefix, after)),
      changes: (prefix) =>
        Stream.fromPubSub(hints).pipe(
          Stream.filter((key) => key.startsWith(prefix)),
          Stream.map(() => undefined),
          Stream.buffer({ capacity: waitingHints, strategy: "sliding" })
        )
    }
  })

/**
 * The milliseconds after which the sweep of expired leases runs again when no lease exists, so that the sweep notices a
 * new lease.
 */
const idleMillis = 1_000

/**
 * An engine in the memory of this process, for tests and for several trees in one process that find each other by name.
 *
 * @example
 * ```ts
 * const leases = Discovery.layerLeases().pipe(Layer.provide(Discovery.layerDriverMemory))
 * yield* Effect.provide(Discovery.elect("billing")(Effect.succeed(42)), leases) // 42
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<DiscoveryDriver> = Layer.effect(DiscoveryDriver, make())
