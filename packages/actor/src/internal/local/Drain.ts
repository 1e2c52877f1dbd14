/**
 * Drains an actor: its owner asks the actor to begin no more calls, and learns when the open calls have ended.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import { wireMillis } from "../dialog/DialogContext.ts"
import type { BoundHandlers } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { type ActorError, type ActorId, ActorUnreachable, formatActor } from "../errors/ActorError.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { LocalActor } from "./LocalActor.ts"

/** The longest time in milliseconds that a timer can wait. */
const maxWithinMillis = 2 ** 31 - 1

const drain = endpoint("furrow/drain", { payload: { within: Schema.Int }, success: Schema.Int })

/**
 * Waits until no call is open, no longer than the bound of the drain; returns the number of calls that are still open.
 */
export const drainWithin = (
  drained: Effect.Effect<void>,
  open: () => number,
  within: Duration.Input
): Effect.Effect<number> =>
  Effect.map(Effect.timeoutOption(drained, Math.min(Duration.toMillis(within), maxWithinMillis)), open)

/** The handler of the request to drain, which an actor serves only to its parent. */
export const drainHandlers = (local: LocalActor, context: Context.Context<never>): BoundHandlers =>
  new Map([[drain.endpoint.name, {
    endpoint: drain.endpoint,
    context,
    handler: ({ within }: { readonly within: number }) => drainWithin(local.drained, () => local.openCalls, within)
  }]])

/** Drains a child; fails soon after the bound of the drain if the child does not answer. */
export const drainChild =
  (local: LocalActor, actor: ActorId, channel: PeerChannel) =>
  (within: Duration.Input): Effect.Effect<number, ActorError> =>
    Effect.withFiber((fiber) => {
      const millis = Math.min(wireMillis(Duration.toMillis(within)), maxWithinMillis)
      const asked = Caller.run(channel, local.env, drain({ within: millis })) as Effect.Effect<number, ActorError>
      const duration = millis + fiber.getRef(Timeouts).cancelAck
      return Effect.timeoutOrElse(asked, {
        duration,
        orElse: () => {
          const reason = `it did not say within ${duration} ms that it is drained`
          return Effect.fail(new ActorUnreachable({ actor, target: formatActor(actor), why: "timeout", reason }))
        }
      })
    })
