/**
 * How an actor asks the root for an actor that many share: the contract, and the keeper of such actors seen from anywhere.
 *
 * A share is a stream that is open as long as the asker needs the actor. It is given back by its end, also where the asker
 * dies: no program counts by hand.
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

/** A shared actor as it is asked for: all that its start needs, as data. */
export const Wanted = Schema.Struct({
  name: Schema.String,
  module: Schema.String,
  key: Schema.String,
  /** The actor's settings by the schema of the Service; none where it has none. */
  config: Schema.NullOr(Schema.Uint8Array),
  endpoints: Schema.Array(Schema.String),
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  options: Schema.Struct({ memoryLimit: Schema.optional(Schema.Number) })
})
export type Wanted = typeof Wanted.Type

/** The keeper of shared actors, wherever it is. */
export interface Shared {
  /** The actor of that name, which lives as long as a share of it is held. */
  readonly share: (wanted: Wanted) => Effect.Effect<ActorRefData, ActorError, Scope.Scope>
}

export const share = streamEndpoint("furrow/share", {
  payload: { wanted: Wanted },
  success: ActorRefData,
  error: AnyActorError
})

/** The keeper at the other end of a connection, which is made when it is first needed. */
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
