/**
 * What an owner has of an actor: its portal, and in whose name it ends it.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { cancellationOf } from "../dialog/DialogContext.ts"
import * as Portal from "../portal/Portal.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { ChildEntry, LocalActor } from "./LocalActor.ts"

/** Ours, for `reason`; or, when we are ending ourselves, the name and reason of whoever wants us to. */
export const ownerCancellation = (local: LocalActor, reason: string): Effect.Effect<Cancellation> =>
  Effect.withFiber((fiber) => {
    const inherited = cancellationOf(fiber, local.env, fiber.getRef(Timeouts).finalizers)
    return Effect.succeed(inherited.reason === "interrupted" ? { ...inherited, reason } : inherited)
  })

/** Ends what we own, and waits until it is gone. */
export const endAsOwner = (local: LocalActor, child: ChildEntry, reason: string): Effect.Effect<void> =>
  Effect.flatMap(ownerCancellation(local, reason), (cancellation) => child.end(cancellation))

/** The portal of whoever owns an actor: its `cancel` ends the actor, and waits until it is gone. */
export const portalOf = (
  local: LocalActor,
  child: ChildEntry,
  channel: PeerChannel,
  exposed: Portal.PortalOptions["exposed"],
  wait: Effect.Effect<Portal.ActorExit> = child.wait
): Portal.Portal<any> =>
  Portal.make({
    channel,
    env: local.env,
    actor: child.actor,
    ref: child.ref,
    exposed,
    cancel: (reason) => endAsOwner(local, child, reason),
    wait
  })
