/**
 * The machine of one payload that does not match its schema, from the reader that finds the payload until the payload's
 * fate is decided. The machine of a refused payload does no IO.
 *
 *   Open -> Deciding (a handler runs, other readers wait) -> Skipped | Repaired | Failed | Cancelled
 *     ^________| the handler was interrupted: the next reader asks again
 *
 * A refused payload keeps its position among the items of its stream. The items of the stream keep their order, and one
 * decision about the refused payload is made for any number of readers.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Refusals } from "../inspect/Snapshot.ts"

export type Fate =
  /** The payload was dropped or answered, and readers continue with the next payload. */
  | { readonly _tag: "Skipped" }
  | { readonly _tag: "Repaired"; readonly item: unknown }
  | { readonly _tag: "Failed"; readonly failure: Effect.Effect<never, unknown> }
  /** The dialog of the payload is being cancelled, and readers get the end of the dialog. */
  | { readonly _tag: "Cancelled" }

export type State = { readonly _tag: "Open" } | { readonly _tag: "Deciding" } | Fate

export type Input =
  /** A reader asks the handler of the receiver for a decision. */
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Decided"; readonly fate: Fate }
  /** The handler was interrupted before it decided. */
  | { readonly _tag: "Withdrawn" }

export const open: State = { _tag: "Open" }

/** Returns the state of the payload after an input; an input that has no meaning in the state changes nothing. */
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

/**
 * Adds to a count of payloads; returns true when the count has reached the next power of two, at which an event is
 * published.
 */
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
