/**
 * Gives an owner its power over an actor: the portal to the actor, and the cancellation with which the owner ends the
 * actor.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type { Boxed } from "@furrow/protocol/Failure"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { cancellationOf } from "../dialog/DialogContext.ts"
import { OtherFailures } from "../dialog/Failures.ts"
import { RemoteActorError } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { withoutStack } from "../errors/stack.ts"
import * as Portal from "../portal/Portal.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { drainChild } from "./Drain.ts"
import type { ChildEntry, LocalActor } from "./LocalActor.ts"

/**
 * Makes the cancellation with which this actor ends a child as the child's owner. While this actor is itself being
 * ended, the cancellation of its child has the author and the reason of this actor's end.
 */
export const ownerCancellation = (local: LocalActor, reason: string): Effect.Effect<Cancellation> =>
  Effect.withFiber((fiber) => {
    const inherited = cancellationOf(fiber, local.env, fiber.getRef(Timeouts).finalizers)
    return Effect.succeed(inherited.reason === "interrupted" ? { ...inherited, reason } : inherited)
  })

/**
 * Ends a child with the given reason, and waits until the child is gone. A child whose parent is already being
 * cancelled gets the reason and the author of the parent's cancellation, not the given reason.
 */
export const endAsOwner = (local: LocalActor, child: ChildEntry, reason: string): Effect.Effect<void> =>
  Effect.flatMap(ownerCancellation(local, reason), (cancellation) => child.end(cancellation))

/** Adds failures to a failed exit, as data beside the exit's first failure. */
export const withOthers = <A>(exit: Exit.Exit<A, unknown>, others: ReadonlyArray<Boxed>): Exit.Exit<A, unknown> => {
  if (others.length === 0 || Exit.isSuccess(exit)) return exit
  const known = Context.getOption(Cause.annotations(exit.cause) as Context.Context<OtherFailures>, OtherFailures)
  const all = [...Option.getOrElse(known, () => []), ...others]
  return Exit.failCause(Cause.annotate(exit.cause, Context.make(OtherFailures, all) as Context.Context<never>))
}

/**
 * Combines the exit of an effect that owned actors with the failures of the actors' cleanup. If an actor's cleanup
 * failed, a successful effect fails with the first of these failures, and an interrupted effect dies of the first
 * failure. A failed effect keeps its failure, and the failures of the cleanup are added to its exit as data.
 */
export const withCleanupFailures = <A>(
  exit: Exit.Exit<A, unknown>,
  cleanup: ReadonlyArray<Boxed>
): Exit.Exit<A, unknown> => {
  const [first, ...rest] = cleanup
  if (first === undefined) return exit
  // The last actor on the path of a failure is the actor that ended, although the failure may have come from an actor
  // below it.
  const actor = first.path.at(-1) ?? first.origin
  const error = withoutStack(() => new RemoteActorError({ actor, boxed: first, others: rest, ending: true }))
  if (Exit.isSuccess(exit)) return withOthers(Exit.fail(error), rest)
  if (!Cause.hasInterruptsOnly(exit.cause)) return withOthers(exit, cleanup)
  return withOthers(Exit.failCause(Cause.combine(exit.cause, Cause.die(error))), rest)
}

/**
 * Ends the actors that a Scope owns, when the Scope closes. If the cleanup of an actor fails, the closing of the Scope
 * that owns the actor fails, unless another failure came first.
 */
export const endWithScope =
  (local: LocalActor, child: ChildEntry, reason: string) => (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.flatMap(endAsOwner(local, child, reason), () => {
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) return Effect.void
      const closed = withCleanupFailures(Exit.void, child.raised)
      return Effect.orDie(closed)
    })

/**
 * Makes the portal by which the owner of an actor calls and ends the actor. The method `cancel` of an owner's portal
 * ends the actor, and waits until the actor is gone.
 */
export const portalOf = (
  local: LocalActor,
  child: ChildEntry,
  channel: PeerChannel,
  exposed: Portal.PortalOptions["exposed"],
  wait: Effect.Effect<ActorExit> = child.wait
): Portal.Portal<any> =>
  Portal.make({
    channel,
    env: local.env,
    actor: child.actor,
    ref: child.ref,
    exposed,
    cancel: (reason) => endAsOwner(local, child, reason),
    monitor: child.monitor,
    drain: drainChild(local, child.actor, channel),
    wait
  })
