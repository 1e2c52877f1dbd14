/**
 * The plan of a supervised child: the effect that builds one incarnation, the reports of an incarnation, and the
 * functions on an incarnation.
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

/** The reports of one incarnation: that it begins no more calls, and how it ended. */
export interface Told {
  readonly silent: () => void
  readonly died: (exit: ActorExit) => void
}

/** An incarnation of a child that is up. A child that is a plain Layer, and no actor, has no portal. */
export interface Incarnation {
  readonly portal: AnyPortal | undefined
  /** Registers callbacks for the end of the actor, which are called even if the actor has ended already. */
  readonly watch: (told: Told) => void
  /** Makes an incarnation that started behind another actor take over that actor's name, and begin its own main. */
  readonly takeOver?: ((from: string | undefined) => Effect.Effect<void, ActorError>) | undefined
}

/** Data for the start of one incarnation: the role that it plays or will play, and the reason why its Scope closes. */
export interface Part {
  readonly role: Role
  readonly isBehind: boolean
  readonly reason: () => string
}

/** A child of a supervisor, and the effect that builds one incarnation of it in a Scope. */
export interface ChildPlan {
  readonly spec: ChildSpec
  /**
   * The milliseconds that the child's finalizers may take. By default the finalizers of a child may take
   * `Timeouts.finalizers` of the context.
   */
  readonly stopWithinMillis: number | undefined
  readonly isService: boolean
  readonly start: (part: Part) => Effect.Effect<Incarnation, unknown, Scope.Scope>
  /**
   * The effect that runs beside a standby and keeps its state up to date with the actor in front, until the standby
   * takes over.
   */
  readonly warm: ((active: AnyPortal, standby: AnyPortal) => Effect.Effect<unknown, unknown>) | undefined
}
