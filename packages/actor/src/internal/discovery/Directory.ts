/**
 * Defines the questions of an actor to the registrar of its tree, and the client that asks these questions. The root
 * serves the contract of the registrar like any endpoint of its own (`RegistrarService`). An actor whose parent is the
 * root asks the registrar over the connection to its parent. Any other actor asks the registrar over a connection that
 * it dials to the root.
 *
 * Parents register their children, because a parent knows when a child is ready and when it has ended. A parent learns
 * of the end of a child from the exit of the child's process, and not from a lease.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type Call, endpoint, streamEndpoint } from "../contract/Call.ts"
import * as Digest from "../contract/Digest.ts"
import { type AnyEndpoint, codecs } from "../contract/Endpoint.ts"
import { type DialogContext, onOwnAccount } from "../dialog/DialogContext.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { type ActorError, type ActorId, ActorUnreachable, NameTaken } from "../errors/ActorError.ts"
import { Entry } from "../settings/ActorRef.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { Address } from "../transport/Transport.ts"
import type { Change } from "./Registrar.ts"

/**
 * The schema of a change of the registry, in the form in which the change crosses to an actor. A snapshot of the
 * registry crosses in pieces, and its last piece has no field `more`.
 */
const ChangeSchema = Schema.Union([
  Schema.TaggedStruct("Snapshot", { entries: Schema.Array(Entry), more: Schema.optionalKey(Schema.Boolean) }),
  Schema.TaggedStruct("Up", { entry: Entry }),
  Schema.TaggedStruct("Down", { entry: Entry, why: Schema.Literals(["ended", "stale", "replaced"]) })
])

const filter = { name: Schema.NullOr(Schema.String) }

/**
 * The error with which every question to the registrar of a tree can fail, for example when the engine does not answer.
 */
const error = ActorUnreachable

export const contract = {
  claim: endpoint("furrow/registry/claim", {
    payload: { entry: Entry },
    error: Schema.Union([NameTaken, ActorUnreachable])
  }),
  ready: endpoint("furrow/registry/ready", {
    payload: { uuid: Schema.String, pid: Schema.Int, replaces: Schema.optionalKey(Schema.String) },
    error
  }),
  gone: endpoint("furrow/registry/gone", { payload: { uuid: Schema.String } }),
  stale: endpoint("furrow/registry/stale", { payload: { uuid: Schema.String }, error }),
  list: endpoint("furrow/registry/list", {
    payload: { name: Schema.String, most: Schema.Int },
    success: Schema.Array(Entry),
    error
  }),
  pages: streamEndpoint("furrow/registry/pages", { payload: filter, success: Schema.Array(Entry), error }),
  watch: streamEndpoint("furrow/registry/watch", { payload: filter, success: ChangeSchema, error })
}

/**
 * The registrar of a tree, in this or another process. The registrar takes the reports of parents about their children,
 * and answers the questions of all actors.
 *
 * @category models
 * @since 0.1.0
 */
export interface Directory {
  /**
   * Holds a name for an actor that is about to be started. Actors of one parent that play the same role hold a unique
   * name together.
   */
  readonly claim: (entry: Entry) => Effect.Effect<void, ActorError>
  /**
   * Lists an actor that is ready, with its process number. An actor that takes over the role of another actor is listed
   * in the place of that actor. The parameter `replaces` is the uuid of the earlier actor, which may be gone already.
   */
  readonly ready: (uuid: string, pid: number, replaces?: string) => Effect.Effect<void, ActorError>
  /**
   * Reports the end of an actor. The report of an actor's end never fails, because a tree whose registrar is gone has
   * ended.
   */
  readonly gone: (uuid: string) => Effect.Effect<void>
  /**
   * Reports that an actor was not where the registry says: the registrar removes the actor's entry if the actor is
   * really gone.
   */
  readonly stale: (uuid: string) => Effect.Effect<void, ActorError>
  /**
   * Lists the ready actors; the actor that became ready last comes first. The caller of `list` uses only the first
   * `most` entries, but the returned list may be longer.
   */
  readonly list: (name: string | undefined, most?: number) => Effect.Effect<ReadonlyArray<Entry>, ActorError>
  readonly watch: (name: string | undefined) => Stream.Stream<Change, ActorError>
  /**
   * Finds the root of another tree, and where it listens. The function `root` is absent, or returns `undefined`, when
   * the root of the other tree is not known.
   */
  readonly root?: ((uuid: string) => Effect.Effect<RootAddress | undefined>) | undefined
}

/**
 * The root of a tree, and the addresses where it listens.
 *
 * @category models
 * @since 0.2.0
 */
export interface RootAddress {
  readonly actor: ActorId
  readonly addresses: ReadonlyArray<Address>
}

/** The largest number of entries in one piece of a list; reading more entries at once would hold up the event loop. */
const pieceEntries = 256

/** Cuts entries into pieces, so that the event loop runs other work between two pieces. */
export const inPieces = (entries: ReadonlyArray<Entry>): Stream.Stream<ReadonlyArray<Entry>> =>
  entries.length <= pieceEntries ? Stream.succeed(entries) : Stream.unfold(0, (from) =>
    Effect.as(
      Effect.yieldNow,
      from >= entries.length ? undefined : [entries.slice(from, from + pieceEntries), from + pieceEntries] as const
    ))

type Piece = typeof ChangeSchema.Type

/** Cuts changes of the registry into the pieces that cross to an actor. */
export const pieces = <E>(changes: Stream.Stream<Change, E>): Stream.Stream<Piece, E> =>
  Stream.flatMap(
    changes,
    (change) =>
      change._tag !== "Snapshot" || change.entries.length <= pieceEntries ? Stream.succeed(change) : Stream.concat(
        Stream.map(inPieces(change.entries), (entries) => ({ _tag: "Snapshot", entries, more: true }) as const),
        Stream.succeed({ _tag: "Snapshot", entries: [] } as const)
      )
  )

/** Joins pieces, in which changes of the registry crossed to this actor, into whole changes. */
const whole = <E>(changes: Stream.Stream<Piece, E>): Stream.Stream<Change, E> =>
  Stream.suspend(() => {
    let before: Array<Entry> = []
    return Stream.flatMap(changes, (change): Stream.Stream<Change> => {
      if (change._tag !== "Snapshot") return Stream.succeed(change)
      for (const entry of change.entries) before.push(entry)
      if (change.more === true) return Stream.empty
      const entries = before
      before = []
      return Stream.succeed({ _tag: "Snapshot", entries })
    })
  })

/**
 * Derives the codecs of the report of an actor's end in advance, so that the first report costs no time for the
 * derivation.
 */
export const prepareGone = (): void => {
  const { endpoint } = contract.gone
  codecs(endpoint).payload.encode({ uuid: "" })
  Digest.digest(endpoint)
}

export const silent = (asked: string, bound: number): ActorUnreachable =>
  new ActorUnreachable({
    actor: null,
    target: "the registry",
    why: "timeout",
    reason: `${asked} did not answer within ${bound} ms (Timeouts.connect)`
  })

/** The client of a registrar at the other end of a connection; the client connects at its first question. */
export const remote = (connect: Effect.Effect<PeerChannel, ActorError>, env: DialogContext): Directory => {
  const ask = (call: Call<AnyEndpoint>): Effect.Effect<any, any> =>
    onOwnAccount(Effect.flatMap(connect, (channel) => Caller.run(channel, env, call)))
  const read = <A>(call: Call<AnyEndpoint>): Stream.Stream<A, ActorError> =>
    Stream.transformPull(
      Stream.unwrap(Effect.map(connect, (channel) => Caller.stream(channel, env, call as never))) as Stream.Stream<
        A,
        ActorError
      >,
      (pull) => Effect.succeed(onOwnAccount(pull))
    )
  /** Bounds the wait for each page of a long list separately, so that a long list may take longer than one bound. */
  const bounded = <A>(pages: Stream.Stream<A, ActorError>): Stream.Stream<A, ActorError> =>
    Stream.transformPull(pages, (pull) =>
      Effect.map(Timeouts, ({ connect }) =>
        Effect.timeoutOrElse(pull, {
          duration: connect,
          orElse: () => Effect.fail<ActorError>(silent("the root", connect))
        })))
  return {
    claim: (entry) => ask(contract.claim({ entry })),
    ready: (uuid, pid, replaces) => ask(contract.ready({ uuid, pid, ...(replaces === undefined ? {} : { replaces }) })),
    gone: (uuid) => Effect.ignore(ask(contract.gone({ uuid }))),
    stale: (uuid) => ask(contract.stale({ uuid })),
    list: (name, most) =>
      name !== undefined && most !== undefined
        ? ask(contract.list({ name, most }))
        : Effect.suspend(() => {
          const entries: Array<Entry> = []
          const pages = bounded(read<ReadonlyArray<Entry>>(contract.pages({ name: name ?? null })))
          return Effect.as(
            Stream.runForEach(pages, (page) =>
              Effect.sync(() => {
                for (const entry of page) entries.push(entry)
              })),
            entries
          )
        }),
    watch: (name) => whole(read<Piece>(contract.watch({ name: name ?? null })))
  }
}
