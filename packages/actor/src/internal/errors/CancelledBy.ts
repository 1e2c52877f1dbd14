/**
 * The author and the reason of a cancel, as an annotation on the interruption of a fiber.
 *
 * Effect's own interruptors are fiber numbers, which mean nothing in another process. When another actor cancels a
 * call, the finalizers of the call's fiber read that actor and the reason from their `Exit`.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Option from "effect/Option"

/**
 * The annotation on an interruption that another actor's cancel causes. The field `by` is the actor that asked first
 * for the cancel, `reason` its reason in words, and `deadline` the milliseconds that finalizers have. The function
 * `cancelledBy` reads the annotation `CancelledBy` from a cause.
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
 * Reads from the cause of interrupted work which actor cancelled the work and why, for example in a finalizer. The
 * result of `cancelledBy` is none when the work was interrupted in its own actor, or was not interrupted.
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

export const annotation = (cancellation: Cancellation): Context.Context<never> =>
  Context.make(CancelledBy, cancellation) as Context.Context<never>
