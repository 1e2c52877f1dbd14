/**
 * Computes the credit of one direction of a dialog: how many items and bytes the sender may send.
 *
 *   receiver announces a window -> sender spends it -> receiver grants back what its reader consumed
 *
 * The credit of a sender is never negative and never exceeds the window. Both sides compute the same price for a chunk
 * of items, so each side notices when the peer breaks the rules of credit. A chunk with more items or bytes than half
 * the window costs only half the window. A chunk of any size can be sent once the reader has consumed the chunks before
 * it. The receiver grants credit once the chunks that were read, and whose credit was not granted back, amount to half
 * the window. The rule for granting credit and the price of chunks together exclude a state in which both sides wait
 * for each other. A sender that must not exceed the window's number of items makes no chunk with more items than the
 * function `largestChunk` returns.
 *
 * @since 0.1.0
 */
import type { Window } from "./Message.ts"

/**
 * The default window of each direction has room for 1024 items and 1 MiB.
 *
 * @example
 * ```ts
 * Credit.defaultWindow // { items: 1024, bytes: 1_048_576 }
 * ```
 * @category constants
 * @since 0.1.0
 */
export const defaultWindow: Window = { items: 1024, bytes: 1024 * 1024 }

/**
 * True for a window that works: at least one item and two bytes, because half of fewer bytes rounds down to 0.
 *
 * @example
 * ```ts
 * Credit.isWindow({ items: 1, bytes: 2 }) // true
 * Credit.isWindow({ items: 1, bytes: 1 }) // false
 * ```
 * @category predicates
 * @since 0.1.0
 */
export const isWindow = (window: Window): boolean =>
  Number.isSafeInteger(window.items) && Number.isSafeInteger(window.bytes) && window.items >= 1 && window.bytes >= 2

const half = (n: number): number => Math.max(1, Math.floor(n / 2))

/**
 * Returns the price of a chunk in bytes: the number of its bytes, but at most half of the bytes of the window.
 *
 * @example
 * ```ts
 * Credit.price({ items: 4, bytes: 100 }, 30) // 30
 * Credit.price({ items: 4, bytes: 100 }, 3000) // 50
 * ```
 * @category prices
 * @since 0.1.0
 */
export const price = (window: Window, bytes: number): number => Math.min(bytes, half(window.bytes))

/**
 * Returns the largest number of items for which a chunk costs one item of credit each. A chunk with more items costs as
 * much as a chunk with this number. A sender whose chunks have no more items than the function `largestChunk` returns
 * never exceeds the window.
 *
 * @example
 * ```ts
 * Credit.largestChunk({ items: 8, bytes: 100 }) // 4
 * ```
 * @category prices
 * @since 0.1.0
 */
export const largestChunk = (window: Window): number => half(window.items)

/**
 * Returns the price of a chunk in items: the number of its items, but at most half of the window. An empty chunk costs
 * 1 item, because it also takes a frame.
 *
 * @example
 * ```ts
 * Credit.itemPrice({ items: 8, bytes: 100 }, 0) // 1
 * Credit.itemPrice({ items: 8, bytes: 100 }, 100) // 4
 * ```
 * @category prices
 * @since 0.1.0
 */
export const itemPrice = (window: Window, items: number): number => Math.max(1, Math.min(items, half(window.items)))

/**
 * The credit that the sender of one direction of a dialog has left, in items and bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sender {
  readonly window: Window
  readonly items: number
  readonly bytes: number
}

/**
 * Returns the credit of a sender before its first chunk: the whole window.
 *
 * @example
 * ```ts
 * Credit.sender({ items: 8, bytes: 100 }).items // 8
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const sender = (window: Window): Sender => ({ window, items: window.items, bytes: window.bytes })

/**
 * True when the sender has credit for a chunk with this number of items and bytes.
 *
 * @example
 * ```ts
 * Credit.canSpend(Credit.sender({ items: 8, bytes: 100 }), 3, 30) // true
 * ```
 * @category predicates
 * @since 0.1.0
 */
export const canSpend = (state: Sender, items: number, bytes: number): boolean =>
  itemPrice(state.window, items) <= state.items && price(state.window, bytes) <= state.bytes

/**
 * Pays the price of a chunk from the sender's credit. Returns `undefined` when the credit does not suffice, which is
 * the case when the function `canSpend` returns false.
 *
 * @example
 * ```ts
 * Credit.spend(Credit.sender({ items: 8, bytes: 100 }), 3, 30) // { window: { items: 8, bytes: 100 }, items: 5, bytes: 70 }
 * ```
 * @category steps
 * @since 0.1.0
 */
export const spend = (state: Sender, items: number, bytes: number): Sender | undefined =>
  canSpend(state, items, bytes)
    ? {
      window: state.window,
      items: state.items - itemPrice(state.window, items),
      bytes: state.bytes - price(state.window, bytes)
    }
    : undefined

/**
 * Adds credit that the receiver granted. Returns `undefined` when the credit would exceed the window: the receiver
 * broke the rule `CreditExcess`.
 *
 * @example
 * ```ts
 * const full = Credit.sender({ items: 8, bytes: 100 })
 * Credit.granted(full, 1, 0) // undefined
 * ```
 * @category steps
 * @since 0.1.0
 */
export const granted = (state: Sender, items: number, bytes: number): Sender | undefined => {
  const next = { window: state.window, items: state.items + items, bytes: state.bytes + bytes }
  return next.items > state.window.items || next.bytes > state.window.bytes ? undefined : next
}

/**
 * The items and bytes that the receiver of one direction has received, and the items and bytes that it has still to
 * grant back.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receiver {
  readonly window: Window
  /** The number of items that were received and not yet granted back, whether consumed or not. */
  readonly items: number
  readonly bytes: number
  /** The number of items that the reader has consumed and that are not yet granted back. */
  readonly owedItems: number
  readonly owedBytes: number
}

/**
 * Returns the state of a receiver before the sender has sent any chunk.
 *
 * @example
 * ```ts
 * Credit.receiver({ items: 8, bytes: 100 }).owedItems // 0
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const receiver = (window: Window): Receiver => ({ window, items: 0, bytes: 0, owedItems: 0, owedBytes: 0 })

/**
 * Records that a chunk of items has arrived, with its cost in items and bytes of credit. Returns `undefined` when the
 * chunk costs more than was granted: the sender broke the rule `CreditOverrun`.
 *
 * @example
 * ```ts
 * const empty = Credit.receiver({ items: 2, bytes: 100 })
 * const full = Credit.received(empty, 2, 30)!
 * full.items // 1
 * Credit.received({ ...full, items: 2 }, 1, 0) // undefined
 * ```
 * @category steps
 * @since 0.1.0
 */
export const received = (state: Receiver, items: number, bytes: number): Receiver | undefined => {
  const next = {
    ...state,
    items: state.items + itemPrice(state.window, items),
    bytes: state.bytes + price(state.window, bytes)
  }
  return next.items > state.window.items || next.bytes > state.window.bytes ? undefined : next
}

/**
 * Records that the reader has consumed a chunk of the given items and bytes. Returns the new state, and the credit to
 * grant once the consumed items or bytes reach half the window.
 *
 * @example
 * ```ts
 * const state = Credit.received(Credit.receiver({ items: 8, bytes: 100 }), 4, 10)!
 * Credit.consumed(state, 4, 10)[1] // { items: 4, bytes: 10 }
 * ```
 * @category steps
 * @since 0.1.0
 */
export const consumed = (
  state: Receiver,
  items: number,
  bytes: number
): readonly [Receiver, Window | undefined] => {
  const owedItems = state.owedItems + itemPrice(state.window, items)
  const owedBytes = state.owedBytes + price(state.window, bytes)
  if (owedItems < half(state.window.items) && owedBytes < half(state.window.bytes)) {
    return [{ ...state, owedItems, owedBytes }, undefined]
  }
  return [
    {
      window: state.window,
      items: state.items - owedItems,
      bytes: state.bytes - owedBytes,
      owedItems: 0,
      owedBytes: 0
    },
    { items: owedItems, bytes: owedBytes }
  ]
}
