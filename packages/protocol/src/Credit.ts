/**
 * Flow control of one direction of a dialog: who may send how many items and bytes.
 *
 *   receiver announces a window -> sender spends it -> receiver grants back what its reader consumed
 *
 * Credit never goes negative and never beyond the window; both sides compute the same price, so each can tell when
 * the other breaks the rules. A chunk larger than half the window, in items or in bytes, costs half the window: it can
 * always pass once what was sent before it is consumed, and at most two of its kind are in flight (three in a window of
 * three). The receiver grants when it owes half the window; together the two rules leave no state in which both sides
 * wait for each other. A sender that must not exceed the window's items makes no chunk above `largestChunk`.
 *
 * @since 0.1.0
 */
import type { Window } from "./Message.ts"

/** Default room per direction: 1024 items, 1 MiB. */
export const defaultWindow: Window = { items: 1024, bytes: 1024 * 1024 }

/** The smallest window that can work: less would round half of it down to nothing. */
export const isWindow = (window: Window): boolean =>
  Number.isSafeInteger(window.items) && Number.isSafeInteger(window.bytes) && window.items >= 1 && window.bytes >= 2

const half = (n: number): number => Math.max(1, Math.floor(n / 2))

/** The price of the bytes of a chunk in this window. */
export const price = (window: Window, bytes: number): number => Math.min(bytes, half(window.bytes))

/** Chunks of up to this many items cost what they hold: a sender that makes no larger ones stays within the window. */
export const largestChunk = (window: Window): number => half(window.items)

/** The price of the items of a chunk in this window: at least one, so that nothing is free. */
export const itemPrice = (window: Window, items: number): number => Math.max(1, Math.min(items, half(window.items)))

export interface Sender {
  readonly window: Window
  readonly items: number
  readonly bytes: number
}

export const sender = (window: Window): Sender => ({ window, items: window.items, bytes: window.bytes })

/** True when a chunk may go now. */
export const canSpend = (state: Sender, items: number, bytes: number): boolean =>
  itemPrice(state.window, items) <= state.items && price(state.window, bytes) <= state.bytes

/** Pays for a chunk; the caller asked `canSpend` first, so a refusal here is `undefined` and a bug there. */
export const spend = (state: Sender, items: number, bytes: number): Sender | undefined =>
  canSpend(state, items, bytes)
    ? {
      window: state.window,
      items: state.items - itemPrice(state.window, items),
      bytes: state.bytes - price(state.window, bytes)
    }
    : undefined

/** Credit arrives. Beyond the window it is the peer's `CreditExcess`: `undefined`. */
export const granted = (state: Sender, items: number, bytes: number): Sender | undefined => {
  const next = { window: state.window, items: state.items + items, bytes: state.bytes + bytes }
  return next.items > state.window.items || next.bytes > state.window.bytes ? undefined : next
}

export interface Receiver {
  readonly window: Window
  /** Received and not yet granted back, consumed or not. */
  readonly items: number
  readonly bytes: number
  /** Consumed by the reader and not yet granted back. */
  readonly owedItems: number
  readonly owedBytes: number
}

export const receiver = (window: Window): Receiver => ({ window, items: 0, bytes: 0, owedItems: 0, owedBytes: 0 })

/** A chunk arrives. More than was granted is the peer's `CreditOverrun`: `undefined`. */
export const received = (state: Receiver, items: number, bytes: number): Receiver | undefined => {
  const next = {
    ...state,
    items: state.items + itemPrice(state.window, items),
    bytes: state.bytes + price(state.window, bytes)
  }
  return next.items > state.window.items || next.bytes > state.window.bytes ? undefined : next
}

/** The reader took a chunk: the new state, and what to grant once half the window is owed. */
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
