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
import { type ActorError, ActorUnreachable, NameTaken } from "../errors/ActorError.ts"
import { Entry } from "../settings/ActorRef.ts"
import type { Change } from "./Registrar.ts"

const ChangeSchema = Schema.Union([
  Schema.TaggedStruct("Snapshot", { entries: Schema.Array(Entry) }),
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
    payload: { ...filter, most: Schema.optionalKey(Schema.Int) },
    success: Schema.Array(Entry),
    error
  }),
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
}

/** The registrar at the other end of a connection, which is made when it is first needed. */
export const remote = (connect: Effect.Effect<PeerChannel, ActorError>, env: DialogContext): Directory => {
  const ask = (call: Call<AnyEndpoint>): Effect.Effect<any, any> =>
    onOwnAccount(Effect.flatMap(connect, (channel) => Caller.run(channel, env, call)))
  return {
    claim: (entry) => ask(contract.claim({ entry })),
    ready: (uuid, pid, replaces) => ask(contract.ready({ uuid, pid, ...(replaces === undefined ? {} : { replaces }) })),
    gone: (uuid) => Effect.ignore(ask(contract.gone({ uuid }))),
    stale: (uuid) => ask(contract.stale({ uuid })),
    list: (name, most) => ask(contract.list({ name: name ?? null, ...(most === undefined ? {} : { most }) })),
    watch: (name) => {
      const changes = Stream.unwrap(
        Effect.map(connect, (channel) => Caller.stream(channel, env, contract.watch({ name: name ?? null })))
      ) as Stream.Stream<Change, ActorError>
      return Stream.transformPull(changes, (pull) => Effect.succeed(onOwnAccount(pull)))
    }
  }
}
