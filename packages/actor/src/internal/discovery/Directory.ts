/**
 * How an actor asks the registrar of its tree: the contract, and the registrar seen from anywhere. The root serves the
 * contract like any endpoint of its own (`RegistrarService`); an actor right below it asks over the connection they
 * have, a deeper one over one it dials.
 *
 * Parents register their children, because a parent is who knows when a child is ready and when it has ended, however
 * it ends: by its exit, not by a lease.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type Call, endpoint, streamEndpoint } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { type DialogContext, onOwnAccount } from "../dialog/DialogContext.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { type ActorError, type ActorId, ActorUnreachable, NameTaken } from "../errors/ActorError.ts"
import { Entry } from "../settings/ActorRef.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { Address } from "../transport/Transport.ts"
import type { Change } from "./Registrar.ts"

/** A snapshot crosses in pieces: the last one has no `more`. */
const ChangeSchema = Schema.Union([
  Schema.TaggedStruct("Snapshot", { entries: Schema.Array(Entry), more: Schema.optionalKey(Schema.Boolean) }),
  Schema.TaggedStruct("Up", { entry: Entry }),
  Schema.TaggedStruct("Down", { entry: Entry, why: Schema.Literals(["ended", "stale", "replaced"]) })
])

const filter = { name: Schema.NullOr(Schema.String) }

/** When the engine behind the root's directory does not answer, actors hear the same as the root. */
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
 * The registrar, wherever it is: the reports of parents about their children, and the questions of all.
 *
 * @category models
 * @since 0.1.0
 */
export interface Directory {
  /** Holds a name for an actor that is about to be started. Those of one role below one parent hold a unique one together. */
  readonly claim: (entry: Entry) => Effect.Effect<void, ActorError>
  /**
   * Lists an actor, once its process number is known. An actor that takes over the role of another is listed in its place,
   * in the same step: `replaces` is the uuid of the actor before it, which may be gone already.
   */
  readonly ready: (uuid: string, pid: number, replaces?: string) => Effect.Effect<void, ActorError>
  /** Reports to the registrar and never fails: without a registrar there is no tree. */
  readonly gone: (uuid: string) => Effect.Effect<void>
  /** The actor was not where the registry says: it is looked for, and forgotten if it is gone. */
  readonly stale: (uuid: string) => Effect.Effect<void, ActorError>
  /** The one that was ready last comes first. Its caller looks at the first `most` alone: more may be listed. */
  readonly list: (name: string | undefined, most?: number) => Effect.Effect<ReadonlyArray<Entry>, ActorError>
  readonly watch: (name: string | undefined) => Stream.Stream<Change, ActorError>
  /** The root of another tree, and where it listens. Absent, or `undefined`, where it is not known. */
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

/** The most entries in one piece: more would hold the event loop while they are read. */
const pieceEntries = 256

/** Cut so that other work has its turn between two pieces. */
export const inPieces = (entries: ReadonlyArray<Entry>): Stream.Stream<ReadonlyArray<Entry>> =>
  entries.length <= pieceEntries ? Stream.succeed(entries) : Stream.unfold(0, (from) =>
    Effect.as(
      Effect.yieldNow,
      from >= entries.length ? undefined : [entries.slice(from, from + pieceEntries), from + pieceEntries] as const
    ))

type Piece = typeof ChangeSchema.Type

/** The changes as they cross. */
export const pieces = <E>(changes: Stream.Stream<Change, E>): Stream.Stream<Piece, E> =>
  Stream.flatMap(
    changes,
    (change) =>
      change._tag !== "Snapshot" || change.entries.length <= pieceEntries ? Stream.succeed(change) : Stream.concat(
        Stream.map(inPieces(change.entries), (entries) => ({ _tag: "Snapshot", entries, more: true }) as const),
        Stream.succeed({ _tag: "Snapshot", entries: [] } as const)
      )
  )

/** And as they were. */
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

export const silent = (asked: string, bound: number): ActorUnreachable =>
  new ActorUnreachable({
    actor: null,
    target: "the registry",
    why: "timeout",
    reason: `${asked} did not answer within ${bound} ms (Timeouts.connect)`
  })

/** The registrar at the other end of a connection, which is made when it is first needed. */
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
  /** A long list is read as long as its pages come. */
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
        : Effect.map(
          Stream.runCollect(bounded(read<ReadonlyArray<Entry>>(contract.pages({ name: name ?? null })))),
          (pages) => pages.flat()
        ),
    watch: (name) => whole(read<Piece>(contract.watch({ name: name ?? null })))
  }
}
