/**
 * Moves bytes between two actors, in order, and nothing else.
 *
 * A connection knows no messages, no dialogs and no actors. It owes its user three things: bytes arrive in the order
 * they were written, a peer that stops reading makes `write` answer `false` until `drain`, and the end is reported
 * once. It is made of callbacks, not effects: this is the hot path, where a fiber per chunk is what costs.
 *
 * @since 0.1.0
 */

/** What a connection tells its one user. None of these may throw. */
export interface ConnectionHandlers {
  readonly data: (bytes: Uint8Array) => void
  /** There is room again after `write` answered `false`. */
  readonly drain: () => void
  /** No more data will come; said once. `reason` where it is not a clean end. */
  readonly end: (reason: string | undefined) => void
}

/** One open connection. */
export interface Connection {
  /** Starts reading. Called once. */
  readonly start: (handlers: ConnectionHandlers) => void
  /** Queues the chunks in order; `false` when full. The connection owns the bytes from here on. */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  /** Sends what is queued, then ends our half. */
  readonly end: () => void
  /** Ends both halves at once; what is queued is lost. */
  readonly destroy: () => void
}
