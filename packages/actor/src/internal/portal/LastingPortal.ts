/**
 * A portal to a role: to the actor that plays it now, and to its successor after a restart.
 *
 * A call that is made while the role is not played waits, no longer than `holdMillis`. A call in flight fails with the
 * actor it was made to, and so does a stream or a dialog. Made again is only a call that has not run, or one of an
 * `idempotent` endpoint.
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

/** A role, as its supervisor tells it. */
export interface Target {
  readonly name: string
  readonly holdMillis: number
  readonly now: () => Now
  /** The portal to the latest incarnation, and its number. */
  readonly latest: () => { readonly portal: AnyPortal; readonly incarnation: number }
  /** Calls back after every change until the returned function is called. */
  readonly changed: (callback: () => void) => () => void
  /** The error of a call that has waited long enough. */
  readonly late: () => ActorError
}

/** Waits until the role is played, or will not be any more. */
const played = (target: Target): Effect.Effect<AnyPortal, ActorError> =>
  Effect.callback((resume) => {
    // The finalizer of a callback runs where it is interrupted, and not where it is resumed.
    const look = () => {
      const now = target.now()
      if (now._tag === "Restarting") return
      forget()
      resume(now._tag === "Up" ? Effect.succeed(now.portal) : Effect.fail(now.error))
    }
    const forget = target.changed(look)
    look()
    return Effect.sync(forget)
  })

export const reach = (target: Target): Effect.Effect<AnyPortal, ActorError> =>
  Effect.suspend(() => {
    const now = target.now()
    if (now._tag === "Up") return Effect.succeed(now.portal)
    if (now._tag === "Gone") return Effect.fail(now.error)
    return Effect.timeoutOrElse(played(target), {
      duration: target.holdMillis,
      orElse: () => Effect.fail(target.late())
    })
  })

/** How often one call of an `idempotent` endpoint is made again after it may have begun. */
const maxRepeats = 1

/** True where a call that failed at `portal` may reach another one: without any to come, the failure stands. */
const hasSuccessor = (target: Target, portal: AnyPortal): boolean => {
  const now = target.now()
  return now._tag === "Restarting" || now._tag === "Up" && now.portal !== portal
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
        reason = hasSuccessor(target, portal) ? reasonToRepeat(error, portal.actor, call.endpoint) : undefined
        return reason === "unbegun" || reason === "idempotent" && repeats < maxRepeats
      }
      return Effect.catchIf(
        portal.run(call as any),
        mayRepeat,
        () => runAgain(call, reason === "idempotent" ? repeats + 1 : repeats)
      )
    })
  const run = (call: any) => runAgain(call, 0)
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
    stream: (call: any, options: any) =>
      Stream.unwrap(Effect.map(reach(target), (portal) => portal.stream(call, options))),
    open: (call: any, body: any, options: any) =>
      Effect.flatMap(reach(target), (portal) => portal.open(call, body, options)),
    openScoped: (call: any, options: any) =>
      Effect.flatMap(reach(target), (portal) => portal.openScoped(call, options)),
    // Names the incarnation of this moment: its successor was not meant.
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
