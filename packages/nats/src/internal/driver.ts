/**
 * Implements the six operations of an engine over the entries of one bucket of NATS KV.
 *
 *   l.<lease>   { run, ttl, base }           written by each renewal: it lives `ttl` milliseconds of the server's clock from then
 *   k.<key>     { value, lease, run, base }  held for as long as that run of its lease lives
 *   clock       written to learn the server's time
 *
 * A lease that begins again after its end gets a new number, called its run, so that the keys of its earlier run stay
 * free. Each write of the NATS driver names the revision of the entry on which the write is based. An operation of the
 * NATS driver reads an entry again if another write of the entry came before the operation's write.
 */
import {
  type Created,
  type DiscoveryDriver,
  DiscoveryDriverError,
  type Held,
  type Lease
} from "@furrow/actor/Discovery"
import { nuid } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Bucket, Connected, Entry, Last, Settings } from "./bucket.ts"
import * as Bucket_ from "./bucket.ts"
import * as Keys from "./keys.ts"
import * as Watch from "./watch.ts"

/** The largest number of keys in one page of a listing of names. */
const pageSize = 1_000

/**
 * The largest number of messages about changed keys that are kept for a slow watcher. One waiting message is enough,
 * because a watcher reads all its keys again after each message about changed keys.
 */
const waitingHints = 1

/** The largest number of attempts of one operation; an attempt fails when another write of the entry comes first. */
const attempts = 100

type Asked<A> = Effect.Effect<A, DiscoveryDriverError>

export interface LeaseValue {
  readonly run: string
  readonly ttl: number
  readonly base: number
}

export interface KeyValue {
  readonly value: string
  readonly lease: string
  readonly run: string
  readonly base: number
}

/** True when a lease is still valid at the time `now` of the NATS server. */
export const lives = (lease: Entry, now: number): boolean => now < lease.at + (lease.value as LeaseValue).ttl

const heldOf = ({ name, revision, value }: Entry): Held => {
  const { base, lease, value: text } = value as KeyValue
  return { key: Keys.keyOf(name), value: text, token: base + revision, lease }
}

const runOf = (lease: Entry): string => (lease.value as LeaseValue).run

/**
 * Repeats an operation while it returns `undefined`, which means that another write of the operation's entry came
 * first.
 */
const insist = <A>(operation: Asked<A | undefined>): Asked<A> => {
  const again = (left: number): Asked<A> =>
    Effect.flatMap(operation, (answer) => {
      if (answer !== undefined) return Effect.succeed(answer)
      if (left > 0) return again(left - 1)
      return Effect.fail(new DiscoveryDriverError({ reason: `NATS: ${attempts} others were faster; ask again` }))
    })
  return again(attempts)
}

const renew = (bucket: Bucket, { id, ttlMillis }: Lease): Asked<boolean> =>
  insist(Effect.gen(function*() {
    const name = Keys.leaseOf(id)
    const { entry, revision } = yield* bucket.last(name)
    const now = yield* bucket.now
    const isKept = entry !== undefined && lives(entry, now)
    const run = isKept ? runOf(entry) : nuid.next()
    const value: LeaseValue = { run, ttl: ttlMillis, base: bucket.base }
    return (yield* bucket.put(name, value, revision, ttlMillis)) === undefined ? undefined : isKept
  }))

/**
 * True when the lease with which a key was written is no longer held. An expired lease is deleted from the bucket, so
 * that no late renewal brings the lease back.
 */
const isOver = (bucket: Bucket, { lease, run }: KeyValue, now: number): Asked<boolean> =>
  Effect.gen(function*() {
    const { entry } = yield* bucket.last(Keys.leaseOf(lease))
    if (entry === undefined || runOf(entry) !== run) return true
    return lives(entry, now) ? false : yield* bucket.drop(entry.name, entry.revision)
  })

const create = (bucket: Bucket, key: string, value: string, { id }: Lease): Asked<Created> =>
  insist(Effect.gen(function*() {
    const name = Keys.entryOf(key)
    const { entry, revision } = yield* bucket.last(name)
    const { entry: own } = yield* bucket.last(Keys.leaseOf(id))
    const now = yield* bucket.now
    if (own === undefined || !lives(own, now)) return { _tag: "Expired" }
    const held = entry?.value as KeyValue | undefined
    if (held !== undefined && held.lease !== id && !(yield* isOver(bucket, held, now))) {
      return { _tag: "Taken", by: heldOf(entry!) }
    }
    const { base, run } = own.value as LeaseValue
    const written = yield* bucket.put(name, { value, lease: id, run, base } satisfies KeyValue, revision)
    return written === undefined ? undefined : { _tag: "Granted", token: base + written }
  }))

const remove = (bucket: Bucket, key: string, token: number): Asked<void> =>
  Effect.flatMap(bucket.last(Keys.entryOf(key)), ({ entry }) =>
    entry !== undefined && heldOf(entry).token === token
      ? Effect.asVoid(bucket.drop(entry.name, entry.revision))
      : Effect.void)

const get = (bucket: Bucket, key: string): Asked<Option.Option<Held>> =>
  Effect.gen(function*() {
    const { entry } = yield* bucket.last(Keys.entryOf(key))
    if (entry === undefined) return Option.none()
    const { lease, run } = entry.value as KeyValue
    const { entry: holder } = yield* bucket.last(Keys.leaseOf(lease))
    const now = yield* bucket.now
    return holder !== undefined && runOf(holder) === run && lives(holder, now)
      ? Option.some(heldOf(entry))
      : Option.none()
  })

const isEntry = (entry: Last["entry"]): entry is Entry => entry !== undefined

const list = (bucket: Bucket, prefix: string, after: string | undefined) =>
  Effect.gen(function*() {
    const entries = (yield* bucket.all(Keys.filterOf(prefix))).map(({ entry }) => entry).filter(isEntry)
    const leases = (yield* bucket.all(Keys.leases)).map(({ entry }) => entry).filter(isEntry)
    const now = yield* bucket.now
    const runs = new Set(leases.filter((lease) => lives(lease, now)).map((lease) => `${lease.name} ${runOf(lease)}`))
    const found = entries
      .filter(({ value }) => runs.has(`${Keys.leaseOf((value as KeyValue).lease)} ${(value as KeyValue).run}`))
      .map(heldOf)
      .filter(({ key }) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort((a, b) => a.key < b.key ? -1 : 1)
    const held = found.slice(0, pageSize)
    return { held, next: found.length > pageSize ? held.at(-1)!.key : undefined }
  })

const said = ({ hasMarkers, server }: Bucket, name: string): Effect.Effect<void> =>
  hasMarkers
    ? Effect.logInfo(`NATS ${server} tells of leases that expire: the bucket "${name}" has expiry markers`)
    : Effect.logWarning(
      `NATS ${server} does not tell of leases that expire: they are looked for every second. ` +
        `Expiry markers need a server of 2.11 or later, and a bucket "${name}" that was made on one`
    )

export const make = (settings: Settings) =>
  Effect.gen(function*() {
    const hints = yield* PubSub.unbounded<string>()
    yield* Effect.addFinalizer(() => PubSub.shutdown(hints))
    const connected: Connected = yield* Bucket_.connected(settings, (bucket) => said(bucket, settings.bucket))
    /**
     * An operation may fail because the bucket was lost with its data, so the next operation opens the bucket again.
     */
    const ask = <A>(question: (bucket: Bucket) => Asked<A>): Asked<A> =>
      Effect.flatMap(connected.bucket, (bucket) =>
        Effect.onExit(
          Effect.suspend(() => question(bucket)),
          (exit) => Exit.isFailure(exit) ? connected.doubt : Effect.void
        ))
    const watch = yield* Watch.make(connected, hints)
    const driver: DiscoveryDriver["Service"] = {
      create: (key, value, lease) => ask((bucket) => create(bucket, key, value, lease)),
      renew: (lease) => ask((bucket) => renew(bucket, lease)),
      remove: (key, token) => ask((bucket) => remove(bucket, key, token)),
      get: (key) => ask((bucket) => get(bucket, key)),
      list: (prefix, after) => ask((bucket) => list(bucket, prefix, after)),
      changes: (prefix) =>
        Stream.unwrap(Effect.map(Effect.tap(PubSub.subscribe(hints), watch), Stream.fromSubscription)).pipe(
          Stream.filter((key) => key === Watch.everything || key.startsWith(prefix)),
          Stream.map(() => undefined),
          Stream.buffer({ capacity: waitingHints, strategy: "sliding" })
        )
    }
    return driver
  })
