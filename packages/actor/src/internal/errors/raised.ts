/**
 * Returns the failures and defects of a cause, as they were raised.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"

/**
 * Returns the error or defect of one reason of a Cause. Reasons of a Cause are compared by their error, because an
 * annotation copies the reason but not its error.
 */
export const raisedBy = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : reason

/** Every failure and defect of a cause, in order; an interruption is neither a failure nor a defect. */
export const raisedIn = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.filter((reason) => reason._tag !== "Interrupt").map(raisedBy)
