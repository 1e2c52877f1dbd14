/** The six operations of a `DiscoveryDriver` over PostgreSQL, each as one SQL statement. */
import type * as PgClient from "@effect/sql-pg/PgClient"
import { type Created, type DiscoveryDriver, DiscoveryDriverError, type Held } from "@furrow/actor/Discovery"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { migration, probe } from "./migration.ts"

export interface Settings {
  readonly schema: string
  readonly migrate: boolean
}

/** The largest number of keys in one page of a listing of names. */
const pageSize = 1_000

/**
 * The shortest and the longest time between two sweeps of expired leases, in milliseconds. A watcher notices an expired
 * lease at the next sweep, so at the latest after the longest time.
 */
const sweepMillis = { least: 100, most: 1_000 } as const

/** The milliseconds after which a lost connection for PostgreSQL's notifications is replaced by a new one. */
const listenAgainMillis = 1_000

/** The milliseconds for which the end of a driver waits for a PostgreSQL server that gives no answer. */
const farewellMillis = 1_000

/**
 * The number of hints about changed keys that wait for a slow watcher. One waiting hint is enough, because a watcher
 * reads all its keys again at a hint.
 */
const waitingHints = 1

/** The number of characters after which a key is cut off in the payload of a PostgreSQL notification. */
const hintChars = 1_000

/** The hint to a watcher that any key may have changed. */
const everything = ""

type Row = ReadonlyArray<string>

const heldOf = ([key, value, token, lease]: Row): Held => ({
  key: key!,
  value: value!,
  token: Number(token),
  lease: lease!
})

const columns = "k.key, k.value, k.token::text, k.lease"
const live = (schema: string) =>
  `from ${schema}.keys k join ${schema}.leases l on l.id = k.lease where l.expires_at > clock_timestamp()`

const failed = (error: SqlError): DiscoveryDriverError =>
  new DiscoveryDriverError({ reason: `PostgreSQL: ${error.reason.message ?? error.message}`, cause: error })

/**
 * True when a notification of PostgreSQL (the parameter `hint`) may be about a key with the given prefix. The
 * notification contains the changed key, or the beginning of a long key.
 */
export const concerns = (hint: string, prefix: string): boolean =>
  hint.startsWith(prefix) || (hint === everything || hint.length >= hintChars) && prefix.startsWith(hint)

/** The functions with which the driver runs its SQL statements, outside of its caller's transactions. */
interface Session {
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly ask: (
    text: string,
    ...values: ReadonlyArray<unknown>
  ) => Effect.Effect<ReadonlyArray<Row>, DiscoveryDriverError>
  /**
   * Creates missing tables before the first statement and after each failed statement, because the tables may have been
   * lost.
   */
  readonly prepared: Effect.Effect<void, SqlError>
}

const session = (sql: PgClient.PgClient, { migrate, schema }: Settings) =>
  Effect.map(Effect.context(), (context): Session => {
    const fork = Effect.runForkWith(context)
    /**
     * Runs a statement in a fiber of the driver, outside of its caller's transaction. An interruption of a statement
     * does not wait for a PostgreSQL server that gives no answer.
     */
    const apart = <A, E>(statement: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.callback<A, E>((resume) => {
        const fiber = fork(statement)
        fiber.addObserver((exit) => resume(exit))
        return Effect.sync(() => fiber.interruptUnsafe())
      })
    const query = (text: string, ...values: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
      sql.unsafe(text, values).values as Effect.Effect<ReadonlyArray<Row>, SqlError>
    let isMigrated = !migrate
    const prepared = Effect.suspend(() =>
      isMigrated ? Effect.void : Effect.gen(function*() {
        const [row] = yield* query(probe(schema))
        if (!(row?.[0] as unknown as boolean)) yield* sql.unsafe(migration(schema)).unprepared
        isMigrated = true
      })
    )
    const doubt = () => {
      isMigrated = !migrate
    }
    return {
      fork,
      prepared,
      ask: (text, ...values) =>
        apart(Effect.andThen(prepared, query(text, ...values))).pipe(
          Effect.mapError(failed),
          Effect.tapError(() => Effect.sync(doubt))
        )
    }
  })

/** Gives hints about changed keys to watchers, from the first watcher's request until the Scope closes. */
const hinting = (sql: PgClient.PgClient, schema: string, { ask, fork, prepared }: Session) =>
  Effect.gen(function*() {
    const hints = yield* PubSub.unbounded<string>()
    const listen = Effect.scoped(Effect.flatMap(sql.listen(schema), (queue) =>
      Effect.andThen(
        PubSub.publish(hints, everything),
        Effect.forever(Effect.flatMap(Queue.take(queue), ({ payload }) => PubSub.publish(hints, payload)))
      )))
    const watchers = watching(
      Effect.andThen(prepared, listen),
      Effect.map(ask(`select ${schema}.sweep_1()`), ([row]) => row?.[0] as unknown as number | null | undefined)
    )
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    const watch = Effect.sync(() => {
      if (fibers.length === 0) fibers.push(...watchers.map((watcher) => fork(watcher)))
    })
    yield* Effect.addFinalizer(() =>
      Effect.gen(function*() {
        for (const fiber of fibers) fiber.interruptUnsafe()
        yield* Effect.ignore(Effect.timeout(ended(fibers), farewellMillis))
        yield* PubSub.shutdown(hints)
      })
    )
    return Stream.unwrap(Effect.map(Effect.tap(PubSub.subscribe(hints), watch), Stream.fromSubscription))
  })

export const make = (sql: PgClient.PgClient, settings: Settings) =>
  Effect.gen(function*() {
    const { schema } = settings
    const own = yield* session(sql, settings)
    const hints = yield* hinting(sql, schema, own)
    const { ask } = own
    const driver: DiscoveryDriver["Service"] = {
      create: (key, value, lease) =>
        Effect.map(ask(`select * from ${schema}.grant_1($1, $2, $3)`, key, value, lease.id), ([row]): Created => {
          const [outcome, by, token, holder] = row!
          if (outcome === "Expired") return { _tag: "Expired" }
          return outcome === "Taken"
            ? { _tag: "Taken", by: heldOf([key, by!, token!, holder!]) }
            : { _tag: "Granted", token: Number(token) }
        }),
      renew: ({ id, ttlMillis }) =>
        Effect.map(ask(`select ${schema}.renew_1($1, $2::double precision)`, id, ttlMillis), ([row]) =>
          row?.[0] as unknown as boolean),
      remove: (key, token) =>
        Effect.asVoid(ask(`delete from ${schema}.keys where key = $1 and token = $2::bigint`, key, String(token))),
      get: (key) =>
        Effect.map(
          ask(`select ${columns} ${live(schema)} and k.key = $1`, key),
          ([row]) =>
            row === undefined ? Option.none() : Option.some(heldOf(row))
        ),
      list: (prefix, after) =>
        Effect.map(
          ask(
            `select ${columns} ${live(schema)} and k.key >= $1 and starts_with(k.key, $1)
               and ($2::text is null or k.key > $2) order by k.key limit ${pageSize + 1}`,
            prefix,
            after ?? null
          ),
          (rows) => {
            const held = rows.slice(0, pageSize).map(heldOf)
            return { held, next: rows.length > pageSize ? held.at(-1)!.key : undefined }
          }
        ),
      changes: (prefix) =>
        hints.pipe(
          Stream.filter((hint) => concerns(hint, prefix)),
          Stream.map(() => undefined),
          Stream.buffer({ capacity: waitingHints, strategy: "sliding" })
        )
    }
    return driver
  })

/**
 * Listens for PostgreSQL's notifications and sweeps expired leases until it is interrupted, even while the server is
 * out of reach.
 */
const watching = (
  listen: Effect.Effect<unknown, unknown>,
  sweep: Effect.Effect<number | null | undefined, unknown>
): ReadonlyArray<Effect.Effect<never>> => [
  Effect.forever(Effect.andThen(Effect.exit(listen), Effect.sleep(listenAgainMillis))),
  Effect.forever(
    Effect.exit(Effect.timeout(sweep, 5 * sweepMillis.most)).pipe(
      Effect.flatMap((exit) => {
        const next = Exit.isSuccess(exit) ? exit.value ?? sweepMillis.most : sweepMillis.most
        return Effect.sleep(Math.min(sweepMillis.most, Math.max(sweepMillis.least, next)))
      })
    )
  )
]

const ended = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>): Effect.Effect<void> =>
  Effect.forEach(
    fibers,
    (fiber) => Effect.callback<void>((resume) => void fiber.addObserver(() => resume(Effect.void))),
    { discard: true }
  )
