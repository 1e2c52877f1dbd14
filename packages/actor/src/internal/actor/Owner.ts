/**
 * What an owner has of an actor: its portal, and in whose name it ends it.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { Timeouts } from "../contract/Timeouts.ts"
import { cancellationOf } from "../dialog/Env.ts"
import * as Portal from "../portal/Portal.ts"
import type { ChildActor } from "../supervision/ChildActor.ts"
import type { Listed, Tree } from "../supervision/Tree.ts"

/** Ours, for `reason`; or, when we are ending ourselves, the name and reason of whoever wants us to. */
export const inTheNameOf = (tree: Tree, reason: string): Effect.Effect<Cancellation> =>
  Effect.withFiber((fiber) => {
    const inherited = cancellationOf(fiber, tree.env, fiber.getRef(Timeouts).finalizers)
    return Effect.succeed(inherited.reason === "interrupted" ? { ...inherited, reason } : inherited)
  })

/** Ends what we own, and waits until it is gone. */
export const endOwned = (tree: Tree, child: Listed, reason: string): Effect.Effect<void> =>
  Effect.flatMap(inTheNameOf(tree, reason), (cancellation) => child.end(cancellation))

/** The portal of whoever owns an actor: its `cancel` ends the actor, and waits until it is gone. */
export const portalOf = (
  tree: Tree,
  child: ChildActor,
  channel: PeerChannel,
  exposed: Portal.PortalOptions["exposed"],
  wait: Effect.Effect<Portal.ActorExit> = child.wait
): Portal.Portal<any> =>
  Portal.make({
    channel,
    env: tree.env,
    actor: child.actor,
    ref: child.ref,
    exposed,
    cancel: (reason) => endOwned(tree, child, reason),
    wait
  })
