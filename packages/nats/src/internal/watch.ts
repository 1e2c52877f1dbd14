/**
 * Reports changes of a NATS bucket as hints about keys, and removes expired entries from the bucket. The NATS driver
 * listens to a server that reports expired leases, and polls any other server.
 */
import type { DiscoveryDriverError } from "@furrow/actor/Discovery"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import type { Bucket, Connected, Entry } from "./bucket.ts"
import type { KeyValue, LeaseValue } from "./driver.ts"
import * as Keys from "./keys.ts"

/** The hint to a watcher that any key may have changed. */
export const everything = ""

/** The shortest and the longest time between two polls of the NATS server for expired leases, in milliseconds. */
const pollMillis = { least: 100, most: 1_000 } as const

/** Milliseconds between two searches for expired leases whose end the NATS server has not reported. */
const sweepMillis = 60_000

/** The milliseconds for which the marker of a deletion stays in the bucket, so that all watchers see the marker. */
const marksMillis = 10_000

/** The milliseconds after which a watch of the bucket that has ended is started again. */
const againMillis = 1_000

const untilMillis = (lease: Entry): number => lease.at + (lease.value as LeaseValue).ttl

/** The milliseconds until the next lease in the bucket expires; 0 or less when a lease has expired. */
const nextExpiry = (bucket: Bucket): Effect.Effect<number, DiscoveryDriverError> =>
  Effect.gen(function*() {
    const leases = yield* bucket.all(Keys.leases)
    const now = yield* bucket.now
    return Math.min(Infinity, ...leases.map(({ entry }) => entry === undefined ? Infinity : untilMillis(entry) - now))
  })

/** Ends expired leases in the bucket, deletes their keys, and removes old deletion markers. */
export const sweep = (bucket: Bucket): Effect.Effect<void, DiscoveryDriverError> =>
  Effect.gen(function*() {
    // A sweep of the bucket reads the keys before the leases: each key is written after its lease, so no key's lease is
    // missed.
    const keys = yield* bucket.all(Keys.keys)
    const leases = yield* bucket.all(Keys.leases)
    const now = yield* bucket.now
    const living = new Map<string, string>()
    for (const { entry } of leases) {
      if (entry === undefined) continue
      const isOver = now >= untilMillis(entry) && (yield* bucket.drop(entry.name, entry.revision))
      if (!isOver) living.set(entry.name, (entry.value as LeaseValue).run)
    }
    for (const { entry } of keys) {
      if (entry === undefined) continue
      const { lease, run } = entry.value as KeyValue
      if (living.get(Keys.leaseOf(lease)) !== run) yield* bucket.drop(entry.name, entry.revision)
    }
    for (const { at, entry, name, revision } of [...keys, ...leases]) {
      if (entry === undefined && at + marksMillis < now) yield* bucket.forget(name, revision)
    }
  })

/** Sweeps the bucket when the NATS server reports an expired lease, and every `sweepMillis`. */
const sweepWhenTold = (bucket: Bucket, expired: Latch.Latch) =>
  Effect.forever(Effect.gen(function*() {
    yield* expired.close
    yield* sweep(bucket)
    yield* Effect.raceFirst(expired.await, Effect.sleep(sweepMillis))
  }))

/**
 * Polls the NATS server for expired leases, and sweeps the bucket when a lease has expired, and every `sweepMillis`.
 */
const sweepByPolling = (bucket: Bucket) =>
  Effect.forever(Effect.gen(function*() {
    yield* sweep(bucket)
    for (let polls = 0; polls < sweepMillis / pollMillis.most; polls++) {
      const next = yield* nextExpiry(bucket)
      if (next <= 0) return
      yield* Effect.sleep(Math.min(pollMillis.most, Math.max(pollMillis.least, next)))
    }
  }))

/** Makes an Effect whose first run begins to watch the bucket; the watch continues until the Scope closes. */
export const make = (
  connected: Connected,
  hints: PubSub.PubSub<string>
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const expired = Latch.makeUnsafe(false)
    const hint = (key: string) => void PubSub.publishUnsafe(hints, key)
    const round = Effect.flatMap(connected.bucket, (bucket) =>
      Effect.raceAllFirst([
        bucket.follow(Keys.keys, () => hint(everything), (name) => hint(Keys.keyOf(name))),
        ...(bucket.hasMarkers
          ? [bucket.follow(Keys.leases, () => void expired.openUnsafe(), (_, isThere) =>
            void (isThere || expired.openUnsafe()))]
          : []),
        bucket.hasMarkers ? sweepWhenTold(bucket, expired) : sweepByPolling(bucket)
      ]))
    const rounds = Effect.forever(Effect.andThen(
      Effect.exit(round),
      Effect.andThen(connected.doubt, Effect.sleep(againMillis))
    ))
    let isWatching = false
    return Effect.suspend(() => {
      if (isWatching) return Effect.void
      isWatching = true
      return Effect.asVoid(Effect.forkIn(rounds, scope))
    })
  })
