/**
 * Makes portals to actors that other actors own. A borrowed portal works as long as its Scope is open, and cannot force
 * its actor to end.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { exitOf } from "../channel/Farewell.ts"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { wireMillis } from "../dialog/DialogContext.ts"
import { Unreachable } from "../discovery/Peers.ts"
import { type ActorError, ActorUnreachable, ChannelClosed } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import * as Portal from "../portal/Portal.ts"
import { type ActorRefData, isBelow } from "../settings/ActorRef.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { drainChild } from "./Drain.ts"
import type { LocalActor } from "./LocalActor.ts"
import { monitorRef } from "./Monitor.ts"
import { endAsOwner, ownerCancellation } from "./Owner.ts"

/** Connects to the actor of a reference; the error of a failed connection names the reason. */
export const connect = (local: LocalActor, ref: ActorRefData): Effect.Effect<PeerChannel, Unreachable> => {
  if (local.reach !== undefined) return local.reach.peers.connect(ref)
  const reason = "handlers that run here reach no peer"
  return Effect.fail(
    new Unreachable(false, new ActorUnreachable({ actor: ref.actor, target: ref.actor.name, why: "none", reason }))
  )
}

/** Makes a borrowed portal over a connection, which works as long as the Scope and the connection are open. */
export const borrowed = (
  local: LocalActor,
  ref: ActorRefData,
  channel: PeerChannel,
  scope: Scope.Scope | undefined
): Effect.Effect<Portal.Portal<any>> => {
  // The child is looked up when the portal is made, because the portal may be asked about the child after the child has
  // ended.
  const child = local.child(ref.actor.uuid)
  let closed: ActorError | undefined
  const portal = Portal.make({
    channel,
    env: local.env,
    actor: ref.actor,
    ref,
    exposed: new Map(ref.exposed.map(({ module, name }) => [name, module ?? undefined])),
    closed: () => closed,
    cancel: (reason) =>
      child === undefined
        ? Effect.flatMap(ownerCancellation(local, reason), (cancellation) => cancel(local, ref, channel, cancellation))
        : endAsOwner(local, child, reason),
    wait: child === undefined ? wait(local, ref, channel) : child.wait,
    drain: child === undefined ? undefined : drainChild(local, child.actor, channel),
    monitor: child === undefined ? monitorPeer(local, ref, channel) : child.monitor
  })
  const close = Effect.sync(() => {
    closed = new ChannelClosed({ side: "local", actor: ref.actor })
  })
  return scope === undefined ? Effect.succeed(portal) : Effect.as(Scope.addFinalizer(scope, close), portal)
}

const monitorPeer = (
  local: LocalActor,
  ref: ActorRefData,
  channel: PeerChannel
): Effect.Effect<ActorExit, ActorError> =>
  monitorRef(local, ref, () => channel.latest.bye === undefined ? undefined : exitOfPeer(channel.latest))

/**
 * Waits for the exit of an actor, as a monitor does. The end of the connection counts as the exit if the tree does not
 * know the actor's exit.
 */
const wait = (local: LocalActor, ref: ActorRefData, channel: PeerChannel): Effect.Effect<ActorExit> =>
  Effect.catch(monitorPeer(local, ref, channel), () =>
    local.reach === undefined
      ? Effect.never
      : endOfPeer(local, channel))

/** Waits for the end of a peer by its connection, and by the successors of a retired connection. */
const endOfPeer = (local: LocalActor, channel: PeerChannel): Effect.Effect<ActorExit> =>
  Effect.flatMap(local.reach!.peers.ended(channel), () =>
    !channel.parting.isRetired
      ? Effect.succeed(exitOfPeer(channel))
      : Effect.matchEffect(channel.parting.succession!.successor, {
        onFailure: (error) => Effect.succeed<ActorExit>({ _tag: "Lost", error, cleanup: [] }),
        onSuccess: (next) => endOfPeer(local, next)
      }))

/** The exit in the last word of an actor, or `Lost` when the connection ended without a last word. */
const exitOfPeer = (channel: PeerChannel): ActorExit => {
  const exit = channel.bye === undefined ? undefined : exitOf(channel.bye, channel.peer)
  if (exit !== undefined) return exit
  const error = channel.error ?? new ChannelClosed({ side: "peer", actor: channel.peer })
  return { _tag: "Lost", error, cleanup: [] }
}

/** Asks the actor of a borrowed portal to end, and waits no longer than the owner would need to force the end. */
const cancel = (
  local: LocalActor,
  ref: ActorRefData,
  channel: PeerChannel,
  cancellation: Cancellation
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const { by, reason } = cancellation
    const again = ({ parting }: PeerChannel): Effect.Effect<void> =>
      Effect.matchEffect(parting.succession!.successor, {
        onFailure: () => Effect.void,
        onSuccess: (next) => cancel(local, ref, next, cancellation)
      })
    if (isBelow(local.path, ref.path)) {
      return Effect.die(new Error("an actor cannot cancel one above it: a parent outlives its children"))
    }
    const { cancelAck, finalizers, terminate } = fiber.getRef(Timeouts)
    if (channel.parting.isRetired) return again(channel)
    if (channel.error !== undefined || local.reach === undefined) return Effect.void
    channel.send({ _tag: "CancelActor", by, reason, deadline: wireMillis(finalizers) })
    // If the connection retired before it carried the request to end the actor, the request is repeated on the
    // connection's successor.
    const ended = Effect.flatMap(
      local.reach.peers.ended(channel),
      () => channel.parting.isRetired ? again(channel) : Effect.void
    )
    return Effect.timeoutOrElse(ended, {
      duration: cancelAck + finalizers + terminate,
      orElse: () =>
        Effect.sync(() => {
          local.events.publish({ _tag: "CancelUnacknowledged", actor: ref.actor, endpoint: "the actor" })
        })
    })
  })
