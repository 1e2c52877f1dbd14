/**
 * Requests for shared actors: their contract, and the client with which an actor sends these requests to the root.
 *
 * An actor takes a share by opening a stream to the root, and keeps the stream open as long as it needs the shared
 * actor. The share ends with the stream, even if the actor that holds the share dies, so user code need not count
 * shares.
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

/** A request for a shared actor: the data that the root needs to start this actor. */
export const Wanted = Schema.Struct({
  name: Schema.String,
  module: Schema.String,
  key: Schema.String,
  /**
   * The settings of the shared actor, as the schema of its Service encodes them; null for a Service without settings.
   */
  config: Schema.NullOr(Schema.Uint8Array),
  endpoints: Schema.Array(Schema.String),
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  options: Schema.Struct({ memoryLimit: Schema.optional(Schema.Number) })
})
export type Wanted = typeof Wanted.Type

export interface Shared {
  /** Takes a share in the shared actor of the given name; the shared actor lives until its last share is given back. */
  readonly share: (wanted: Wanted) => Effect.Effect<ActorRefData, ActorError, Scope.Scope>
}

export const share = streamEndpoint("furrow/share", {
  payload: { wanted: Wanted },
  success: ActorRefData,
  error: AnyActorError
})

/**
 * Makes the client with which an actor below the root takes shares of shared actors. The connection to the root is made
 * at the first request.
 */
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
