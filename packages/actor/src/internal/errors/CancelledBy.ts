/**
 * Who cancelled a fiber, and why: an annotation on its interruption (features CANC-17, W-C2).
 *
 * Effect's own interruptors are numbers of one process. When a cancel arrives from another actor, the interruption of
 * the far fiber carries this instead; its finalizers can read it from their `Exit`.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Option from "effect/Option"

/**
 * The annotation: `by` asked first, `reason` in words, `deadline` in milliseconds from then.
 *
 * @since 0.1.0
 */
export class CancelledBy extends Context.Service<CancelledBy, Cancellation>()("@furrow/actor/CancelledBy") {}

/**
 * Reads who cancelled from a cause, as a finalizer sees it.
 *
 * @example
 * ```ts
 * Effect.onExit(work, (exit) => Exit.isFailure(exit) ? Effect.log(Actor.cancelledBy(exit.cause)) : Effect.void)
 * ```
 * @since 0.1.0
 */
export const cancelledBy = <E>(cause: Cause.Cause<E>): Option.Option<Cancellation> =>
  Context.getOption(Cause.annotations(cause) as Context.Context<CancelledBy>, CancelledBy)

/** The annotation as the context an interruption takes. */
export const annotation = (cancellation: Cancellation): Context.Context<never> =>
  Context.make(CancelledBy, cancellation) as Context.Context<never>
