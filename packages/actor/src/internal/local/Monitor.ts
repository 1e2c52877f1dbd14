/**
 * Waits for the exit of any other actor of the tree. Only the parent of an actor knows the actor's exit. A monitor's
 * question goes up to the common ancestor, and then down to the parent. The parent of the monitored actor answers the
 * monitor when the actor is reaped.
 *
 * A monitor has no power over its actor and needs no connection to it. A parent keeps the last exits of its children,
 * so that a monitor that comes later gets an answer. An actor without monitors costs its parent only one entry in the
 * parent's list of last exits.
 *
 * @since 0.1.0
 */
import { Boxed } from "@furrow/protocol/Failure"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import { onOwnAccount } from "../dialog/DialogContext.ts"
import type { BoundHandlers } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import {
  type ActorError,
  ActorId,
  ActorLost,
  ActorUnreachable,
  AnyActorError,
  formatActor,
  RemoteActorError
} from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { withoutStack } from "../errors/stack.ts"
import { type ActorRefData, isBelow } from "../settings/ActorRef.ts"
import type { ChildEntry, LocalActor } from "./LocalActor.ts"
import * as OtherTrees from "./OtherTrees.ts"

const cleanup = Schema.Array(Boxed)

const Exit = Schema.Union([
  Schema.TaggedStruct("Returned", { cleanup }),
  Schema.TaggedStruct("Failed", { error: RemoteActorError, cleanup }),
  Schema.TaggedStruct("Cancelled", { by: ActorId, reason: Schema.String, cleanup }),
  Schema.TaggedStruct("Lost", { error: AnyActorError, cleanup })
])

/**
 * The answer to a question for the exit of an actor. The field `seen` is true when the actor's own parent saw the exit,
 * and false when the parent was gone before the actor.
 */
interface Told {
  readonly exit: ActorExit
  readonly seen: boolean
}

class NotKnown extends Schema.TaggedError<NotKnown>()("NotKnown", { gone: Schema.Boolean, reason: Schema.String }) {}

const monitored = endpoint("furrow/monitor", {
  payload: { actor: ActorId, path: Schema.Array(Schema.String) },
  success: Schema.Struct({ exit: Exit, seen: Schema.Boolean }),
  error: NotKnown
})

type Target = Pick<ActorRefData, "actor" | "path">

/**
 * Waits until the monitored actor is reaped: a child of this actor is awaited directly, and another actor's parent is
 * asked.
 */
const told = (local: LocalActor, target: Target): Effect.Effect<Told, NotKnown | ActorError> =>
  Effect.suspend((): Effect.Effect<Told, NotKnown | ActorError> => {
    const { parent, path: own } = local
    const { path } = target
    if (!isBelow(path, own)) {
      if (OtherTrees.isForParent(local, path)) return ask(local, parent!, target)
      return Effect.matchEffect(OtherTrees.connect(local, path), {
        onFailure: ({ gone, reason }) => Effect.fail(new NotKnown({ gone, reason })),
        onSuccess: (channel) => ask(local, channel, target)
      })
    }
    const next = path[own.length]!
    const isOurs = path.length === own.length + 1
    const child = local.child(next)
    const end = local.endOf(next)
    if (child === undefined && end !== undefined) {
      return Effect.succeed({ exit: isOurs ? end.exit : endedWith(target.actor, end.actor, end.exit), seen: isOurs })
    }
    if (child === undefined) {
      const reason = `${formatActor(local.info.id)} has no such child any more`
      return Effect.fail(new NotKnown({ gone: true, reason }))
    }
    return isOurs
      ? Effect.map(child.wait, (exit) => ({ exit, seen: true }))
      : below(local, child, target)
  })

/**
 * Asks a child for the exit of an actor below that child. A child that is asked may end before it answers, and every
 * actor below the child is then gone as well.
 */
const below = (local: LocalActor, child: ChildEntry, target: Target): Effect.Effect<Told, NotKnown | ActorError> => {
  const goneWithIt = Effect.map(
    child.wait,
    (exit) => ({ exit: endedWith(target.actor, child.actor, exit), seen: false })
  )
  return Effect.flatMap(child.connected, (channel) =>
    channel === undefined
      ? goneWithIt
      : Effect.catchIf(ask(local, channel, target), isEnd, () => goneWithIt))
}

/** True for an error of a monitor's question which means that the asked actor answers no more questions. */
const isEnd = (error: NotKnown | ActorError): boolean =>
  error._tag === "ActorLost" || error._tag === "ChannelClosed" ||
  (error._tag === "ContextCancelled" || error._tag === "RemoteActorError") && error.ending

/**
 * Returns the exit of an actor whose parent ended first and never reported this exit. The exit is derived from the
 * parent's exit.
 */
const endedWith = (actor: ActorId, above: ActorId, exit: ActorExit): ActorExit => {
  const reason = `${formatActor(above)} above it has ended`
  switch (exit._tag) {
    case "Cancelled":
      return { _tag: "Cancelled", by: exit.by, reason: exit.reason, cleanup: [] }
    case "Lost": {
      const how = { _tag: "ConnectionClosed", reason: `${formatActor(above)} above it is lost` } as const
      return {
        _tag: "Lost",
        error: withoutStack(() => new ActorLost({ actor, how, began: "maybe", stderr: [], failure: null })),
        cleanup: []
      }
    }
    default:
      return { _tag: "Cancelled", by: above, reason, cleanup: [] }
  }
}

const ask = (
  local: LocalActor,
  channel: PeerChannel,
  { actor, path }: Target
): Effect.Effect<Told, NotKnown | ActorError> =>
  onOwnAccount(Caller.run(channel, local.env, monitored({ actor, path }))) as Effect.Effect<
    Told,
    NotKnown | ActorError
  >

/** The handler that answers the monitors of an actor's parent and children. */
export const monitorHandlers = (local: LocalActor, context: Context.Context<never>): BoundHandlers =>
  new Map([[monitored.endpoint.name, {
    endpoint: monitored.endpoint,
    context,
    handler: (target: Target) =>
      Effect.mapError(
        told(local, target),
        (error) => error._tag === "NotKnown" ? error : new NotKnown({ gone: false, reason: error.message })
      )
  }]])

/**
 * Makes the refusal for a root of another tree that asks this root for the exit of an actor which is not of this tree.
 */
export const foreignEnd = () => new NotKnown({ gone: false, reason: "this root answers for its own tree alone" })

/**
 * Waits until the actor of a reference is reaped, and returns its exit. The function `heard` returns the exit that the
 * actor told over its own connection, which counts if the actor's parent did not see the exit.
 */
export const monitorRef = (
  local: LocalActor,
  ref: ActorRefData,
  heard: () => ActorExit | undefined = () => undefined
): Effect.Effect<ActorExit, ActorError> =>
  Effect.suspend((): Effect.Effect<ActorExit, ActorError> => {
    const child = local.child(ref.actor.uuid)
    if (child !== undefined) return child.monitor
    if (isBelow(local.path, ref.path)) return Effect.never
    return Effect.matchEffect(told(local, ref), {
      onSuccess: ({ exit, seen }) => Effect.succeed(seen ? exit : heard() ?? exit),
      onFailure: (error) => {
        const exit = heard()
        if (exit !== undefined) return Effect.succeed(exit)
        return Effect.fail(error._tag === "NotKnown" ? unreachable(ref, error) : error)
      }
    })
  })

const unreachable = ({ actor }: ActorRefData, { gone, reason }: NotKnown): ActorUnreachable =>
  new ActorUnreachable({ actor, target: formatActor(actor), why: gone ? "gone" : "transport", reason })
