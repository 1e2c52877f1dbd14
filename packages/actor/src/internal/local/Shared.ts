/**
 * The questions of an actor to the root for a shared actor: their contract, and a client of the keeper of shared
 * actors.
 *
 * A share is a stream that is open as long as its holder needs the shared actor. A share ends with its stream, even if
 * its holder dies, so no program has to count shares of an actor.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type Call, streamEndpoint } from "../contract/Call.ts"
import type { AnyEndpoint } from "../contract/Endpoint.ts"
import { type DialogContext, onOwnAccount } from "../dialog/DialogContext.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { type ActorError, ActorUnreachable, AnyActorError, isActorError } from "../errors/ActorError.ts"
import { ActorRefData } from "../settings/ActorRef.ts"

/** A request for a shared actor: all that the start of the actor needs, as data. */
export const Wanted = Schema.Struct({
  name: Schema.String,
  module: Schema.String,
  key: Schema.String,
  /** The encoded settings of the actor, by the schema of its Service; null for a Service without settings. */
  config: Schema.NullOr(Schema.Uint8Array),
  endpoints: Schema.Array(Schema.String),
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  options: Schema.Struct({ memoryLimit: Schema.optional(Schema.Number) })
})
export type Wanted = typeof Wanted.Type

/** The client of the keeper of shared actors, whether the keeper is in this process or in another. */
export interface Shared {
  /** Takes a share in the shared actor of the given name; the actor lives as long as one share of it is held. */
  readonly share: (wanted: Wanted) => Effect.Effect<ActorRefData, ActorError, Scope.Scope>
}

export const share = streamEndpoint("furrow/share", {
  payload: { wanted: Wanted },
  success: ActorRefData,
  error: AnyActorError
})

/** Makes the client of a keeper at the other end of a connection, which is made at the first request. */
export const remote = (connect: Effect.Effect<PeerChannel, ActorError>, env: DialogContext): Shared => ({
  share: (wanted) =>
    Effect.gen(function*() {
      const call: Call<AnyEndpoint> = share({ wanted })
      const shares = Stream.unwrap(
        Effect.map(connect, (channel) => Caller.stream(channel, env, call))
      ) as Stream.Stream<ActorRefData, ActorError>
      const pull = yield* Stream.toPull(
        Stream.transformPull(shares, (pull) => Effect.succeed(onOwnAccount(pull)))
      )
      const [ref] = yield* Effect.catch(pull, (error) => isActorError(error) ? Effect.fail(error) : ended)
      return ref
    })
})

const ended: Effect.Effect<never, ActorError> = Effect.suspend(() =>
  Effect.fail(
    new ActorUnreachable({ actor: null, target: "the root", why: "gone", reason: "it gave a share up at once" })
  )
)
