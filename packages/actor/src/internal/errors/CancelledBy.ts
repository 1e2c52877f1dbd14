/**
 * The author and the reason of a cancel, as an annotation on the interruption of a fiber.
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
 * The annotation on the interruption that a cancel from another actor causes: `by` asked first, `reason` in words,
 * `deadline` in milliseconds from then. `cancelledBy` reads it.
 *
 * @example
 * ```ts
 * const exit = yield* Effect.exit(Effect.interrupt)
 * const annotations = Exit.isFailure(exit) ? Cause.annotations(exit.cause) : Context.empty()
 * Context.getOption(annotations, ActorError.CancelledBy) // Option.none()
 * ```
 * @category cancellation
 * @since 0.1.0
 */
export class CancelledBy extends Context.Service<CancelledBy, Cancellation>()("@furrow/actor/CancelledBy") {}

/**
 * Reads from a cause which actor cancelled the work and why, as a finalizer sees it. None where the work was
 * interrupted in its own actor, or was not interrupted.
 *
 * @example
 * ```ts
 * export const guarded = Actor.fn("guarded", { module: import.meta.url })(() =>
 *   Effect.onExit(Effect.never, (exit) =>
 *     Exit.isFailure(exit)
 *       ? Option.match(Actor.cancelledBy(exit.cause), {
 *         onNone: () => Effect.void,
 *         onSome: ({ by, reason }) => Effect.logDebug(`${by.name} cancelled: ${reason}`)
 *       })
 *       : Effect.void))
 *
 * yield* Effect.timeoutOption(Actor.runInActor(guarded()), "200 millis") // Option.none()
 * ```
 * @category cancellation
 * @since 0.1.0
 */
export const cancelledBy = <E>(cause: Cause.Cause<E>): Option.Option<Cancellation> =>
  Context.getOption(Cause.annotations(cause) as Context.Context<CancelledBy>, CancelledBy)

/** The annotation in the form of the context that an interruption takes. */
export const annotation = (cancellation: Cancellation): Context.Context<never> =>
  Context.make(CancelledBy, cancellation) as Context.Context<never>
