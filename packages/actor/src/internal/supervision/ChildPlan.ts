/**
 * A child of a supervisor as it is given to the supervisor: how one incarnation of it is built, and what that tells and does.
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

/** The words of one incarnation: that no call begins there any more, and how it ended. */
export interface Told {
  readonly silent: () => void
  readonly died: (exit: ActorExit) => void
}

/** An incarnation that is up. A child that is no actor has no portal. */
export interface Incarnation {
  readonly portal: AnyPortal | undefined
  /** Calls back at the end of the actor, also at one that has happened already. */
  readonly watch: (told: Told) => void
  /** An incarnation that started behind takes over the name of another actor, and begins its main. */
  readonly takeOver?: ((from: string | undefined) => Effect.Effect<void, ActorError>) | undefined
}

/** The life of one incarnation, for its start: the role it plays or is to, and why its Scope closes when it does. */
export interface Part {
  readonly role: Role
  readonly isBehind: boolean
  readonly reason: () => string
}

/** A child, and how one incarnation of it is built in a Scope. */
export interface ChildPlan {
  readonly spec: ChildSpec
  /** The bound of its finalizers. Default: that of the context. */
  readonly stopWithinMillis: number | undefined
  readonly isService: boolean
  readonly start: (part: Part) => Effect.Effect<Incarnation, unknown, Scope.Scope>
  /** Lets a standby follow the one in front of it, until it takes over. */
  readonly warm: ((active: AnyPortal, standby: AnyPortal) => Effect.Effect<unknown, unknown>) | undefined
}
