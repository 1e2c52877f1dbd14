/**
 * An outlet is the sending end of one direction of a dialog: it spends credit, and makes its writer wait when no credit
 * is left.
 *
 * An outlet estimates the size of items before it encodes them. The outlet collects small items, and sends them as one
 * chunk when their estimated size reaches the constant `chunkBytes`. An item larger than `chunkBytes` is a chunk of its
 * own, and is encoded only when the reader has granted credit for it. An outlet keeps at most one chunk or one large
 * item in encoded form.
 *
 * @since 0.1.0
 */
import * as Credit from "@furrow/protocol/Credit"
import type { Window } from "@furrow/protocol/Message"
import type * as Payload from "@furrow/protocol/Payload"
import * as Effect from "effect/Effect"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { aboveLimit } from "../errors/ActorError.ts"
import { Waiters } from "../settings/Waiters.ts"
import { weigh } from "./Weight.ts"

/** The estimated size in bytes at which a chunk of items is full. */
export const chunkBytes = 64 * 1024

/** The largest number of a receiver's answers that may wait for credit; a further answer is refused. */
const maxWaitingAnswers = 64

/** The number of bytes of a frame that are kept free for the envelope around the items. */
const envelopeBytes = 64

export interface OutletOptions {
  readonly channel: PeerChannel
  readonly dialog: number
  readonly window: Window
  readonly items: Payload.Codec<ReadonlyArray<unknown>>
  /** Makes the error of an item that does not match its schema. */
  readonly invalid: (issue: string) => Effect.Effect<never, unknown>
  /** True once this side has ended its half of the dialog; answers that still wait for credit are then dropped. */
  readonly isStopped?: (() => boolean) | undefined
  /**
   * The error of `send` after the dialog has ended. If `ended` is absent, a sender waits after the end of the dialog
   * until its fiber is interrupted.
   */
  readonly ended?: Effect.Effect<never, unknown>
}

/** The sending end of a stream, with its credit and the writers that wait for more credit. */
export class Outlet {
  private credit: Credit.Sender
  private readonly options: OutletOptions
  private readonly waiting = new Waiters()
  private over = false
  private answers: ReadonlyArray<unknown> = []

  constructor(options: OutletOptions) {
    this.options = options
    this.credit = Credit.sender(options.window)
  }

  /** Returns the credit that is left in items and bytes, and whether a writer waits for more credit. */
  inspect(): { readonly items: number; readonly bytes: number; readonly waiting: boolean } {
    return { items: this.credit.items, bytes: this.credit.bytes, waiting: !this.waiting.isEmpty }
  }

  get waiters(): Iterable<object> {
    return this.waiting.all
  }

  /** Adds credit that the peer has granted; returns false if the peer has granted more than its window. */
  grant(items: number, bytes: number): boolean {
    const credit = Credit.granted(this.credit, items, bytes)
    if (credit === undefined) return false
    this.credit = credit
    this.waiting.wake()
    return true
  }

  /** Marks the dialog as over, and wakes the writers that wait for credit. */
  release(): void {
    this.over = true
    this.waiting.wake()
  }

  /** True when the given number of items, with the given estimated size, fills a chunk or uses up the credit. */
  isChunk(count: number, weight: number): boolean {
    const { bytes, items, window } = this.credit
    return weight >= Math.min(chunkBytes, bytes) || count >= Math.min(items, Credit.largestChunk(window))
  }

  /** Calls `callback` once, when the peer has granted more credit or the dialog is over. */
  whenGranted(callback: () => void): void {
    this.waiting.add(callback)
  }

  /** Sends all items at once as one chunk of the given estimated size, or sends none of them. */
  sendNow(items: ReadonlyArray<unknown>, weight: number): "sent" | "no-credit" | "invalid" {
    if (this.over) return "sent"
    if (!Credit.canSpend(this.credit, items.length, weight)) return "no-credit"
    const encoded = this.encode(items, weight)
    if (!encoded.ok) return "invalid"
    if (!Credit.canSpend(this.credit, items.length, encoded.value.length)) return "no-credit"
    this.say(items.length, encoded.value)
    return "sent"
  }

  /**
   * Sends a receiver's answer as soon as there is credit for it; the receiver does not wait. The function `answer`
   * returns `full` when too many answers already wait for credit.
   */
  answer(message: unknown): "sent" | "full" | Effect.Effect<never, unknown> {
    const encoded = this.encode([message], weigh(message, chunkBytes))
    if (!encoded.ok) return this.options.invalid(encoded.issue)
    if (this.answers.length >= maxWaitingAnswers) return "full"
    this.answers = [...this.answers, message]
    if (this.answers.length === 1) this.sendAnswers()
    return "sent"
  }

  private readonly sendAnswers = (): void => {
    if (this.options.isStopped?.() === true) this.answers = []
    while (this.answers.length > 0) {
      const [message, ...rest] = this.answers
      if (this.sendNow([message], weigh(message, chunkBytes)) === "no-credit") return this.whenGranted(this.sendAnswers)
      this.answers = rest
    }
  }

  /** Sends items in order, in as few chunks as possible; waits while the reader has granted no credit. */
  send(items: ReadonlyArray<unknown>): Effect.Effect<void, unknown> {
    return Effect.suspend(() => this.from(items, 0, false))
  }

  /**
   * Sends the given items from the index `start` on. The argument `admitted` is true after a wait for room in the
   * connection: a chunk is then sent even if the connection is full again.
   */
  private from(items: ReadonlyArray<unknown>, start: number, admitted: boolean): Effect.Effect<void, unknown> {
    let at = start
    let mayPass = admitted
    let alone = false
    while (at < items.length) {
      if (this.over) return this.options.ended ?? Effect.never
      if (!mayPass && this.options.channel.writer.isFull) {
        return Effect.flatMap(this.room, () => this.from(items, at, true))
      }
      if (this.credit.items === 0) return Effect.flatMap(this.credited, () => this.from(items, at, false))
      const [count, weight] = this.cut(items, at, alone)
      if (!Credit.canSpend(this.credit, count, weight)) {
        return Effect.flatMap(this.credited, () => this.from(items, at, false))
      }
      const encoded = this.encode(at === 0 && count === items.length ? items : items.slice(at, at + count), weight)
      if (!encoded.ok) {
        if (count === 1) return this.options.invalid(encoded.issue)
        // When an item of a chunk is invalid, the items are sent one by one, because the valid items before it should
        // arrive.
        alone = true
        continue
      }
      if (!Credit.canSpend(this.credit, count, encoded.value.length)) return this.later(items, at, count, encoded.value)
      this.say(count, encoded.value)
      at += count
      mayPass = false
    }
    return Effect.void
  }

  /**
   * Waits until the reader has granted credit for an encoded chunk, and then sends the chunk. A chunk that waits for
   * credit is kept in encoded form, and is sent unchanged.
   */
  private later(
    items: ReadonlyArray<unknown>,
    at: number,
    count: number,
    payload: Uint8Array
  ): Effect.Effect<void, unknown> {
    return Effect.flatMap(this.credited, () => {
      if (this.over) return this.from(items, at, false)
      if (!Credit.canSpend(this.credit, count, payload.length)) return this.later(items, at, count, payload)
      this.say(count, payload)
      return this.from(items, at + count, false)
    })
  }

  /** Returns how many items, from the index `at` on, make the next chunk, and their estimated size. */
  private cut(items: ReadonlyArray<unknown>, at: number, alone: boolean): readonly [count: number, weight: number] {
    const most = alone
      ? 1
      : Math.min(items.length - at, this.credit.items, Credit.largestChunk(this.credit.window))
    let weight = weigh(items[at], chunkBytes)
    let count = 1
    while (count < most) {
      const more = weight + weigh(items[at + count], chunkBytes)
      if (more > chunkBytes) break
      weight = more
      count++
    }
    return [count, weight]
  }

  private encode(items: ReadonlyArray<unknown>, weight: number): Payload.Result<Uint8Array> {
    const { maxFrame } = this.options.channel
    // Items whose estimated size is above the largest size of a frame are refused before they are encoded.
    if (weight > maxFrame) return { ok: false, issue: aboveLimit(weight, maxFrame) }
    const encoded = this.options.items.encode(items)
    if (!encoded.ok) return encoded
    const size = encoded.value.length
    return size > maxFrame - envelopeBytes ? { ok: false, issue: aboveLimit(size, maxFrame) } : encoded
  }

  private say(items: number, payload: Uint8Array): void {
    this.credit = Credit.spend(this.credit, items, payload.length)!
    this.options.channel.send({ _tag: "Yield", dialog: this.options.dialog, items, payload })
  }

  /** Waits until the peer may have granted more credit. */
  private get credited(): Effect.Effect<void> {
    const { channel: { events, peer }, dialog: id } = this.options
    events.meter.stalls++
    if (events.isWatched) events.tell({ _tag: "CreditStalled", peer, id })
    return this.waiting.next()
  }

  private readonly room: Effect.Effect<void> = Effect.callback<void>((resume) => {
    // The connection may have got room again before this effect began, so the effect asks once more whether the
    // connection is full.
    if (!this.options.channel.writer.isFull) return resume(Effect.void)
    return Effect.sync(this.options.channel.writer.whenRoom(() => resume(Effect.void)))
  })
}
