/**
 * The receiving end of one direction of a dialog: keeps the arrived chunks until a reader takes them, and grants credit
 * to the sender.
 *
 * The fiber that reads a chunk also decodes it, so that a wrong payload fails no other work.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import type { Window, Yield } from "@furrow/protocol/Message"
import type * as Effect from "effect/Effect"
import type { StreamOptions } from "../contract/DialogCall.ts"
import { Waiters } from "../settings/Waiters.ts"

/** Returns the window that the reader of a stream announces to the sender. */
export const windowOf = (options: StreamOptions | undefined): Window => ({
  items: Math.max(1, Math.floor(options?.window?.items ?? Credit.defaultWindow.items)),
  bytes: Math.max(2, Math.floor(options?.window?.bytes ?? Credit.defaultWindow.bytes))
})

/**
 * The overflow policy of a stream decides about items that come while the reader is too slow (docs/dialogs.md). With
 * the overflow policy `wait` the writer of a stream waits for its reader, and no item is lost. The overflow policies
 * `error`, `drop-oldest` and `drop-newest` never slow the writer of a stream. When a reader is too slow, the policy
 * `error` ends the dialog, and the policies `drop-oldest` and `drop-newest` lose items.
 *
 * @since 0.1.0
 */
export type Overflow = "wait" | "error" | "drop-oldest" | "drop-newest"

/**
 * The result for an arrived chunk: it was kept, it exceeded the sender's credit (`breach`), or the reader was too slow
 * for it (`overrun`).
 */
export type Pushed = "kept" | "breach" | "overrun"

const sizeOf = ({ items, payload }: Yield): Window => ({ items, bytes: payload.length })

/** The unread chunks of a stream's reader, and the credit of the sender. */
export class Inbox {
  private readonly window: Window
  private readonly overflow: Overflow
  private credit: Credit.Receiver
  private chunks: Array<Yield> = []
  private reading: Window | undefined
  private kept = 0
  private discarding = false
  private readonly waiting = new Waiters()

  constructor(window: Window, overflow: Overflow = "wait") {
    this.window = window
    this.overflow = overflow
    this.credit = Credit.receiver(window)
  }

  /** Adds an arrived chunk; returns the result for the chunk, and the credit to grant to the sender at once. */
  push(chunk: Yield): readonly [Pushed, Window | undefined] {
    const credit = Credit.received(this.credit, chunk.items, chunk.payload.length)
    if (credit === undefined || chunk.items > this.window.items) return ["breach", undefined]
    this.credit = credit
    if (this.discarding) return ["kept", this.consume(sizeOf(chunk))]
    if (this.overflow === "wait") {
      this.keep(chunk)
      return ["kept", undefined]
    }
    // A reader with an overflow policy other than `wait` never slows the writer, so credit is granted back before the
    // chunk is read.
    const grant = this.consume(sizeOf(chunk))
    if (this.kept + chunk.items <= this.window.items) this.keep(chunk)
    else if (this.overflow === "error") return ["overrun", grant]
    else if (this.overflow === "drop-oldest") {
      while (this.kept + chunk.items > this.window.items && this.chunks.length > 0) {
        this.kept -= this.chunks.shift()!.items
      }
      this.keep(chunk)
    }
    return ["kept", grant]
  }

  /**
   * Takes the oldest unread chunk, if there is one, and returns the chunk with the credit to grant to the sender now.
   * The credit of a chunk is granted back when the reader asks for the next chunk, so a reader is at most one window
   * behind.
   */
  take(): readonly [Yield | undefined, Window | undefined] {
    const { reading } = this
    const chunk = this.chunks.shift()
    // Only the size of the taken chunk is kept, so that the memory of its payload can be freed.
    this.reading = chunk === undefined || this.overflow !== "wait" ? undefined : sizeOf(chunk)
    if (chunk !== undefined) this.kept -= chunk.items
    return [chunk, reading === undefined ? undefined : this.consume(reading)]
  }

  /**
   * Ends the reading of the inbox: all chunks are dropped, now and later, and their credit is granted back so that the
   * sender can finish.
   */
  discard(): Window | undefined {
    this.discarding = true
    let items = 0
    let bytes = 0
    while (this.reading !== undefined || this.chunks.length > 0) {
      const [, grant] = this.take()
      items += grant?.items ?? 0
      bytes += grant?.bytes ?? 0
    }
    return items === 0 && bytes === 0 ? undefined : { items, bytes }
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0
  }

  /** The number of items that no reader has taken, and whether a reader waits. */
  inspect(): { readonly items: number; readonly waiting: boolean } {
    return { items: this.kept, waiting: !this.waiting.isEmpty }
  }

  get waiters(): Iterable<object> {
    return this.waiting.all
  }

  /** Wakes the waiting readers of a stream after a change: a chunk has come, or the dialog has ended. */
  notify(): void {
    this.waiting.wake()
  }

  /** Waits for the next change of the inbox: a chunk has come, or the dialog has ended. */
  get changed(): Effect.Effect<void> {
    return this.waiting.next()
  }

  private keep(chunk: Yield): void {
    this.chunks.push(chunk)
    this.kept += chunk.items
  }

  private consume({ bytes, items }: Window): Window | undefined {
    const [credit, grant] = Credit.consumed(this.credit, items, bytes)
    this.credit = credit
    return grant
  }
}
