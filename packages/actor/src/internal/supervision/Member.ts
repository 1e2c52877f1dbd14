/**
 * One child of a supervisor, with all present incarnations of the child.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ActorError } from "../errors/ActorError.ts"
import * as Portal from "../portal/Portal.ts"
import type { Role } from "../settings/ActorRef.ts"
import { elapsed } from "../settings/Elapsed.ts"
import { logError } from "../settings/Log.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { Backoff } from "./Backoff.ts"
import type { AnyPortal, ChildPlan, Incarnation } from "./ChildPlan.ts"

/** One incarnation of a child, from its start until it is gone. */
export interface Running {
  readonly scope: Scope.Closeable
  fiber: Fiber.Fiber<Incarnation, unknown> | undefined
  up: Incarnation | undefined
  /** The fiber that runs the child's effect `warm` for this standby, until the standby takes over. */
  following: Fiber.Fiber<unknown, unknown> | undefined
  /** The portal of the actor that played the role before this incarnation took over. */
  replaced: AnyPortal | undefined
  /** The fiber that ends the incarnation, for all callers that wait for the end. */
  leaving: Fiber.Fiber<void> | undefined
}

/**
 * One child of a supervisor, with its plan, its role and its incarnations. A child that a supervisor removes and adds
 * again under the same name becomes a new member.
 */
export interface Member {
  readonly plan: ChildPlan
  readonly role: Role
  readonly portal: AnyPortal | undefined
  /** The result of the first start of a child that was added to a running supervisor. */
  readonly answer: Deferred.Deferred<AnyPortal, unknown>
  readonly running: Map<number, Running>
  /** The incarnation that plays the child's role now, or was the last to play it. */
  playing: { readonly portal: AnyPortal; readonly incarnation: number } | undefined
  /** The delays before new standbys of this child, and the fiber that waits for the present delay. */
  standbys: { readonly backoff: Backoff; fiber: Fiber.Fiber<boolean> | undefined } | undefined
  /**
   * The callbacks that are called when the state of the child's portal changes, or another actor takes over the role.
   */
  readonly listeners: Set<() => void>
}

export const wake = (listeners: ReadonlySet<() => void>): void => {
  for (const listener of Array.from(listeners)) listener()
}

/** Adds a new incarnation to the record of a supervised child, before the incarnation starts. */
export const running = (member: Member, incarnation: number): Running => {
  const running: Running = {
    scope: Scope.makeUnsafe(),
    fiber: undefined,
    up: undefined,
    following: undefined,
    replaced: undefined,
    leaving: undefined
  }
  member.running.set(incarnation, running)
  return running
}

/** Makes the Effect context in which one incarnation of a child starts. */
export const contextOf = (
  context: Context.Context<never>,
  portals: Context.Context<never>,
  { stopWithinMillis }: ChildPlan,
  { scope }: Running
): Context.Context<Scope.Scope> => {
  const timeouts = Context.get(context, Timeouts)
  const bounds = stopWithinMillis === undefined ? timeouts : { ...timeouts, finalizers: stopWithinMillis }
  return Context.mergeAll(context, portals, Context.make(Scope.Scope, scope), Context.make(Timeouts, bounds))
}

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/**
 * Ends an incarnation of a child. A second call of `end` for the incarnation returns the fiber of the first call, and
 * starts no second end.
 */
export const end = (
  { plan }: Member,
  running: Running,
  fork: Fork,
  unclean: (cause: Cause.Cause<unknown>) => Effect.Effect<void>
): Fiber.Fiber<void> => {
  if (running.leaving !== undefined) return running.leaving
  const { fiber, following, scope } = running
  const { isService, spec: { key }, stopWithinMillis } = plan
  following?.interruptUnsafe()
  const closed = Effect.catchCause(
    Effect.andThen(fiber === undefined ? Effect.void : Fiber.interrupt(fiber), Scope.close(scope, Exit.void)),
    unclean
  )
  // The shutdown ladder bounds the end of an actor. The finalizers of a child that is a plain Layer have a bound only
  // if the child's options set one.
  if (isService || stopWithinMillis === undefined) return running.leaving = fork(closed)
  const closing = fork(closed)
  const bounded = Effect.gen(function*() {
    const { cancelAck, terminate } = yield* Timeouts
    const bound = stopWithinMillis + cancelAck + terminate
    const late = Effect.andThen(
      elapsed(bound),
      logError(`the supervised "${key}" did not stop within ${bound} ms: its supervisor goes on without it`)
    )
    yield* Effect.raceFirst(Effect.asVoid(Fiber.await(closing)), late)
  })
  return running.leaving = fork(bounded)
}

/** Makes the given incarnation play the role of the child from now on. */
export const play = (member: Member, incarnation: number): void => {
  const next = member.running.get(incarnation)!
  next.replaced = member.playing!.portal
  member.playing = { portal: next.up!.portal!, incarnation }
  // The effect `warm` of a standby may still be running when the standby takes over, and is then interrupted.
  next.following?.interruptUnsafe()
}

/**
 * Gives the name of the replaced actor to the incarnation that plays the role now, and drains the replaced actor. The
 * function `handOver` returns the number of the replaced actor's calls that were still open when the time of the drain
 * was over.
 */
export const handOver = (
  { plan }: Member,
  running: Running,
  drainMillis: number | undefined
): Effect.Effect<number | null, ActorError> => {
  const { replaced, up } = running
  // An incarnation forgets the portal of the actor that it has replaced, because otherwise the portals of all earlier
  // incarnations would stay in memory.
  running.replaced = undefined
  const named = Effect.catchCause(
    up!.takeOver!(replaced!.actor.uuid),
    (cause) => logError(`the name of the supervised "${plan.spec.key}" was not handed over`, cause)
  )
  return Effect.andThen(named, drainMillis === undefined ? Effect.succeed(null) : Portal.drain(replaced!, drainMillis))
}
