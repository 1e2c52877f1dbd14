/**
 * The types that describe a supervised child: the effect that starts an incarnation, and the functions of a started
 * incarnation.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ActorError } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type * as Portal from "../portal/Portal.ts"
import type { Role } from "../settings/ActorRef.ts"
import type { ChildSpec } from "./SupervisorPolicy.ts"

export type AnyPortal = Portal.Portal<any>

/**
 * The callbacks for one incarnation: `silent` is called when the incarnation begins no more calls, and `died` when the
 * incarnation has ended.
 */
export interface Told {
  readonly silent: () => void
  readonly died: (exit: ActorExit) => void
}

/** A ready incarnation of a supervised child. A supervised child that is a Layer without an actor has no portal. */
export interface Incarnation {
  readonly portal: AnyPortal | undefined
  /** Registers callbacks for the end of the incarnation; they are called even if the incarnation has already ended. */
  readonly watch: (told: Told) => void
  /**
   * Makes a standby take the name of the active actor, whose uuid is the argument `from`, and then run its effect
   * `main`.
   */
  readonly takeOver?: ((from: string | undefined) => Effect.Effect<void, ActorError>) | undefined
}

/**
 * The data for the start of one incarnation: its role, whether it is a standby, and the reason for which its Scope will
 * close.
 */
export interface Part {
  readonly role: Role
  readonly isBehind: boolean
  readonly reason: () => string
}

/** One child of a supervisor: its options, and the effect that starts an incarnation of the child in a Scope. */
export interface ChildPlan {
  readonly spec: ChildSpec
  /**
   * The milliseconds that the finalizers of a supervised child may take. By default the finalizers of a supervised
   * child may take `Timeouts.finalizers`.
   */
  readonly stopWithinMillis: number | undefined
  readonly isService: boolean
  readonly start: (part: Part) => Effect.Effect<Incarnation, unknown, Scope.Scope>
  /**
   * The option `warm` of a supervised child: an effect that keeps a standby's state up to date until the standby takes
   * over.
   */
  readonly warm: ((active: AnyPortal, standby: AnyPortal) => Effect.Effect<unknown, unknown>) | undefined
}
