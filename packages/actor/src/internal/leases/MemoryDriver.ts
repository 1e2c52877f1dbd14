/**
 * An engine in the memory of one process: for tests, and for trees that share a process.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { monotonicMillis } from "../settings/Timeouts.ts"
import { DiscoveryDriver, type Token } from "./Driver.ts"
import * as Keys from "./Keys.ts"

/** Changes that may wait for a watcher that is slow: one hint is as good as many. */
const waitingHints = 1

export interface MemoryOptions {
  /** No token that it gives is smaller. */
  readonly last?: Token | undefined
}

/** Expires leases by the Clock; what it holds goes with the Scope. */
export const make = (options: MemoryOptions = {}): Effect.Effect<DiscoveryDriver["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const now = () => monotonicMillis(clock)
    const hints = yield* PubSub.unbounded<string>()
    yield* Effect.addFinalizer(() => PubSub.shutdown(hints))
    let keys = Keys.start(options.last)
    const become = (next: Keys.Keys): Effect.Effect<void> => {
      const changed = Keys.changed(keys, next)
      keys = next
      return Effect.forEach(changed, (key) => PubSub.publish(hints, key), { discard: true })
    }
    const step = <A>(change: () => readonly [Keys.Keys, A]): Effect.Effect<A> =>
      Effect.suspend(() => {
        const [next, answer] = change()
        return Effect.as(become(next), answer)
      })
    const looked = step(() => [Keys.expire(keys, now()), undefined])
    // One sleep until the next expiry: watchers hear of a lease that nothing else asks about.
    const sweep = Effect.forever(Effect.suspend(() => {
      const next = Keys.nextExpiry(keys)
      const millis = next === undefined ? idleMillis : Math.min(idleMillis, Math.max(1, next - now()))
      return Effect.andThen(Effect.sleep(millis), looked)
    }))
    yield* Effect.forkScoped(sweep)
    return {
      create: (key, value, lease) => step(() => Keys.create(keys, key, value, lease, now())),
      renew: (lease) => step(() => Keys.renew(keys, lease, now())),
      remove: (key, token) => step(() => [Keys.remove(keys, key, token, now()), undefined]),
      get: (key) => Effect.map(looked, () => Option.fromNullishOr(keys.held.get(key))),
      list: (prefix, after) => Effect.map(looked, () => Keys.list(keys, prefix, after)),
      changes: (prefix) =>
        Stream.fromPubSub(hints).pipe(
          Stream.filter((key) => key.startsWith(prefix)),
          Stream.map(() => undefined),
          Stream.buffer({ capacity: waitingHints, strategy: "sliding" })
        )
    }
  })

/** A lease that begins while nothing expires is looked at no later than this. */
const idleMillis = 1_000

/**
 * An engine in the memory of this process: trees of one process find each other by it, and tests need no other.
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
