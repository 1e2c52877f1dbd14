/**
 * The machine of one refused item, from the reader that finds the item until the decision about it. The machine of a
 * refused item does no IO.
 *
 *   Open -> Deciding (a handler runs, other readers wait) -> Skipped | Repaired | Failed | Cancelled
 *     ^________| the handler was interrupted: the next reader asks again
 *
 * A refused item keeps its position among the items of its stream. One decision about a refused item applies to all
 * readers of the stream, however many there are.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Refusals } from "../inspect/Snapshot.ts"

export type Fate =
  /** The refused item was dropped or answered, and readers continue with the next item. */
  | { readonly _tag: "Skipped" }
  | { readonly _tag: "Repaired"; readonly item: unknown }
  | { readonly _tag: "Failed"; readonly failure: Effect.Effect<never, unknown> }
  /** The dialog of the refused item is being cancelled, and the readers get the end of the dialog. */
  | { readonly _tag: "Cancelled" }

export type State = { readonly _tag: "Open" } | { readonly _tag: "Deciding" } | Fate

export type Input =
  /** A reader asks a receiver's handler for a decision about the refused item. */
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Decided"; readonly fate: Fate }
  /** The fiber of a receiver's handler was interrupted before the handler decided about the refused item. */
  | { readonly _tag: "Withdrawn" }

export const open: State = { _tag: "Open" }

/**
 * Returns the state of a refused item after an input; an input that has no meaning in the present state changes
 * nothing.
 */
export const step = (state: State, input: Input): State => {
  switch (input._tag) {
    case "Ask":
      return state._tag === "Open" ? { _tag: "Deciding" } : state
    case "Decided":
      return state._tag === "Open" || state._tag === "Deciding" ? input.fate : state
    case "Withdrawn":
      return state._tag === "Deciding" ? open : state
  }
}

/** Adds to a count of refused items; the result `isTold` is true when the count has passed a power of two. */
export const counted = (
  refusals: Refusals,
  fate: keyof Refusals,
  count: number
): readonly [refusals: Refusals, isTold: boolean] => {
  const before = refusals[fate]
  const after = before + count
  const isTold = count > 0 && (before === 0 || Math.floor(Math.log2(after)) > Math.floor(Math.log2(before)))
  return [{ ...refusals, [fate]: after }, isTold]
}
