/**
 * A bucket of NATS KV with the server's time of each entry, and with writes that fail after another write of the entry.
 * The NATS driver connects to its server at the first operation, and again after a lost connection.
 */
import { DiscoveryDriverError } from "@furrow/actor/Discovery"
import {
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager
} from "@nats-io/jetstream"
import { type KV, type KvEntry, Kvm, KvWatchInclude } from "@nats-io/kv"
import { connect, headers, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Keys from "./keys.ts"

export interface Settings {
  readonly connection: NodeConnectionOptions
  readonly bucket: string
  readonly replicas: number
}

/**
 * An entry of the driver's bucket in NATS KV. The functions of a bucket return `undefined` for an entry that does not
 * exist or was deleted.
 */
export interface Entry {
  readonly name: string
  readonly revision: number
  /** The time at which an entry of the bucket was written, in milliseconds of the NATS server's clock. */
  readonly at: number
  readonly value: unknown
}

/**
 * The last write or deletion of an entry in the bucket. Each write of an entry names the revision of the entry's
 * previous write.
 */
export interface Last {
  readonly entry: Entry | undefined
  readonly revision: number
}

/** An open bucket of NATS KV. After an outage the NATS server may have another bucket of the same name. */
export interface Bucket {
  readonly server: string
  /** True when the NATS server itself deletes expired entries, and reports each deletion to watchers. */
  readonly hasMarkers: boolean
  /**
   * The number that is added to an entry's revision to make a token, so that tokens grow even after the loss of a
   * bucket.
   */
  readonly base: number
  readonly last: (name: string) => Effect.Effect<Last, DiscoveryDriverError>
  /** Reads all entries of the bucket that match a filter, including the markers of deleted entries. */
  readonly all: (
    filter: string
  ) => Effect.Effect<ReadonlyArray<Last & { readonly name: string; readonly at: number }>, DiscoveryDriverError>
  /** Reports each write and each deletion in the bucket, from the beginning of the watch to its end. */
  readonly follow: (
    filter: string,
    begun: () => void,
    seen: (name: string, isThere: boolean) => void
  ) => Effect.Effect<void, DiscoveryDriverError>
  /** Writes an entry of the bucket if `revision` is still the entry's last revision, and returns the new revision. */
  readonly put: (
    name: string,
    value: unknown,
    revision: number,
    ttlMillis?: number
  ) => Effect.Effect<number | undefined, DiscoveryDriverError>
  /**
   * Deletes an entry of the bucket if `revision` is still the entry's last revision, and leaves a deletion marker that
   * watchers see.
   */
  readonly drop: (name: string, revision: number) => Effect.Effect<boolean, DiscoveryDriverError>
  /** Removes the marker that the deletion of an entry has left in the bucket. */
  readonly forget: (name: string, revision: number) => Effect.Effect<void, DiscoveryDriverError>
  /** The time of the NATS server in milliseconds, or a slightly earlier time. */
  readonly now: Effect.Effect<number, DiscoveryDriverError>
}

/**
 * The milliseconds after which the NATS driver gives up a request to its server. The runtime gives up a request to a
 * discovery driver after a quarter of the lease's time.
 */
const requestMillis = 5_000

/**
 * The milliseconds after which a silent NATS server is asked for a sign of life. A connection to a NATS server that is
 * silent for twice the time `pingMillis` counts as lost.
 */
const pingMillis = 5_000

/** The milliseconds for which the deletion markers of expired leases stay in the bucket. */
const markerMillis = 60_000

/**
 * The number of fencing tokens that are reserved for each second. A NATS server makes fewer writes than this number in
 * a second.
 */
const tokensASecond = 2 ** 20

const failed = (cause: unknown): DiscoveryDriverError =>
  new DiscoveryDriverError({ reason: `NATS: ${cause instanceof Error ? cause.message : String(cause)}`, cause })

const promised = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, DiscoveryDriverError> =>
  Effect.tryPromise({ try: run, catch: failed })

const isWrongRevision = (error: unknown): boolean =>
  error instanceof JetStreamApiError && (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
    error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)

const lastOf = (entry: KvEntry | null): Last =>
  entry === null ? { entry: undefined, revision: 0 } : {
    revision: entry.revision,
    entry: entry.operation !== "PUT" ? undefined : {
      name: entry.key,
      revision: entry.revision,
      at: entry.created.getTime(),
      value: entry.length === 0 ? undefined : entry.json()
    }
  }

/**
 * Calls a function for each entry of an iterator over a bucket, and closes the iterator when the iteration is
 * interrupted.
 */
const each = async <A>(
  signal: AbortSignal,
  entries: { readonly stop: () => void } & AsyncIterable<A>,
  seen: (entry: A) => void
): Promise<void> => {
  signal.addEventListener("abort", () => entries.stop())
  if (signal.aborted) entries.stop()
  for await (const entry of entries) seen(entry)
}

/**
 * Returns the NATS header with an entry's time to live, rounded up to whole seconds, so that no entry is deleted too
 * early.
 */
const headerOf = (ttlMillis: number): string => `${Math.ceil(ttlMillis / 1_000)}s`

const bucketOf = (
  { kv, js, jsm }: { readonly kv: KV; readonly js: JetStreamClient; readonly jsm: JetStreamManager },
  { bucket }: Settings,
  about: Pick<Bucket, "server" | "hasMarkers" | "base">
): Bucket => {
  const subjectOf = (name: string) => `$KV.${bucket}.${name}`
  /** Writes an entry of the bucket, and returns `undefined` where another write of the entry came first. */
  const write = (name: string, text: string, options: Parameters<JetStreamClient["publish"]>[2]) =>
    promised(() =>
      js.publish(subjectOf(name), text, { timeout: requestMillis, ...options }).then(
        ({ seq }): number | undefined => seq,
        (error) => isWrongRevision(error) ? undefined : Promise.reject(error)
      )
    )
  const last = (name: string) => Effect.map(promised(() => kv.get(name)), lastOf)
  const expectAt = (revision: number) => ({ lastSubjectSequence: revision })
  return {
    ...about,
    last,
    all: (filter) =>
      Effect.map(
        promised(async (signal) => {
          const found: Array<KvEntry> = []
          await each(signal, await kv.history({ key: filter }), (entry) => found.push(entry))
          return found
        }),
        (found) => found.map((entry) => ({ ...lastOf(entry), name: entry.key, at: entry.created.getTime() }))
      ),
    follow: (filter, begun, seen) =>
      promised(async (signal) => {
        const entries = await kv.watch({ key: filter, include: KvWatchInclude.UpdatesOnly, headers_only: true })
        begun()
        await each(signal, entries, ({ key, operation }) => seen(key, operation === "PUT"))
      }),
    put: (name, value, revision, ttlMillis) =>
      write(name, JSON.stringify(value), {
        expect: expectAt(revision),
        ...(ttlMillis !== undefined && about.hasMarkers ? { ttl: headerOf(ttlMillis) } : {})
      }),
    drop: (name, revision) => {
      const marked = headers()
      marked.set("KV-Operation", "DEL")
      return Effect.map(
        write(name, "", { expect: expectAt(revision), headers: marked }),
        (written) => written !== undefined
      )
    },
    forget: (name, revision) =>
      Effect.asVoid(promised(() => jsm.streams.purge(`KV_${bucket}`, { filter: subjectOf(name), seq: revision + 1 }))),
    now: Effect.flatMap(
      write(Keys.clock, "null", {}),
      () => Effect.map(last(Keys.clock), ({ entry }) => entry?.at ?? 0)
    )
  }
}

const opened = async (connection: NatsConnection, settings: Settings): Promise<Bucket> => {
  const { bucket, replicas } = settings
  const js = jetstream(connection, { timeout: requestMillis })
  const jsm = await jetstreamManager(connection, { timeout: requestMillis })
  // Reads of the bucket go to the NATS server that leads the bucket, because a replica may not know of the last
  // renewal.
  const kv = await new Kvm(js).create(bucket, { history: 1, replicas, markerTTL: markerMillis, allow_direct: false })
  const { history, markerTTL, streamInfo, ttl } = await kv.status()
  if (ttl > 0 || history !== 1) {
    throw new Error(`the bucket "${bucket}" has a TTL of its own, or a history: name another, which is made without`)
  }
  const base = Math.floor(new Date(streamInfo.created).getTime() / 1_000) * tokensASecond
  return bucketOf({ kv, js, jsm }, settings, {
    server: connection.info?.version ?? "",
    hasMarkers: markerTTL > 0,
    base
  })
}

export interface Connected {
  /**
   * Returns the open bucket of NATS KV. The first use of the bucket, and the first use after an outage, connect to NATS
   * and create the bucket where it does not exist.
   */
  readonly bucket: Effect.Effect<Bucket, DiscoveryDriverError>
  /**
   * Forgets the open bucket, so that its next use opens it again, because the NATS server may have another bucket by
   * then.
   */
  readonly doubt: Effect.Effect<void>
}

/** Makes the connection to NATS, which calls `told` with each bucket that the connection opens. */
export const connected = (
  settings: Settings,
  told: (bucket: Bucket) => Effect.Effect<void>
): Effect.Effect<Connected, never, Scope.Scope> =>
  Effect.gen(function*() {
    const one = Semaphore.makeUnsafe(1)
    let connection: NatsConnection | undefined
    let dialling: Promise<void> | undefined
    let isOver = false
    let isLost = false
    let current: Bucket | undefined
    const lost = () => {
      current = undefined
    }
    const follow = async (those: NatsConnection) => {
      for await (const { type } of those.status()) {
        if (type === "disconnect") {
          isLost = true
          lost()
        } else if (type === "reconnect") isLost = false
      }
    }
    const dial = async () => {
      const made = await connect({
        pingInterval: pingMillis,
        maxPingOut: 2,
        timeout: requestMillis,
        ...settings.connection,
        reconnect: true,
        maxReconnectAttempts: -1
      })
      if (isOver) return made.close()
      void follow(made)
      connection = made
      isLost = false
    }
    // An interrupted operation does not wait for a silent NATS server; the next operation waits for the connection
    // attempt that already runs.
    const connecting = promised(() =>
      dialling ??= dial().finally(() => {
        dialling = undefined
      })
    )
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        isOver = true
        await connection?.close().catch(() => {})
      })
    )
    const bucket = Effect.suspend(() => {
      if (current !== undefined) return Effect.succeed(current)
      return one.withPermits(1)(Effect.gen(function*() {
        if (current !== undefined) return current
        if (connection === undefined || connection.isClosed()) yield* connecting
        // A request on a disconnected NATS connection would be sent after the reconnection, long after the end of its
        // caller's wait.
        if (isLost) {
          return yield* new DiscoveryDriverError({ reason: "NATS: not connected; the next operation tries again" })
        }
        const made = yield* promised(() => opened(connection!, settings))
        current = made
        yield* told(made)
        return made
      }))
    })
    return { bucket, doubt: Effect.sync(lost) }
  })
