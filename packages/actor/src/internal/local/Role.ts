/**
 * Finds actors by role. Each successor of a supervised actor plays the same role, and a reference to any of these
 * actors names the role. A search for the actor that plays a role asks the actor in which the role's supervisor runs.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import type { Type } from "../contract/Endpoint.ts"
import { onOwnAccount } from "../dialog/DialogContext.ts"
import type { BoundHandlers } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { type ActorError, ActorUnreachable, ChannelClosed, formatActor } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import * as LastingPortal from "../portal/LastingPortal.ts"
import * as Portal from "../portal/Portal.ts"
import { ActorRefData, isBelow, type Role } from "../settings/ActorRef.ts"
import { Waiters } from "../settings/Waiters.ts"
import { borrowed, connect } from "./Borrow.ts"
import type { LocalActor } from "./LocalActor.ts"
import * as OtherTrees from "./OtherTrees.ts"

class NotPlayed extends Schema.TaggedError<NotPlayed>()("NotPlayed", { gone: Schema.Boolean, reason: Schema.String }) {}

const resolved = endpoint("furrow/resolve", {
  payload: {
    parent: Schema.Array(Schema.String),
    role: Schema.String,
    /** The uuid of an actor which, as the asking actor knows, no longer plays the role. */
    except: Schema.optionalKey(Schema.String)
  },
  success: ActorRefData,
  error: NotPlayed
})

type Question = Type<typeof resolved.endpoint.payload>

/**
 * Finds the actor that plays a role now, and skips the actor whose uuid is `except`. The function `resolve` passes the
 * search for a role along the path to the actor in which the role's supervisor runs. While a supervisor restarts the
 * actor of a role, a search for the role waits, as calls to the role do.
 */
const resolve = (local: LocalActor, question: Question): Effect.Effect<ActorRefData, NotPlayed> =>
  Effect.suspend((): Effect.Effect<ActorRefData, NotPlayed> => {
    const { parent: up, path: own } = local
    const { except, parent, role } = question
    const gone = (reason: string) => Effect.fail(new NotPlayed({ gone: true, reason }))
    if (!isBelow(parent, own)) {
      if (OtherTrees.isForParent(local, parent)) return ask(local, up!, question)
      return Effect.matchEffect(OtherTrees.connect(local, parent), {
        onFailure: ({ gone, reason }) => Effect.fail(new NotPlayed({ gone, reason })),
        onSuccess: (channel) => ask(local, channel, question)
      })
    }
    if (parent.length > own.length) {
      const child = local.child(parent[own.length])
      const none = gone("the actor of its supervisor has ended")
      if (child === undefined) return none
      return Effect.flatMap(child.connected, (channel) => channel === undefined ? none : ask(local, channel, question))
    }
    const player = local.roles.get(role)
    if (player === undefined) {
      return gone("its supervisor has ended")
    }
    return Effect.mapError(
      player(except),
      (error) =>
        new NotPlayed({ gone: error._tag !== "ActorUnreachable" || error.why !== "timeout", reason: error.message })
    )
  })

const ask = (local: LocalActor, channel: PeerChannel, question: Question): Effect.Effect<ActorRefData, NotPlayed> =>
  Effect.mapError(
    onOwnAccount(Caller.run(channel, local.env, resolved(question))) as Effect.Effect<
      ActorRefData,
      NotPlayed | ActorError
    >,
    (error) =>
      error._tag === "NotPlayed"
        ? error
        : new NotPlayed({ gone: error._tag === "ActorLost" || error._tag === "ChannelClosed", reason: error.message })
  )

/** Makes the refusal for a root of another tree that asks this root about a role which is not of this tree. */
export const foreignRole = () => new NotPlayed({ gone: false, reason: "this root answers for its own tree alone" })

/** The handlers that answer when a parent or a child asks which actor plays a role. */
export const roleHandlers = (local: LocalActor, context: Context.Context<never>): BoundHandlers =>
  new Map([[resolved.endpoint.name, {
    endpoint: resolved.endpoint,
    context,
    handler: (question: Question) => resolve(local, question)
  }]])

// ---- the portal to a role -------------------------------------------------------------------------------------------

/** The milliseconds after which an unanswered search for the successor of a role's actor is repeated. */
const askAgainMillis = 1000

type State =
  | { readonly _tag: "Up"; readonly portal: Portal.Portal<any>; readonly incarnation: number }
  /**
   * The connection to the actor of a role has ended, or the actor is being drained, so the supervisor is asked for a
   * successor.
   */
  | {
    readonly _tag: "Asking"
    readonly before: Portal.Portal<any>
    readonly incarnation: number
    readonly reason: string
  }
  | {
    readonly _tag: "Gone"
    readonly before: Portal.Portal<any>
    readonly incarnation: number
    readonly error: ActorError
  }

/** A portal to the actor of a role; when that actor is gone, the portal dials the actor's successor. */
class Player {
  private state: State
  private readonly local: LocalActor
  private readonly ref: ActorRefData
  private readonly role: Role
  private readonly context: Context.Context<never>
  private readonly changes = new Waiters<void>()
  private asking: Fiber.Fiber<void> | undefined
  readonly portal: Portal.Portal<any>

  constructor(
    local: LocalActor,
    first: Portal.Portal<any>,
    ref: ActorRefData,
    role: Role,
    context: Context.Context<never>
  ) {
    this.local = local
    this.ref = ref
    this.role = role
    this.context = context
    this.state = { _tag: "Up", portal: first, incarnation: 1 }
    this.portal = LastingPortal.make({
      name: ref.actor.name,
      holdMillis: role.holdMillis,
      now: () => this.now(),
      latest: () => {
        const { incarnation } = this.state
        return { incarnation, portal: this.state._tag === "Up" ? this.state.portal : this.state.before }
      },
      changed: (callback) => this.listen(callback),
      late: () => this.unreachable("timeout", this.state._tag === "Asking" ? this.state.reason : "it is started again"),
      refused: (portal) => this.succeed(portal, "its actor begins no calls any more")
    })
    this.watch(first)
  }

  private listen(callback: () => void): () => void {
    let forget = () => {}
    const again = () => {
      forget = this.changes.add(again)
      callback()
    }
    forget = this.changes.add(again)
    return () => forget()
  }

  private now(): LastingPortal.Now {
    const { state } = this
    if (state._tag === "Up") return { _tag: "Up", portal: state.portal }
    return state._tag === "Gone" ? { _tag: "Gone", error: state.error } : { _tag: "Restarting" }
  }

  private become(state: State): void {
    if (this.state._tag === "Gone") return
    this.state = state
    this.changes.wake()
  }

  private watch(portal: Portal.Portal<any>): void {
    Portal.whenFoundClosed(portal, () => this.succeed(portal, "its supervisor starts it again"))
  }

  /** Asks once for the successor of the actor to which `portal` leads. */
  private succeed(portal: Portal.Portal<any>, reason: string): void {
    const { state } = this
    if (state._tag !== "Up" || state.portal !== portal) return
    const { incarnation } = state
    this.become({ _tag: "Asking", before: portal, incarnation, reason })
    this.asking = Effect.runForkWith(this.context)(this.dial(portal, incarnation))
  }

  private dial(before: Portal.Portal<any>, incarnation: number): Effect.Effect<void> {
    return successor(this.local, this.ref, this.role, before.actor.uuid).pipe(
      Effect.tapError(({ gone, reason }) =>
        Effect.sync(() => {
          if (!gone) this.become({ _tag: "Asking", before, incarnation, reason })
        })
      ),
      Effect.retry({ while: ({ gone }) => !gone, schedule: Schedule.spaced(askAgainMillis) }),
      Effect.match({
        onSuccess: (portal) => {
          this.become({ _tag: "Up", portal, incarnation: incarnation + 1 })
          this.watch(portal)
        },
        onFailure: ({ reason }) =>
          this.become({ _tag: "Gone", before, incarnation, error: this.unreachable("gone", reason) })
      })
    )
  }

  private unreachable(why: "timeout" | "gone", reason: string): ActorUnreachable {
    const { actor } = this.ref
    return withoutStack(() => new ActorUnreachable({ actor, target: formatActor(actor), why, reason }))
  }

  readonly close = Effect.sync(() => {
    const { incarnation } = this.state
    const before = this.state._tag === "Up" ? this.state.portal : this.state.before
    const error = new ChannelClosed({ side: "local", actor: before.actor })
    this.become({ _tag: "Gone", before, incarnation, error })
    this.asking?.interruptUnsafe()
  })
}

/** Makes a portal to the actor that plays the role now, or will play it, other than the actor `except`. */
const successor = (
  local: LocalActor,
  { path }: ActorRefData,
  { name }: Role,
  except: string | undefined
): Effect.Effect<Portal.Portal<any>, NotPlayed> =>
  Effect.flatMap(
    resolve(local, { parent: path.slice(0, -1), role: name, ...(except === undefined ? {} : { except }) }),
    (ref) =>
      Effect.flatMap(
        Effect.mapError(connect(local, ref), ({ error }) => new NotPlayed({ gone: false, reason: error.message })),
        (channel) => borrowed(local, ref, channel, undefined)
      )
  )

/**
 * Connects to the actor that a reference names. If the actor of a reference is gone, the function `firstOf` tries the
 * actor's successor, and fails with `gone` when no successor will come.
 */
const firstOf = (
  local: LocalActor,
  ref: ActorRefData,
  role: Role
): Effect.Effect<Portal.Portal<any>, { readonly error: ActorError; readonly gone: boolean }> =>
  Effect.flatMap(connect(local, ref), (channel) => borrowed(local, ref, channel, undefined)).pipe(
    Effect.catch(({ error }) =>
      Effect.mapError(successor(local, ref, role, undefined), ({ gone }) => ({ error, gone }))
    )
  )

/**
 * Opens a portal to the actor of an untyped reference; the portal is open as long as its Scope. A reference with a role
 * gives a portal that survives restarts. If the actor of the reference is gone already, the portal leads to its
 * successor.
 */
export const openPortal = (
  local: LocalActor,
  ref: ActorRefData,
  scope: Scope.Scope | undefined
): Effect.Effect<Portal.Portal<any>, ActorError> => {
  const { role } = ref
  const opened = role === undefined
    ? Effect.flatMap(connect(local, ref), (channel) => borrowed(local, ref, channel, scope))
    : Effect.flatMap(firstOf(local, ref, role), (first) => following(local, first, ref, role, scope))
  return Effect.mapError(opened, ({ error }) => error)
}

/** Opens a portal to the actor of a reference with a role; returns none when no actor plays the role any more. */
export const openPlayed = (
  local: LocalActor,
  ref: ActorRefData,
  role: Role,
  scope: Scope.Scope
): Effect.Effect<Option.Option<Portal.Portal<any>>, ActorError> =>
  Effect.matchEffect(firstOf(local, ref, role), {
    onSuccess: (first) => Effect.asSome(following(local, first, ref, role, scope)),
    onFailure: ({ error, gone }) => gone ? Effect.succeedNone : Effect.fail(error)
  })

/** Makes a portal to a role: the portal leads to the present actor of the role, and later to each successor. */
const following = (
  local: LocalActor,
  first: Portal.Portal<any>,
  ref: ActorRefData,
  role: Role,
  scope: Scope.Scope | undefined
): Effect.Effect<Portal.Portal<any>> =>
  Effect.withFiber(({ context }) => {
    const player = new Player(local, first, ref, role, context)
    return scope === undefined
      ? Effect.succeed(player.portal)
      : Effect.as(Scope.addFinalizer(scope, player.close), player.portal)
  })

/**
 * Makes a portal over a connection to the actor of a reference. A reference with a role gives a portal that survives
 * restarts.
 */
export const portalOver = (
  local: LocalActor,
  ref: ActorRefData,
  channel: PeerChannel,
  scope: Scope.Scope
): Effect.Effect<Portal.Portal<any>> => {
  const { role } = ref
  return role === undefined
    ? borrowed(local, ref, channel, scope)
    : Effect.flatMap(borrowed(local, ref, channel, undefined), (first) => following(local, first, ref, role, scope))
}
