/**
 * A portal to a role leads to the actor that plays the role now, and after a restart to this actor's successor.
 *
 * A call that begins while no actor plays the role waits, at most as many milliseconds as the role's field `holdMillis`
 * says. An open call, stream or dialog of the portal fails together with its actor. A call is repeated only if it has
 * not run, as after a refusal, or if its endpoint is `idempotent`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { isCall } from "../contract/Call.ts"
import type { ActorError } from "../errors/ActorError.ts"
import * as Portal from "./Portal.ts"
import { reasonToRepeat } from "./Repeatable.ts"

type AnyPortal = Portal.Portal<any>

export type Now =
  | { readonly _tag: "Up"; readonly portal: AnyPortal }
  | { readonly _tag: "Restarting" }
  | { readonly _tag: "Gone"; readonly error: ActorError }

/** The state of the role to which a portal leads, as the role's supervisor reports it. */
export interface Target {
  readonly name: string
  readonly holdMillis: number
  readonly now: () => Now
  /** The portal to the latest incarnation of the role, and the number of that incarnation. */
  readonly latest: () => { readonly portal: AnyPortal; readonly incarnation: number }
  /** Calls `callback` after every change of the role's state, until the function that `changed` returned is called. */
  readonly changed: (callback: () => void) => () => void
  /**
   * Makes the error of a call that has waited until the bound `holdMillis` of the role, while no actor played the role.
   */
  readonly late: () => ActorError
  /**
   * Notes that the present actor of a role begins no more calls, because this actor is being drained or ended. The
   * portal to a role asks the supervisor for a successor, if the role may have a successor.
   */
  readonly refused?: ((portal: AnyPortal) => void) | undefined
}

const isExcept = (portal: AnyPortal, except: string | undefined): boolean =>
  except !== undefined && portal.actor.uuid === except

/** Waits until an actor other than `except` plays the role, or until it is certain that no actor will play the role. */
const played = (target: Target, except: string | undefined): Effect.Effect<AnyPortal, ActorError> =>
  Effect.callback((resume) => {
    // The finalizer of `Effect.callback` runs only at an interruption, so a callback that resumes removes its listener
    // itself.
    const look = () => {
      const now = target.now()
      if (now._tag === "Restarting" || now._tag === "Up" && isExcept(now.portal, except)) return
      forget()
      resume(now._tag === "Up" ? Effect.succeed(now.portal) : Effect.fail(now.error))
    }
    const forget = target.changed(look)
    look()
    return Effect.sync(forget)
  })

export const reach = (target: Target, except?: string): Effect.Effect<AnyPortal, ActorError> =>
  Effect.suspend(() => {
    const now = target.now()
    if (now._tag === "Up" && !isExcept(now.portal, except)) return Effect.succeed(now.portal)
    if (now._tag === "Gone") return Effect.fail(now.error)
    return Effect.timeoutOrElse(played(target, except), {
      duration: target.holdMillis,
      orElse: () => Effect.fail(target.late())
    })
  })

/** The largest number of times that a call of an `idempotent` endpoint is repeated after it may have begun. */
const maxRepeats = 1

/**
 * True when a call that failed at the actor of `portal` may be repeated at the actor's successor. A call of a role is
 * not repeated if no successor can come.
 */
const hasSuccessor = (target: Target, portal: AnyPortal, isEnding: boolean): boolean => {
  if (isEnding) target.refused?.(portal)
  const now = target.now()
  return now._tag === "Restarting" || now._tag === "Up" && now.portal !== portal
}

type Refusal = {
  readonly _tag?: string
  readonly began?: string
  readonly isDraining?: boolean
  readonly actor?: { readonly uuid: string }
}

/** True for an error which means that the called actor begins no more calls, because it is being drained or ended. */
const isRefusal = (portal: AnyPortal, error: unknown): boolean => {
  const { _tag, actor, began, isDraining } = (error ?? {}) as Refusal
  return actor?.uuid === portal.actor.uuid &&
    (_tag === "ActorBusy" && isDraining === true || _tag === "ContextCancelled" && began === "no" ||
      _tag === "ActorUnreachable")
}

const changesOf = (target: Target): Stream.Stream<Portal.Reachability> =>
  Stream.callback((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        let last: Portal.Reachability | undefined
        const look = () => {
          const { _tag } = target.now()
          const next = _tag === "Up" ? "up" : _tag === "Restarting" ? "restarting" : "gone"
          if (next === last) return
          Queue.offerUnsafe(queue, last = next)
          if (next === "gone") Queue.endUnsafe(queue)
        }
        const forget = target.changed(look)
        look()
        return forget
      }),
      (forget) => Effect.sync(forget)
    )
  )

export const make = (target: Target): AnyPortal => {
  const latest = () => target.latest().portal
  const runAgain = (call: any, repeats: number): Effect.Effect<any, any> =>
    Effect.flatMap(reach(target), (portal) => {
      if (!isCall(call)) return portal.run(call)
      let reason: ReturnType<typeof reasonToRepeat>
      const mayRepeat = (error: unknown): boolean => {
        reason = reasonToRepeat(error, portal.actor, call.endpoint)
        const may = reason === "unbegun" || reason === "idempotent" && repeats < maxRepeats
        // An idempotent call that failed is repeated only at a successor, because the failed actor is gone or ending,
        // and begins no more calls.
        return may && hasSuccessor(target, portal, reason === "idempotent" || isRefusal(portal, error))
      }
      return Effect.catchIf(
        portal.run(call as any),
        mayRepeat,
        () => runAgain(call, reason === "idempotent" ? repeats + 1 : repeats)
      )
    })
  const run = (call: any) => runAgain(call, 0)
  // An actor refuses a stream before its first item and a dialog before its body runs, so a refused call can be
  // repeated.
  const isRefused = (portal: AnyPortal) => (error: unknown) =>
    isRefusal(portal, error) && hasSuccessor(target, portal, true)
  const stream = (call: any, options: any): Stream.Stream<any, any> =>
    Stream.unwrap(Effect.map(
      reach(target),
      (portal) => Stream.catchIf(portal.stream(call, options), isRefused(portal), () => stream(call, options))
    ))
  const open = (call: any, body: any, options: any): Effect.Effect<any, any, any> =>
    Effect.flatMap(reach(target), (portal) => {
      let began = false
      const once = (dialog: any) => {
        began = true
        return body(dialog)
      }
      return Effect.catchIf(
        portal.open(call, once, options),
        (error) => !began && isRefused(portal)(error),
        () => open(call, body, options)
      )
    })
  const openScoped = (call: any, options: any): Effect.Effect<any, any, any> =>
    Effect.flatMap(
      reach(target),
      (portal) => Effect.catchIf(portal.openScoped(call, options), isRefused(portal), () => openScoped(call, options))
    )
  const lasting: unknown = {
    "~furrow/Portal": () => {},
    get actor() {
      return latest().actor
    },
    name: target.name,
    get ref() {
      return latest().ref
    },
    run,
    stream,
    open,
    openScoped,
    // `cancel` of a portal to a role ends only the present incarnation, because the caller of `cancel` did not mean the
    // successor.
    cancel: (reason?: string) => Effect.suspend(() => latest().cancel(reason)),
    wait: Effect.suspend(() => latest().wait),
    closed: Effect.suspend(() => latest().closed),
    get incarnation() {
      return target.latest().incarnation
    },
    changes: changesOf(target),
    statistics: Effect.suspend(() => latest().statistics)
  }
  Portal.standsFor(lasting as AnyPortal, latest)
  return lasting as AnyPortal
}
